"""What no single test measures: swaps under load, odd input on every route, crafted archives, the lock, licences, secrets in the repository."""

import ast
import functools
import hashlib
import json
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import tomllib
import warnings
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from security.bill import LOCKS, licence_of
from security.bill import lock as locks
from security.report import Found

ROOT = Path(__file__).parent.parent.parent
MOST_DEPENDENCIES = 12
_SECRETS = {
    "a private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----",
    "a token of ours": r"\brw_[A-Za-z0-9_-]{43}\b",
    "a key of a cloud": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bLTAI[A-Za-z0-9]{16,}\b",
    "a token of a host of code": r"\bgh[pousr]_[A-Za-z0-9]{36}\b|\bglpat-[A-Za-z0-9_-]{20}\b",
    "a signed token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\b",
    "a password in an address": r"[a-z]+://[^\s:/@\"'<>{}]+:(?!\*\*\*)[^\s:/@\"'<>{}$]{6,}@[a-z0-9.-]+\.[a-z]{2,}",
}
_ODD = (
    "",
    "\x00",
    "%00",
    "../../etc/passwd",
    "..%2f..%2fetc",
    "'; DROP TABLE x",
    "<script>",
    "9" * 400,
    "-1",
    "1e999",
    "NaN",
)
_ODD += ("\ud83d\ude00", "A" * 3000, "{{7*7}}", "${7*7}", "%s%n", "\u202e", "null", "true", "[]", "2025-13-45", "0x10")


# -- the application ------------------------------------------------------------------------------------------------------


@functools.cache
def _town() -> Path:
    from towns import web

    return web.build(Path(tempfile.mkdtemp()) / "town").path


def _app(path: Path):
    from towns import web

    from riskwarn.web import create_app

    app = create_app(path, clock=lambda: web.NOW)
    app.state.rates = None
    return app


def registry() -> Found:
    """A registry that refuses, hangs and lies, while a night is made."""
    from faults.trial import TRIALS

    trial, n, _ = TRIALS["registry"]
    with tempfile.TemporaryDirectory() as folder:
        lines = trial(Path(folder), n)
    wrong = [line.fault for line in lines if line.passed is False]
    return Found(not wrong, {"registries": len(lines)}, ", ".join(wrong))


def swaps(n: int = 40, clients: int = 8) -> Found:
    """The pointer of the newest night goes to and fro between two runs, no score of which is alike, so that a mixture shows, while clients ask for scores."""
    from towns import web
    from visiting import at_the_machine

    from riskwarn.store import Store

    path = Path(tempfile.mkdtemp()) / "town"
    shutil.copytree(_town(), path)
    store = Store(path)
    night = store.newest_night()
    web.publish(store, web.NIGHTS[-1], seed=99, run="other")
    app, ended, runs = _app(path), threading.Event(), (night.run, "other")
    known = {
        run: at_the_machine(_pointed(app, night.path.parent, run)).get("/api/v1/scores").json()["items"] for run in runs
    }
    alike = sum(row in known["other"] for row in known[night.run] if row["probability"] is not None)

    def ask(_: int) -> list[tuple[str, bool]]:
        client, good = at_the_machine(app), []
        while not ended.is_set():
            answer = client.get("/api/v1/scores")
            body = answer.json() if answer.status_code == 200 else {}
            good.append((body.get("run", ""), body.get("items", ()) == known.get(body.get("run"))))
        return good

    with ThreadPoolExecutor(clients) as pool:
        asking = [pool.submit(ask, k) for k in range(clients)]
        for k in range(n):
            _pointed(app, night.path.parent, runs[k % 2])
            ended.wait(0.05)
        ended.set()
        answers = [one for task in asking for one in task.result()]
    wrong = [good for _, good in answers].count(False)
    of_each = min(sum(run == name for run, _ in answers) for name in runs)
    return Found(
        not wrong and not alike and of_each > 0,
        {
            "swaps": n,
            "clients": clients,
            "answers": len(answers),
            "of the rarer run": of_each,
            "failed or mixed": wrong,
        },
        "the two runs are alike" if alike else "",
    )


def _pointed(app, folder: Path, run: str):
    """The application, with the pointer of the night at a run."""
    beside = folder / ".current.swap"
    beside.write_text(run)
    beside.replace(folder / "current")
    return app


