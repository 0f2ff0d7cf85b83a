"""Phrases and their catalogues."""

import ast
import json
import os
import re
import string
import subprocess
import sys
from pathlib import Path

import pseudo
import pytest
from catalogue import PACKAGE, catalogues, phrases, read

from riskwarn import language
from riskwarn.errors import DefinitionError
from riskwarn.language import LANGUAGES, SOURCE_LANGUAGE, Words, as_words, listed, measure_word, phrase
from riskwarn.taxonomy import words_of

ALWAYS_THERE = {"what", "window", "measure", "when_rate", "name", "unit", "per", "normal", "last"}
"""What every sentence of a reason is given: the noun, its measure word, the window and the normal; not each language says all of them."""
READ_OR_MADE = {
    "ingest/clock.py": 10,
    "ingest/folding.py": 1,
    "ingest/guessing.py": 2,
    "ingest/days.py": 2,
    "ingest/intake.py": 1,
    "ingest/values.py": 1,
    "simulation/changes.py": 1,
}
"""Modules that may hold Chinese outside docstrings, as the characters that data are read by or made of; and how many lines at most."""
HERE = Path(__file__).parent
CATALOGUES = {path.stem: path for path in catalogues()}


def _translations(language):
    entries = read(CATALOGUES[language])
    return {(m.context or "", m.id if isinstance(m.id, str) else m.id[0]): m for m in entries if m.id}


@pytest.mark.parametrize("language", CATALOGUES)
def test_a_catalogue_is_complete(language):
    """Every phrase of the code is translated in every language, none is fuzzy, and none is left from older code."""
    have = _translations(language)
    wanted = phrases()

    assert {key for key in wanted if not (key in have and any(have[key].string))} == set()
    assert set(have) - set(wanted) == set()
    assert [m.id for m in have.values() if m.fuzzy] == []


@pytest.mark.parametrize("language", CATALOGUES)
def test_a_translation_fills_the_same_names(language):
    """What stands in braces in a translation stands in the English too, so that no value is asked for in vain."""
    for (_, text), message in _translations(language).items():
        forms = [message.string] if isinstance(message.string, str) else list(message.string)
        names = _names(text) | (_names(message.id[1]) if not isinstance(message.id, str) else set())
        for form in forms:
            assert _names(form) <= names | ALWAYS_THERE, (text, form)


def _names(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_a_phrase_says_its_values_in_the_same_language():
    """A word inside a phrase is said in the language of the phrase."""
    joined = phrase("{first} and {second}", first=words_of("dispute"), second=Words("路灯", "street lights"))

    assert joined["en"] == "disputes and street lights"
    assert joined["zh"] == "矛盾纠纷和路灯"


def test_a_plural_follows_the_number():
    """English takes the singular for one alone."""
    assert [phrase("{n} case", plural="{n} cases", n=n)["en"] for n in (0, 1, 2)] == ["0 cases", "1 case", "2 cases"]


def test_a_noun_within_a_noun_follows_the_same_number():
    """What is counted agrees with its number down to the innermost words; what has a number of its own keeps it."""
    call = Words(zh="警情", en=("call", "calls"))
    late = phrase("late {noun}", plural="late {noun}", noun=call)
    place = phrase("place with {least} {calls}", plural="places with {least} {calls}", least=3, calls=call.counted(3))

    assert [late.counted(n)["en"] for n in (0, 1, 2.6)] == ["late calls", "late call", "late calls"]
    assert late["en"] == "late calls"
    assert place.counted(1)["en"] == "place with 3 calls"


def test_words_outlive_their_catalogue():
    """Words kept as plain values say the same as the phrase they came from, of one and of many."""
    noun = phrase("dispute", plural="disputes", context="noun")

    assert Words(**as_words(noun).to_dict()) == noun
    assert as_words(noun) != as_words(noun.counted(1))


def test_words_without_a_language_are_said_in_english():
    """A language that a city's words lack says the English ones, else the first there are; no words at all are refused."""
    assert Words(en="street lights")["zh"] == "street lights"
    assert Words(zh="路灯")["en"] == "路灯"
    with pytest.raises(DefinitionError, match="at least one language"):
        Words()


def test_what_no_catalogue_knows_is_said_in_english():
    """A text without a translation is English everywhere; a measure word is then nothing."""
    assert phrase("a phrase that no catalogue knows")["zh"] == "a phrase that no catalogue knows"
    assert measure_word("a noun that no catalogue knows")["en"] == ""


def test_an_unknown_language_is_refused():
    """A language without a catalogue is an error that names those there are."""
    with pytest.raises(DefinitionError, match=r"no language 'zz'.*zh, en"):
        _ = phrase("to")["zz"]


def test_one_item_is_not_joined():
    """A row of one is the thing itself, an empty row is nothing."""
    assert listed([Words("警情", "calls")], "and")["en"] == "calls"
    assert listed([], "and")["en"] == ""


def test_phrases_are_equal_when_they_say_the_same():
    """Equality is of what is said, whoever says it."""
    assert phrase("{a}", a="x") == phrase("x")
    assert phrase("x") != phrase("y")
    assert len({phrase("{a}", a="x"), phrase("x")}) == 1


def test_a_third_language_is_a_file(tmp_path):
    """With one more catalogue file every sentence, label and page is said in its language, with no English or Chinese left."""
    pseudo.write(tmp_path)
    env = {**os.environ, "RISKWARN_LOCALE": str(tmp_path), "PYTHONPATH": os.pathsep.join([*sys.path, str(HERE)])}

    answer = subprocess.run([sys.executable, HERE / "pseudo.py"], env=env, capture_output=True, text=True, check=True)

    assert json.loads(answer.stdout) == []


def test_the_text_in_code_is_english():
    """Chinese stands in catalogues and data files: elsewhere only where it is what is read (dates, units) or made (simulated names)."""
    lines = {path.relative_to(PACKAGE).as_posix(): _n_chinese(path) for path in sorted(PACKAGE.rglob("*.py"))}

    assert {path: n for path, n in lines.items() if n > READ_OR_MADE.get(path, 0)} == {}


def _n_chinese(path):
    """Lines with Chinese characters outside docstrings."""
    text = path.read_text("utf-8")
    told = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, node.end_lineno + 1)
    }
    return sum(1 for n, line in enumerate(text.splitlines(), 1) if re.search("[\u3400-\u9fff]", line) and n not in told)


def test_a_broken_catalogue_is_named(tmp_path, monkeypatch):
    """A file that is no catalogue, or named after no language, is told with its path."""
    for name, text in (("fr", "jour = day"), ("zzz", "")):
        path = tmp_path / f"{name}.po"
        path.write_text(text, "utf-8")
        monkeypatch.setitem(language._FILES, name, path)
        with pytest.raises(DefinitionError, match=rf"{name}\.po: no gettext file"):
            _ = phrase("to")[name]


def test_english_needs_no_catalogue():
    """Who reads English loads neither a catalogue nor Babel."""
    code = "import sys; from riskwarn.taxonomy import words_of; words_of('dispute')['en']; sys.exit('babel' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert SOURCE_LANGUAGE in LANGUAGES
