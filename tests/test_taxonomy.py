"""The vocabulary: one meaning, two languages, nothing left without words."""

import pytest

from riskwarn import taxonomy
from riskwarn.cli import main
from riskwarn.errors import DefinitionError
from riskwarn.explanation import words_of_features
from riskwarn.explanation.sentences import sentence
from riskwarn.feature import Count
from riskwarn.history import Stream
from riskwarn.ingest.mapping import preset, preset_names, vocabulary
from riskwarn.label import Label
from riskwarn.store import Store
from riskwarn.taxonomy import (
    ACTIONS,
    CATEGORIES,
    NEVER_FEATURES,
    OUTCOMES,
    SOURCES,
    STATUSES,
    TAGS,
    add_words,
    read_words,
    words_of,
)


@pytest.mark.parametrize(
    "words",
    [SOURCES, CATEGORIES, TAGS, ACTIONS, taxonomy._shipped()],
    ids=["sources", "categories", "tags", "actions", "shipped"],
)
def test_every_code_has_words_in_both_languages(words):
    """No empty word; Chinese words are Chinese, English ones are not."""
    for code, meaning in words.items():
        assert any("\u4e00" <= c <= "\u9fff" for c in meaning["zh"]), code
        assert meaning["en"].isascii(), code
        assert meaning["en"], code


def test_an_unknown_code_is_its_own_word():
    """Nothing fails for want of a word."""
    assert words_of("no_such_code").zh == "no_such_code"


def test_a_city_adds_its_own_words(tmp_path, monkeypatch):
    """Words from a CSV are found; canonical codes keep theirs."""
    monkeypatch.setattr(taxonomy, "_ADDED", {})
    (tmp_path / "w.csv").write_text(
        "code,zh,en\nriver_noise,河道噪声,noise on the river\nD07,别的,other\n", "utf-8-sig"
    )
    add_words(tmp_path / "w.csv")
    assert words_of("river_noise").en == "noise on the river"
    assert words_of("D07").en == "wage arrears"


def test_a_citys_own_words_reach_who_reads(tmp_path, monkeypatch):
    """Words that `riskwarn ingest --words` brought stand in the sentence of a reason and in the question, in each language, wherever the store is opened."""
    monkeypatch.setattr(taxonomy, "_ADDED", {})
    (tmp_path / "w.csv").write_text("code,zh,en\nriver_noise,河道噪声,noise on the river\n", "utf-8")
    city = str(tmp_path / "city")
    assert main(["ingest", "--words", str(tmp_path / "w.csv"), "--store", city, "--timezone", "Asia/Shanghai"]) == 0
    monkeypatch.setattr(taxonomy, "_ADDED", {})
    stream = Stream("hotline", ("river_noise",))

    Store(city)
    (entry,) = words_of_features([Count(stream, days=28)]).values()

    for language, word in (("zh", "河道噪声"), ("en", "noise on the river")):
        assert word in sentence(entry, 4, 1.0, language=language)
        assert word in Label("noise", (stream,), days=7).words[language]


def test_words_that_cannot_be_read_say_so(tmp_path):
    """A missing file or column is named."""
    with pytest.raises(DefinitionError, match="no such file"):
        read_words(tmp_path / "none.csv")
    (tmp_path / "w.csv").write_text("code,zh\nx,y\n", "utf-8")
    with pytest.raises(DefinitionError, match="column en is missing"):
        read_words(tmp_path / "w.csv")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"code,zh,en\nx,y,z\nlamp,\xe8\xb7\xaf,\n", "line 3 lacks a code or its words; fill code, zh, en"),
        (b"code,zh,en\n,y,z\n", "line 2 lacks a code or its words"),
        (b"code,zh,en\nx,y\n", "line 2 lacks a code or its words"),
        ("code,zh,en\nlamp,路灯,lamp\n".encode("gb18030"), "no CSV in UTF-8"),
    ],
    ids=["no word", "no code", "short line", "not UTF-8"],
)
def test_a_code_without_a_word_is_told_by_its_line(tmp_path, content, said):
    """No code is left to be shown as an empty text or as signs of another encoding."""
    (tmp_path / "w.csv").write_bytes(content)
    with pytest.raises(DefinitionError, match=said):
        read_words(tmp_path / "w.csv")


@pytest.mark.parametrize("name", ["dispute", "petition", "hotline", "police", "gbt31000", "mediation"])
def test_the_vocabularies_lead_to_canonical_codes(name):
    """Every name of a vocabulary has a code with words; the sensitive ones are never features."""
    codes = vocabulary(name)
    assert len(codes) >= 10
    assert set(codes.values()) <= set(CATEGORIES)
    if name in {"dispute", "petition"}:
        assert codes["民族宗教"] in NEVER_FEATURES
    if name == "police":
        assert codes["聚集上访"] in NEVER_FEATURES


@pytest.mark.parametrize("name", preset_names())
def test_presets_translate_into_canonical_words(name):
    """Statuses and outcomes of the presets are those of the vocabulary."""
    words = preset(name).get("words", {})
    assert set(words.get("status", {}).values()) <= {*STATUSES, ""}
    assert set(words.get("outcome", {}).values()) <= {*OUTCOMES, ""}
