"""The long form: ``make faults``, or ``python -m faults [NAME…]`` with ``tests`` in the path. Ends with 1 where a target is missed."""

import sys
import tempfile
import time
import warnings
from pathlib import Path

from faults.trial import TRIALS, Line

SAID = {True: "ok", False: "MISSED", None: ""}


def say(line: str) -> None:
    """A line at once: the long form takes its time."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(asked: list[str]) -> int:
    """Run the trials asked for, all by default, each as ``killed`` or ``killed=60`` for another number, and print one table."""
    names = {name: int(n or 0) for name, _, n in (word.partition("=") for word in asked)}
    warnings.simplefilter("ignore")
    say("| fault | target | measured | |\n| --- | --- | --- | --- |")
    lines: list[Line] = []
    began = time.monotonic()
    for name, (trial, _, n) in TRIALS.items():
        if names and name not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            for line in trial(Path(folder), names.get(name) or n):
                lines.append(line)
                say(f"| {line.fault} | {line.target} | {line.measured} | {SAID[line.passed]} |")
    asked_for = [line.passed for line in lines if line.passed is not None]
    say(f"\n{sum(asked_for)} of {len(asked_for)} targets met in {time.monotonic() - began:.0f} s")
    return 0 if all(asked_for) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