def malformed() -> Found:
    """Odd words in every parameter of every route that is described, and in its path."""
    from visiting import at_the_machine

    app = _app(_town())
    client = at_the_machine(app, raise_server_exceptions=False)
    n, failed, echoed, unknown = 0, [], [], []
    for path, calls in app.openapi()["paths"].items():
        for method, call in calls.items():
            said = {int(status) for status in call["responses"]}
            for ask in _asks(path, call):
                answer = client.request(method, ask["path"], params=ask["params"], follow_redirects=False)
                n += 1
                failed += [f"{method} {path}"] if answer.status_code >= 500 else []
                echoed += [path] if "<script>" in answer.text or "7*7" in answer.text else []
                unknown += [path] if answer.status_code < 300 and answer.status_code not in said else []
    figures = {"requests": n, "5xx": len(failed), "echoed": len(echoed), "undocumented 2xx": len(unknown)}
    return Found(
        not failed and not echoed and not unknown, figures, ", ".join(sorted({*failed, *echoed, *unknown})[:3])
    )


def _asks(path: str, call: dict) -> list[dict]:
    """A request for each odd word in each place that takes one."""
    from urllib.parse import quote

    named = re.findall(r"\{(\w+)\}", path)
    plain = re.sub(r"\{\w+\}", "G0001", path)
    within = (
        [
            {"path": re.sub(r"\{\w+\}", quote(odd.encode("utf-8", "replace").decode(), safe=""), path), "params": {}}
            for odd in _ODD
        ]
        if named
        else []
    )
    params = [p["name"] for p in call.get("parameters", ()) if p["in"] == "query"] + ["no_such_parameter"]
    return within + [
        {"path": plain, "params": {name: odd.encode("utf-8", "replace")}} for name in params for odd in _ODD
    ]


def scripts() -> Found:
    """Forty strings of script wherever a word of a user is shown again, in a browser: dialogs, CSP reports, errors of the console."""
    from security.browser import shown

    return shown()


# -- archives and code ----------------------------------------------------------------------------------------------------


_CRAFTED = {
    "up": ("../outside", "out of the folder"),
    "absolute": ("/tmp/riskwarn-outside", "out of the folder"),
    "windows": ("..\\outside", "out of the folder"),
    "drive": ("C:outside", "out of the folder"),
    "deep": ("tables/../../outside", "out of the folder"),
    "another spelling": ("tables//outside", "out of the folder"),
    "link": ("outside", "a link"),
    "bomb": ("outside", "times as large"),
    "many bombs": ("outside", "times as large"),
    "manifest bomb": ("", "times as large"),
    "lying bomb": ("outside", "BadZipFile"),
    "twice": ("store.json", "files and manifest differ"),
    "in the way": ("store.json/outside", "Error"),
    "not in the manifest": ("outside", "files and manifest differ"),
    "another digest": ("outside", "not as it was"),
}
"""By fault: the name of the one member that a good backup is given besides, and what the refusal says."""
_LARGE = 24 << 20


def archives() -> Found:
    """A good backup with one fault each: members that lead out, are links, or are a thousand times as large as the file; the good one is taken."""
    from riskwarn.errors import DataError
    from riskwarn.store import Store
    from riskwarn.store.backup import back_up, restore

    wrong, outside = [], []
    with tempfile.TemporaryDirectory() as folder:
        good, store = Path(folder) / "good.zip", Store(Path(folder) / "small", timezone="Asia/Shanghai")
        store.publish("2025-01-08", {}, run="a")
        back_up(store, good)
        for kind, said in {"none": "", **{kind: said for kind, (_, said) in _CRAFTED.items()}}.items():
            source, within = Path(folder) / f"{kind}.zip", Path(folder) / "a" / "b"
            _craft(good, source, kind)
            try:
                restore(source, within / "city")
            except DataError as error:
                wrong += [] if said and said in str(error) else [f"{kind}: {error}"]
            else:
                wrong += [kind] if said else []
            left = [place for place in within.parent.rglob("*") if not place.is_relative_to(within / "city")]
            outside += [kind] if [*left] != [within] or Path("/tmp/riskwarn-outside").exists() else []
            shutil.rmtree(within.parent, ignore_errors=True)
    figures = {"archives": len(_CRAFTED), "not refused for their fault": len(wrong), "files outside": len(outside)}
    return Found(not wrong and not outside, figures, "; ".join([*wrong[:3], *outside[:3]]))


