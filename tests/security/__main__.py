"""``make security``, or ``python -m security [R24 …]`` with ``tests`` in the path: the fault list R19 to R35, R40 and R44 with figures of this run.

Ends with 1 where a target is missed. What could not be asked, as advisories without a network, is said and counts as not known.
"""

import sys
from pathlib import Path

from security.probes import PROBES
from security.report import FAULTS, line, ran, run_tests

TESTS = Path(__file__).parent.parent


def main(asked: list[str]) -> int:
    """Run what is tried against the faults asked for, all by default, and print one table; any other word is one of pytest's."""
    known = {fault["id"] for fault in FAULTS}
    names, options = known & set(asked), [word for word in asked if word not in known]
    chosen = [fault for fault in FAULTS if not names or fault["id"] in names]
    collector = run_tests(
        [name for fault in chosen for name in fault.get("tests", ())], TESTS, options=["--slow", *options]
    )
    lines = [(fault, ran(fault, collector, PROBES)) for fault in chosen]
    sys.stdout.write(
        "\n| | fault | tried by | figures of this run | target | |\n| --- | --- | --- | --- | --- | --- |\n"
    )
    for fault, made in lines:
        sys.stdout.write(f"{line(fault, made)}\n")
    met = [made.met for _, made in lines]
    sys.stdout.write(
        f"\n{met.count(True)} of {len(met)} targets met, {met.count(False)} missed, {met.count(None)} not known\n"
    )
    return 1 if False in met else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
