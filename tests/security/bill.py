"""The bill of materials: what riskwarn is built of, from its locks and from what is installed, as CycloneDX; and the list of licences.

``make sbom``, or ``python -m security.bill FOLDER`` with ``tests`` in the path, writes ``sbom.cdx.json`` and ``licences.csv``. Nothing is asked of a network.
The locks pin some packages more than once, for other versions of Python or other systems: each pin is a component, with the marker that it is for.
"""

import csv
import importlib.metadata
import json
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent
LOCKS = (ROOT / "requirements.lock", ROOT / "requirements-engines.lock")
"""What everybody has who works on the house, and what the engines of clusters bring beyond it."""
VENDORED = ROOT / "riskwarn" / "web" / "static" / "vendor" / "manifest.json"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)\s*(?:;\s*([^\\]+?))?\s*\\?$", re.MULTILINE)
_SPDX = re.compile(
    r"(MIT|0BSD|ISC|MIT-0|(?:Apache|BSD|MPL|LGPL|PSF|CC0)-[\w.-]+|MIT-CMU|Zlib|WITH|LLVM-exception|AND|OR|[ ()])+"
)
"""A licence that is told as SPDX tells it."""
_LONGEST = 60
"""Of a licence's name; some packages put the whole text where the name belongs."""


@dataclass(frozen=True)
class Pin:
    """A line of the lock: a package, its version, and where it is meant for, if not for everywhere."""

    name: str
    version: str
    marker: str = ""

    @property
    def purl(self) -> str:
        """Its address, as package-url writes it."""
        return f"pkg:pypi/{self.name}@{self.version}"


def lock() -> str:
    """The text of both locks."""
    return "".join(path.read_text("utf-8") for path in LOCKS)


def pins(text: str) -> list[Pin]:
    """The pins of a lock, in its order."""
    return [Pin(canonicalize_name(name), version, marker) for name, version, marker in _PIN.findall(text)]


def licence_of(name: str) -> tuple[str, str]:
    """The licence that the installed version of a package states, and that version; both empty where it is not installed."""
    try:
        package = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return "", ""
    about = package.metadata
    classes = [c.rpartition(" :: ")[2] for c in about.get_all("Classifier") or () if c.startswith("License ::")]
    field = " ".join((about.get("License") or "").split())
    said = [
        about.get("License-Expression") or "",
        field if len(field) <= _LONGEST and field != "Dual License" else "",
        " or ".join(c for c in classes if c != "OSI Approved"),
        _first_line(package),
    ]
    return next((one for one in said if one), ""), package.version


def _first_line(package: importlib.metadata.Distribution) -> str:
    """What the file of a licence begins with, if that is a name."""
    for place in package.files or ():
        if re.search(r"(?i)(^|/)(licen[cs]e|copying)[^/]*$", str(place)):
            lines = [line.strip() for line in place.read_text("utf-8").splitlines() if line.strip()]
            named = lines and len(lines[0]) <= _LONGEST and "licen" in lines[0].lower()
            return lines[0] if named else f"as its file {Path(str(place)).name} says"
    return ""


def needed(name: str, extras: tuple[str, ...] = ("",)) -> set[str]:
    """Names of what an installed package asks for here."""
    try:
        asked = [Requirement(line) for line in importlib.metadata.requires(name) or ()]
    except importlib.metadata.PackageNotFoundError:
        return set()
    here = [r for r in asked if r.marker is None or any(r.marker.evaluate({"extra": extra}) for extra in extras)]
    return {canonicalize_name(requirement.name) for requirement in here}


def component(pin: Pin, *, core: set[str]) -> dict:
    """A pin as CycloneDX has it: required where the core asks for it, directly or through others, else optional."""
    licence, told_by = licence_of(pin.name)
    named = {"expression": licence} if _SPDX.fullmatch(licence) else {"license": {"name": licence}}
    facts = {"lock:marker": pin.marker, "licence:told-by-version": told_by if told_by != pin.version else ""}
    return {
        "type": "library",
        "bom-ref": pin.purl,
        "name": pin.name,
        "version": pin.version,
        "purl": pin.purl,
        "scope": "required" if pin.name in core else "optional",
        **({"licenses": [named]} if licence else {}),
        **({"properties": [{"name": k, "value": v} for k, v in facts.items() if v]} if any(facts.values()) else {}),
    }


def vendored() -> list[dict]:
    """What is shipped within the wheel, by its manifest."""
    return [
        {
            "type": "library",
            "bom-ref": f"pkg:npm/{one['name']}@{one['version']}",
            "name": one["name"],
            "version": one["version"],
            "purl": f"pkg:npm/{one['name']}@{one['version']}",
            "scope": "required",
            "licenses": [{"license": {"id": one["licence"]}}],
        }
        for one in json.loads(VENDORED.read_text("utf-8"))
    ]


def bill(text: str) -> dict:
    """The bill of materials of a lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    direct = {canonicalize_name(r.name): ("", *r.extras) for r in map(Requirement, project["dependencies"])}
    found = pins(text)
    refs: dict[str, list[str]] = {}
    for pin in found:
        refs.setdefault(pin.name, []).append(pin.purl)
    core, waiting = set(), set(direct)
    while waiting:
        name = waiting.pop()
        core.add(name)
        waiting |= needed(name, direct.get(name, ("",))) - core
    mine = f"pkg:pypi/{project['name']}@{project['version']}"
    asks = {mine: set(direct), **{pin.purl: needed(pin.name) for pin in found}}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": mine,
                "name": project["name"],
                "version": project["version"],
                "purl": mine,
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": [*(component(pin, core=core) for pin in found), *vendored()],
        "dependencies": [
            {"ref": ref, "dependsOn": sorted(purl for name in names for purl in refs.get(name, ()))}
            for ref, names in asks.items()
        ],
    }


def licences(made: dict) -> list[dict[str, str]]:
    """The list of licences: a row a component."""
    return [
        {
            "name": one["name"],
            "version": one["version"],
            "scope": one["scope"],
            "licence": "".join(
                told.get("expression") or told["license"].get("id") or told["license"]["name"]
                for told in one.get("licenses", ())
            ),
        }
        for one in made["components"]
    ]


def main(folder: Path) -> int:
    """Write both into a folder and say how many there are."""
    made = bill(lock())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sbom.cdx.json").write_text(json.dumps(made, indent=1) + "\n", "utf-8")
    rows = licences(made)
    with (folder / "licences.csv").open("w", encoding="utf-8", newline="") as file:
        sheet = csv.DictWriter(file, list(rows[0]))
        sheet.writeheader()
        sheet.writerows(rows)
    unknown = sorted({row["name"] for row in rows if not row["licence"]})
    sys.stdout.write(
        f"{len(rows)} components in {folder}, {sum(row['scope'] == 'required' for row in rows)} of them of the core; "
        f"licence not known of {len(unknown)}{', not installed here: ' if unknown else ''}{', '.join(unknown)}\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