def _craft(good: Path, made: Path, kind: str) -> None:
    """A backup that differs from a good one in one fault alone: what is put in has its right digest in the manifest."""
    name, _ = _CRAFTED.get(kind, ("", ""))
    large = b"\0" * _LARGE if "bomb" in kind else b""
    put = {name: large or b"/etc/passwd"} if name else {}
    put |= {f"outside{n}": large for n in range(3)} if kind == "many bombs" else {}
    kept = {} if kind in {"not in the manifest", "twice"} else put
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.namelist():
            if member != "MANIFEST.json":
                new.writestr(member, old.read(member))
        manifest = json.loads(old.read("MANIFEST.json"))
        manifest["sha256"] |= {member: hashlib.sha256(body).hexdigest() for member, body in kept.items()}
        if kind == "another digest":
            manifest["sha256"][name] = "0" * 64
        new.writestr(
            "MANIFEST.json", json.dumps(manifest).encode() + (b" " * _LARGE if kind == "manifest bomb" else b"")
        )
        for member, body in put.items():
            about = zipfile.ZipInfo(member)
            about.external_attr = (0o120777 if kind == "link" else 0o100644) << 16
            with warnings.catch_warnings(action="ignore"):  # of a name that is there twice
                new.writestr(about, body, zipfile.ZIP_DEFLATED)
    if kind == "lying bomb":
        made.write_bytes(made.read_bytes().replace(struct.pack("<L", _LARGE), struct.pack("<L", 1)))


