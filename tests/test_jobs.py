"""What a scheduled job leaves behind: lines of a log, gauges in a file, silence; and the examples that schedule it."""

import ast
import configparser
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
import towns
from conftest import absent

from riskwarn import tracking
from riskwarn.cli import command, main
from riskwarn.cli.nights import LACKING
from riskwarn.errors import DataError, NotFoundError
from riskwarn.gauges import write_gauges
from riskwarn.store import Store

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples" / "schedule"
SERVING = ROOT / "examples" / "serve"
NIGHT = ["nightly", "--as-of", towns.STREET_NIGHT, "--target", towns.TARGET, "--alias", tracking.CANDIDATE]


@pytest.fixture
def street(tmp_path):
    """A copy of the street to write in."""
    return towns.copy(towns.street(), tmp_path / "street")


@pytest.fixture
def lines(tmp_path, monkeypatch):
    """The lines of the log so far."""
    log = tmp_path / "jobs.jsonl"
    monkeypatch.setenv("RISKWARN_LOG", str(log))
    return lambda: [json.loads(line) for line in log.read_text("utf-8").splitlines()]


def test_a_job_leaves_a_line_a_step_and_one_for_its_end(street, lines):
    """Each with time, verb, level and seconds; the end has the exit code and no less time than all steps."""
    assert main([*NIGHT, "--store", str(street.path)]) == 0
    told = lines()

    assert {line["verb"] for line in told} == {"nightly"}
    assert len({line["run"] for line in told}) == 1
    assert any("12 grids scored" in line["step"] for line in told)
    *steps, end = told
    assert (end["step"], end["level"], end["exit_code"]) == ("done", "info", 0)
    assert end["seconds"] >= round(sum(line["seconds"] for line in steps), 3) - 0.001 * len(steps)
    assert sorted(told, key=lambda line: pd.Timestamp(line["time"])) == told


def test_an_error_is_a_line_too(tmp_path, lines, capsys):
    """What was told on standard error stands in the log, with its exit code."""
    code = main([*NIGHT, "--store", str(tmp_path / "nowhere")])
    said = capsys.readouterr().err.strip()
    (line,) = lines()

    assert code == NotFoundError.exit_code
    assert (line["level"], line["exit_code"]) == ("error", code)
    assert said == f"riskwarn: {line['step']}"


def test_a_log_that_cannot_be_written_keeps_no_job_back(street, tmp_path, monkeypatch, capsys):
    """It is told once on standard error."""
    monkeypatch.setenv("RISKWARN_LOG", str(tmp_path / "no" / "such.jsonl"))

    assert main([*NIGHT, "--store", str(street.path)]) == 0
    assert capsys.readouterr().err.count("cannot be written") == 1


def test_quiet_is_silent_about_what_went_well(street, capsys):
    """Nothing is printed of a night that is whole; an error is."""
    assert main([*NIGHT, "--store", str(street.path), "--quiet"]) == 0
    silent = capsys.readouterr()
    code = main(["nightly", "--as-of", "2031-01-01", "--target", "none", "--store", str(street.path), "--quiet"])

    assert (silent.out, silent.err) == ("", "")
    assert code != 0
    assert capsys.readouterr().err


def test_quiet_says_what_a_night_lacks(street, capsys):
    """A night published without some of its data is told all the same."""
    late = pd.Timestamp(towns.STREET_NIGHT) + pd.Timedelta(days=30)
    code = main(["nightly", "--as-of", f"{late:%Y-%m-%d}", *NIGHT[3:], "--store", str(street.path), "--quiet"])

    assert code == LACKING
    assert capsys.readouterr().out.strip()


def test_gauges_lie_in_a_file_for_prometheus(street, tmp_path):
    """Its age, whether it is degraded or stopped, grids, alerts, gaps and monitors by kind: as the newest night has them."""
    main([*NIGHT, "--store", str(street.path), "--quiet"])
    night, target = street.newest_night(), tmp_path / "riskwarn.prom"
    write_gauges(street, target, now=night.as_of + pd.Timedelta(hours=5))
    gauges = dict(line.rsplit(" ", 1) for line in target.read_text().splitlines() if not line.startswith("#"))

    assert float(gauges["riskwarn_night_age_seconds"]) == 5 * 3600
    assert (float(gauges["riskwarn_night_degraded"]), float(gauges["riskwarn_stopped"])) == (0, 0)
    assert sum(float(n) for name, n in gauges.items() if name.startswith("riskwarn_grids")) == 12
    for name, table in (("riskwarn_alerts", "alerts"), ("riskwarn_gaps", "gaps")):
        assert sum(float(n) for key, n in gauges.items() if key.startswith(name)) == len(night.table(table))


