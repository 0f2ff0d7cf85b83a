"""A language that nobody speaks, and what is still said in another: ``RISKWARN_LOCALE=FOLDER python tests/pseudo.py`` lists it.

Its words are the English ones in Greek letters, so whatever a reader of it sees in Latin or Chinese letters never went through a catalogue.
"""

import json
import re
import sys
import tempfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import catalogue
import pandas as pd
from babel.messages.catalog import Catalog

from riskwarn.feature import Noun
from riskwarn.store import Store

CODE = "el"
_LATIN = "abcdefghijklmnopqrstuvwxyz"
_GREEK = "αβψδεφγηιξκλμνοπθρστυβωχυζ"
_TO_GREEK = str.maketrans(_LATIN + _LATIN.upper(), _GREEK + _GREEK.upper())
_FOREIGN = re.compile("[A-Za-z\u3400-\u9fff]")


def greek(text: str) -> str:
    """A text in Greek letters, what stands in braces as it is."""
    return "".join(part if part.startswith("{") else part.translate(_TO_GREEK) for part in re.split(r"({[^}]*})", text))


def write(folder: Path) -> None:
    """The catalogue of the language."""
    entries = Catalog(locale=CODE, fuzzy=False)
    for (context, text), plural in catalogue.phrases().items():
        if context != "measure word":
            entries.add((text, plural) if plural else text, _forms(text, plural), context=context or None)
    catalogue.write(folder / f"{CODE}.po", entries)


def _forms(text: str, plural: str) -> str | tuple[str, str]:
    return (greek(text), greek(plural)) if plural else greek(text)


def foreign() -> Iterator[tuple[str, str]]:
    """Where something is said that the language has not, and what."""
    for where, text in [*_reasons(), *_what_ifs(), *_monitors(), *_labels(), *_changes()]:
        if _FOREIGN.search(re.sub(r"km²|feed:\w+", "", text)):
            yield where, text
    yield from _pages()


def _features() -> dict[str, dict[str, object]]:
    from riskwarn.explanation import words_of_features
    from riskwarn.feature import Count, load_group
    from riskwarn.history import Stream

    folder = catalogue.PACKAGE.parent / "features"
    starter = [f for path in sorted(folder.glob("*.py")) for f in load_group(folder, path.stem)]
    chosen = Stream("petition", ("D01", "D07"), "hard", "citizen", 2, hours=(20, 6), outcome="fail", without="weapon")
    return words_of_features([*starter, Count(chosen, days=28)])


def _reasons() -> Iterator[tuple[str, str]]:
    from riskwarn.explanation import lead, remedies, sentence

    yield "lead", lead(1, CODE) + lead(-1, CODE)
    features = _features()
    for name, words in features.items():
        yield name, str(words[CODE])
        for value, normal in ((0, 0), (0, 2), (1, 0), (1, 3), (2.6, 1), (400, 3), (float("nan"), 1)):
            for raising in (True, False):
                yield name, sentence(words, value, normal, raising, 5, 4, language=CODE)
    rows = pd.DataFrame([(name, way) for name in features for way in (1.0, -1.0)], columns=["feature", "contribution"])
    yield from zip(rows["feature"], remedies(rows, features, CODE), strict=True)


def _what_ifs() -> Iterator[tuple[str, str]]:
    from riskwarn.explanation import CAVEAT, read_what_ifs

    yield "caveat", CAVEAT[CODE]
    changes = [
        (f"G{n}", feature, n, after, left)
        for n in (1, 3)
        for feature in ("dispute_open_n", "dispute_overdue_n")
        for after in (0, n + 1)
        for left in (0, 2)
    ]
    for grid_id, feature, before, after, left in changes:
        row = pd.DataFrame(
            {
                "grid_id": [grid_id], "place": 1, "feature": feature, "before": before, "after": after, "follows": False,
                "n_overdue_left": left, "rank_before": 5, "rank": 5 - before + after, "expected_before": 2.0, "expected": 1.0,
            }
        )  # fmt: skip
        yield feature, read_what_ifs(row, _features())[0].sentence(CODE)


