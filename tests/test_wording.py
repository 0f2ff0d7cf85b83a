"""What a night says to a duty officer, read as a corpus: sentences with numbers, units and windows, and nothing only a machine would write."""

import html
import re

import pytest
from towns import real
from visiting import at_the_machine

from riskwarn.explanation import sentences
from riskwarn.explanation.facts import tells
from riskwarn.explanation.sentences import clause_of
from riskwarn.web import create_app
from riskwarn.web.lines import found_gaps, gap_lines
from riskwarn.web.morning import lines_of
from riskwarn.web.nights import Nights
from riskwarn.web.worklist import DETAILS

N = 40
LANGUAGES = ("zh", "en")
REFUSED = {
    "en": (
        r"\bnot marked\b",
        r"\bmost more\b",
        r"\bas a multiple of\b",
        r"\bp ?[=<] ?0",
        r"\bp-value",
        r"\bnan\b",
        r"\bNone\b",
        r"\{|\}",
        r"\b[a-z]+_[a-z_]+\b",
        r"\b\d+ [a-z]+s [a-z]+ing own\b",
        r"(?<![\w.])1 (?:days|cases|events|calls|visits|requests|reports|matters|places|nights|households)\b",
        r"\b(?:G|D|P|A|O|RC)\d{2}\b",
        r"[\u4e00-\u9fff]{2,}.*\bof the\b.*\bof the\b.*\bof the\b",
        r"\b0\.\d{3,}",
        r"\.\.|;;|,,|\s[,;.]",
    ),
    "zh": (
        r"较全年均值的倍数",
        r"单看不低",
        r"越近算得越重",
        r"折合",
        r"压低评分",
        r"未标记",
        r"p ?[=<＝] ?0",
        r"(?i)nan|none",
        r"\{|\}",
        r"[A-Za-z]+_[a-z_]+",
        r"(?<![A-Za-z0-9])(?:G|D|P|A|O|RC)\d{2}(?!\d)",
        r"(?<!\d)\d{12}(?!\d)",
        r"0\.\d{3,}",
        r"、、|，，|；；|。。|[,;]",
    ),
}
"""What nobody on duty would write, by language."""
NEEDS_WINDOW = {
    "zh": r"近|此前|距|自|起|在办|未|超期|现有|期|正值|今|同期|内|通常|已|时段|每",
    "en": r"(?i)\b(last|past|since|ago|now|open|overdue|days?|hours?|years?|season|usually|within|closed|long run)\b",
}
"""A sentence says of when it speaks, or of what stands now."""
OF_THE_PLACE = {
    "zh": r"^网格面积|^网格员一人兼管多格|^网格未配",
    "en": r"^The grid covers|^Its worker has other grids too|^Nobody is assigned to the grid",
}
"""How a sentence begins that speaks of the place itself, which has no window."""


@pytest.fixture(scope="module")
def night():
    return Nights(real.store()).at()


def corpus(night, language):
    """Forty alerts, forty gaps, and every reason of the riskiest grids, as they stand on the pages."""
    alerts = [
        text for line in lines_of(night, night.alerts.head(N), language) for text in (*line.why.reasons, line.why.step)
    ]
    gaps = found_gaps(night.gaps)
    each = gaps.groupby("kind").head(N // 8).head(N * 2)
    told = [line["proof"] for line in gap_lines(each, night.places.called, language, without=DETAILS)]
    reasons = night.reasons_of(night.scores["grid_id"].head(N).tolist())
    return alerts, told, sentences(reasons, night.facts["features"], language).tolist()


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_a_duty_officer_would_not_write(night, language):
    """No machine words, bare codes, chances by letter, holes or doubled marks in any sentence of alerts, gaps and reasons."""
    wrong = [
        (pattern, text)
        for part in corpus(night, language)
        for text in part
        for pattern in REFUSED[language]
        if re.search(pattern, text)
    ]

    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_number_has_its_window(night, language):
    """A sentence with a number says of when it speaks, or of what stands now; one of a few about the place itself needs no window."""
    _, gaps, reasons = corpus(night, language)

    told = re.compile(f"{NEEDS_WINDOW[language]}|{OF_THE_PLACE[language]}")

    assert [text for text in (*gaps, *reasons) if re.search(r"\d", text) and not told.search(text)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_corpus_is_one(night, language):
    """There is enough to read: lines of alerts, several kinds of gap, many reasons; each begins as a sentence does."""
    alerts, gaps, reasons = corpus(night, language)

    assert len(alerts) >= 2 * min(N, len(night.alerts))
    assert len(gaps) >= 10
    assert len(reasons) >= N
    assert [text for text in (*alerts, *gaps, *reasons) if not text.strip() or text[0].islower()] == []


def test_no_sentence_contradicts_its_direction(night):
    """A reason that raises names no less than usual, and one that lowers no more, unless it says that it does so with other facts."""
    reasons = night.reasons_of(night.scores["grid_id"].head(N).tolist())
    features = night.facts["features"]
    texts = sentences(reasons, features, "zh")
    odd = [
        text
        for text, feature, value, normal, moved in zip(
            texts, reasons["feature"], reasons["value"], reasons["normal"], reasons["contribution"], strict=True
        )
        if not tells(clause_of(features[feature]), value, normal, moved > 0)
        and not re.search(r"叠加其他情况|不等于|未记录", text)
    ]

    assert odd == []


def test_silence_reassures_nowhere(night):
    """No line of an alert or lowering reason takes an absence of records for a comfort."""
    reasons = night.reasons_of(night.scores["grid_id"].tolist())
    lowering = reasons[(reasons["contribution"] < 0) & (reasons["value"] == 0)]
    texts = sentences(lowering, night.facts["features"], "en")

    assert [
        text
        for text in texts
        if text.startswith("No ") and "not the same as having no need" not in text and "in the grid" not in text
    ] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_gaps_as_work_name_their_areas(language):
    """The list of gaps as work calls each township and county by its name, never by its code of twelve digits."""
    client = at_the_machine(create_app(real.store().path))
    text = client.get("/gaps", params={"lang": language}).text
    (one, *_) = re.findall(r'href="(/gaps\?[^"]*area=[^"]+)"', text)
    read, of_one = (
        re.sub(r"<[^>]*>", " ", page.partition("<main")[2].partition("</main>")[0])
        for page in (text, client.get(html.unescape(one)).text)
    )

    assert re.search({"zh": r"共\d+处", "en": r"\d+ of this kind"}[language], read)
    assert re.search({"zh": "全部地区", "en": "all areas"}[language], of_one)
    assert re.findall(r"(?<!\d)\d{12}(?!\d)", read + of_one) == []


def test_the_map_calls_each_area_by_its_name():
    """The outlines of townships are called as the places table calls them, never by their codes of twelve digits."""
    told = at_the_machine(create_app(real.store().path)).get("/outlines", params={"by": "township"}).json()

    assert told["names"]
    assert [name for name in told["names"] if name.isdigit()] == []