def imports() -> Found:
    """Imports of what runs what it reads, and calls of eval and exec, in the package."""
    meant = {
        "riskwarn/feature/group.py",  # features are declared in Python, by who owns the store
        "riskwarn/distributed/process_engine.py",  # a run reads what it sent to its own processes,
        "riskwarn/distributed/spark_engine.py",  # and to the workers of its own cluster, nothing else
    }
    banned = {"pickle", "joblib", "cloudpickle", "dill", "marshal", "shelve"}
    found = []
    files = sorted((ROOT / "riskwarn").rglob("*.py"))
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = (
                [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            if {name.partition(".")[0] for name in names} & banned or called in {"eval", "exec"}:
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    odd = [place for place in found if place.partition(":")[0] not in meant]
    return Found(
        not odd,
        {"modules": len(files), "imports and calls": len(odd), "meant": len(found) - len(odd)},
        ", ".join(odd[:3]),
    )


# -- what it is built of --------------------------------------------------------------------------------------------------


class Pin(NamedTuple):
    """One line of a lock: which version of a package, where it holds, and how many digests it has."""

    name: str
    version: str
    marker: str
    digests: int


def pins(text: str) -> list[Pin]:
    """The lines of a lock; a package has several where versions of Python, or machines, differ."""
    found: list[Pin] = []
    for line in text.splitlines():
        if begun := re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)\s*(?:;([^\\]*))?", line):
            found.append(Pin(canonicalize_name(begun[1]), begun[2], (begun[3] or "").split("--hash")[0].strip(), 0))
        if found:
            found[-1] = found[-1]._replace(digests=found[-1].digests + line.count("--hash=sha256:"))
    return found


def locked(text: str) -> dict[str, int]:
    """How many digests each package of a lock has, at the pin that has fewest."""
    hashes: dict[str, int] = {}
    for pin in pins(text):
        hashes[pin.name] = min(pin.digests, hashes.get(pin.name, pin.digests))
    return hashes


def held_here(text: str) -> set[tuple[str, str]]:
    """Package and version of the pins that hold on this machine and this Python."""
    return {(pin.name, pin.version) for pin in pins(text) if not pin.marker or Marker(pin.marker).evaluate()}


def declared() -> tuple[set[str], set[str]]:
    """Names of what the core needs to run, and of what comes with an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    core = {Requirement(word).name.lower() for word in project["dependencies"]}
    optional = [words for extra, words in project["optional-dependencies"].items() if extra != "dev"]
    extras = {Requirement(word).name.lower() for words in optional for word in words}
    return core, extras - core - {"riskwarn"}


def lock() -> Found:
    """Every package of the locks has a digest, every dependency stands in one, and those of the core are few."""
    packages, (needed, extras) = locked(locks()), declared()
    bare = [name for name, n in packages.items() if n == 0]
    missing = sorted((needed | extras) - set(packages))
    figures = {
        "locked": len(packages),
        "without digest": len(bare),
        "not locked": len(missing),
        "direct dependencies of the core": len(needed),
        "of all extras": len(extras),
    }
    many = (
        f"{len(needed)} direct dependencies of the core, wanted at most {MOST_DEPENDENCIES}"
        if len(needed) > MOST_DEPENDENCIES
        else ""
    )
    return Found(
        not bare and not missing and not many, figures, ", ".join([*bare[:3], *missing[:3], *([many] if many else [])])
    )


def advisories() -> Found:
    """Known faults of the locked packages, as pip-audit tells them: every pin that holds here must be audited, at its version.

    A pin of another machine or Python cannot be asked from here, and is counted apart. Without the program, or without an answer, nobody knows.
    """
    here, all_ = held_here(locks()), len(pins(locks()))
    counts = {"audited": 0, "to be audited here": len(here), "of other machines": all_ - len(here)}
    program = shutil.which("pip-audit") or shutil.which("pip-audit", path=str(Path(sys.executable).parent))
    if program is None:
        return Found(None, counts, "pip-audit is not installed")
    files = [word for path in LOCKS for word in ("-r", str(path))]
    asked = [program, "--strict", "--require-hashes", "--disable-pip", "-f", "json", *files]
    try:
        run = subprocess.run(asked, capture_output=True, text=True, timeout=300, check=False)
        told = json.loads(run.stdout)["dependencies"]
    except (ValueError, KeyError, subprocess.TimeoutExpired):
        return Found(None, counts, "not run offline")
    audited = {(canonicalize_name(one["name"]), one["version"]): len(one["vulns"]) for one in told if "vulns" in one}
    left, known = sorted(here - set(audited)), sum(audited.values())
    figures = counts | {"audited": len(here) - len(left), "known faults": known}
    why = (
        f"audited {len(here) - len(left)} of {len(here)}, not {', '.join(f'{n} {v}' for n, v in left[:3])}"
        if left
        else ""
    )
    return Found(not left and not known, figures, why)


def licences() -> Found:
    """The licence of each installed package of the lock; one that says none is named."""
    told = {name: licence_of(name) for name in locked(locks())}
    installed = {name: licence for name, (licence, version) in told.items() if version}
    unknown = [name for name, licence in installed.items() if not licence]
    figures = {"licences told": len(installed) - len(unknown), "not told": len(unknown)}
    return Found(bool(installed) and not unknown, figures, ", ".join(unknown[:5]))


def secrets() -> Found:
    """What looks like a secret in the files of the repository and in all that was ever added to it."""
    git = ["git", "-C", str(ROOT)]
    listed = subprocess.run([*git, "ls-files", "-z"], capture_output=True, check=False)
    if listed.returncode:
        return Found(None, {}, "no repository")
    files = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    texts = [
        (str(path.relative_to(ROOT)), path.read_text("utf-8", "replace"))
        for path in files
        if path.is_file() and path.stat().st_size < 5_000_000
    ]
    log = subprocess.run(
        [*git, "log", "-p", "--no-color", "--unified=0", "--no-textconv"], capture_output=True, check=False
    )
    added = "\n".join(line for line in log.stdout.decode("utf-8", "replace").splitlines() if line.startswith("+"))
    found = [
        f"{what} in {name}"
        for name, text in [*texts, ("history", added)]
        for what, rule in _SECRETS.items()
        if re.search(rule, text)
    ]
    return Found(
        not found,
        {"files": len(texts), "lines of history": added.count("\n"), "findings": len(found)},
        "; ".join(found[:3]),
    )


PROBES: dict[str, Callable[[], Found]] = {
    probe.__name__: probe
    for probe in (registry, swaps, malformed, scripts, archives, imports, lock, advisories, licences, secrets)
}
"""By name, as the list of faults has them."""