def _monitors() -> Iterator[tuple[str, str]]:
    from riskwarn.monitoring import in_words
    from riskwarn.monitoring.mark import marks
    from riskwarn.monitoring.phrases import _SAID

    for fault in _SAID:
        numbers = {"warn": 1.0, "alarm": 2.0, "observed": 4, "expected": 30.0, "days": 2}
        yield fault, in_words(marks("volume", ["feed:petition"], [3.0], fault=fault, **numbers), CODE).item()


def _changes() -> Iterator[tuple[str, str]]:
    from riskwarn.explanation import change_sentences
    from riskwarn.explanation.changes import _STATUS, PARTS

    share = {part: 0.3 * (-1) ** n for n, part in enumerate(PARTS)}
    for status in _STATUS:
        for before, now in ((31, 4), (4, 31), (4, 4)):
            row = {"grid_id": "1", "status": status, "rank_before": before, "rank": now, **share}
            yield status, change_sentences(pd.DataFrame([row]), CODE).item()


def _labels() -> Iterator[tuple[str, str]]:
    from riskwarn import taxonomy
    from riskwarn.gaps import KINDS, wording
    from riskwarn.web import words

    for code, kind in KINDS.items():
        yield code, kind.words[CODE]
    tables = [taxonomy.SOURCES, taxonomy.CATEGORIES, taxonomy.TAGS, taxonomy.ACTIONS, wording.RUNGS, wording.TIERS]
    tables += [table for name, table in vars(words).items() if name.isupper() and isinstance(table, dict)]
    for table in tables:
        yield from ((str(code), re.sub("{[^}]*}", "", text[CODE])) for code, text in table.items())


class _Shown(HTMLParser):
    """The text that a page shows."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._hidden += tag in {"script", "style", "code"}
        self.texts += [v for k, v in attrs if k in {"aria-label", "title", "alt"} and v]  # type: ignore[attr-defined]

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"script", "style", "code"}

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.texts.append(data.strip())


def _pages() -> Iterator[tuple[str, str]]:
    from towns import web
    from visiting import at_the_machine

    from riskwarn.web import create_app

    with tempfile.TemporaryDirectory() as folder:
        store = web.build(Path(folder) / "town")
        brought = re.compile("|".join(sorted(map(re.escape, _brought(store)), key=len, reverse=True)))
        client = at_the_machine(create_app(store.path, language=CODE, clock=lambda: web.NOW))
        for address in ("/", "/grids", "/grids/G0001", "/gaps", "/alerts", "/model", "/feeds", "/nowhere"):
            shown = _Shown()
            shown.feed(client.get(address).text)
            yield from ((address, text) for text in shown.texts if _FOREIGN.search(brought.sub("", text)))


def _brought(store: Store) -> set[str]:
    """What the town brings: names, its own words in English, codes of gaps, and what the other languages call themselves."""
    from towns import web

    from riskwarn.gaps import KINDS
    from riskwarn.language import LANGUAGES, forms, name_of

    night = store.nights()[-1]
    tables = pd.concat(
        [store.read("grids"), store.read("alerts", as_of=night), pd.DataFrame(store.facts(night)["feeds"])]
    )
    columns = ("name", "county_id", "township_id", "community_id", "owner", "org_code")
    names = {str(v) for c in columns for v in tables[c].dropna() if len(str(v)) > 1}
    words = [web.QUESTION["en"], *(f["en"] for f in web.FEATURES.values())]
    nouns = [text for noun in vars(web).values() if isinstance(noun, Noun) for text in forms(noun.words, "en")]
    return {*names, *words, *nouns, *KINDS, *map(name_of, LANGUAGES)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(list(dict.fromkeys(foreign())), ensure_ascii=False, indent=1))