def test_a_store_without_a_night_has_a_gauge(tmp_path):
    """Whether it is stopped; an age that is absent is what one is told by."""
    target = tmp_path / "riskwarn.prom"
    write_gauges(Store(tmp_path / "city", timezone="Asia/Shanghai"), target)

    assert re.findall(r"^(\w+) ", target.read_text(), re.MULTILINE) == ["riskwarn_stopped"]


@pytest.mark.parametrize("name", ["riskwarn.txt", "no/riskwarn.prom"])
def test_gauges_that_nobody_would_read_are_refused(tmp_path, name):
    """A name the collector passes over, or a folder that is not there."""
    with pytest.raises(DataError, match="textfile collector"):
        write_gauges(Store(tmp_path / "city", timezone="Asia/Shanghai"), tmp_path / name)


# --- the examples


def service(name):
    """A unit of systemd, each key with all its values."""
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(EXAMPLES / name)
    return parser


def commands():
    """Every call of riskwarn in the examples, as words."""
    for file in sorted([*EXAMPLES.iterdir(), *SERVING.iterdir()]):
        text = file.read_text("utf-8")
        text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
        for call in re.findall(r"(?:^|[ /\"=])riskwarn ([a-z][^\n&|>\"]*)", text, re.MULTILINE):
            yield pytest.param(shlex.split(call.replace("{NIGHT}", "2025-01-01")), id=f"{file.name}: {call[:40]}")


@pytest.mark.parametrize("words", list(commands()))
def test_every_call_of_the_examples_can_be_read(words):
    """Each verb, option and argument of a schedule is one the command line knows."""
    verb, *rest = words
    known = command().get_command(None, verb)
    if hasattr(known, "list_commands"):
        known, rest = known.get_command(None, rest[0]), rest[1:]

    assert known.make_context(verb, list(rest), resilient_parsing=False) is not None


def test_each_way_of_scheduling_does_the_night():
    """Cron, systemd and Airflow bring in, score, publish and leave gauges."""
    for name in ("crontab", "riskwarn-night.service", "riskwarn_night.py"):
        text = (EXAMPLES / name).read_text("utf-8")
        assert [verb for verb in ("ingest", "nightly", "metrics") if f"riskwarn {verb} " not in text] == []


def test_a_night_that_lacks_something_is_no_failure_of_the_job():
    """Systemd and Airflow take its exit code for a success; any other but 0 stays a failure."""
    unit = service("riskwarn-night.service")

    assert unit["Service"]["SuccessExitStatus"].split() == [str(LACKING)]
    assert f"|| [ $? -eq {LACKING} ]" in (EXAMPLES / "riskwarn_night.py").read_text("utf-8")


def test_data_that_do_not_come_keep_no_night_back():
    """A delivery that fails is a failure that is told, and the night is made of what there is."""
    unit = (EXAMPLES / "riskwarn-night.service").read_text("utf-8")
    tree = ast.parse((EXAMPLES / "riskwarn_night.py").read_text("utf-8"))
    rules = {
        {k.arg: k.value for k in node.keywords}["task_id"].value: [
            k.value.value for k in node.keywords if k.arg == "trigger_rule"
        ]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "BashOperator"
    }

    assert re.search(r"^ExecStart=-\S+ ingest ", unit, re.MULTILINE)
    assert re.search(r"^ExecStart=[^-]\S+ nightly ", unit, re.MULTILINE)
    assert rules["night"] == ["all_done"]


def test_proxies_lead_to_where_the_server_listens():
    """The unit, nginx and Caddy have one address, the unit believes a proxy of this machine alone, and the gauges stay within."""
    unit = (SERVING / "riskwarn.service").read_text("utf-8")
    nginx, caddy = ((SERVING / name).read_text("utf-8") for name in ("nginx.conf", "Caddyfile"))

    assert "--host 127.0.0.1 --port 8000 --allowed-host risk.example --trusted-proxy 127.0.0.1" in unit
    assert "proxy_pass http://127.0.0.1:8000;" in nginx
    assert "reverse_proxy 127.0.0.1:8000" in caddy
    assert [text for text in (nginx, caddy) if "risk.example" not in text or "/metrics" not in text] == []
    assert {"X-Forwarded-For $remote_addr", "X-Forwarded-Proto $scheme"} <= set(
        re.findall(r"proxy_set_header (X-\S+ \S+);", nginx)
    )


def test_systemd_takes_the_units(tmp_path):
    """Systemd's own check finds no fault but the program, which is not installed there."""
    if shutil.which("systemd-analyze") is None:
        absent("systemd-analyze is not installed")
    for file in [*EXAMPLES.glob("riskwarn-*"), SERVING / "riskwarn.service"]:
        text = re.sub(r"/opt/riskwarn/bin/riskwarn", "/bin/true", file.read_text("utf-8"))
        (tmp_path / file.name).write_text(text, "utf-8")
    units = sorted(map(str, tmp_path.iterdir()))
    told = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )

    assert [line for line in told.stderr.splitlines() if "riskwarn" in line] == []
