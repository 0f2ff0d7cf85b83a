"""Every command and snippet in README and docs runs, and every verb, link and entry is as a reader needs it."""

import re
import shlex
from pathlib import Path

import pytest

from riskwarn.calling import HEARD

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "README.zh.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "zh").glob("*.md")),
]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.md"))
"""Run by the site, which shows what their cells give (test_site)."""
TRANSLATED = [(ROOT / "README.md", ROOT / "README.zh.md")] + [
    (ROOT / "docs" / page.name, page) for page in sorted((ROOT / "docs" / "zh").glob("*.md"))
]
BLOCK = re.compile(r"^```(python|console|toml)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)

CHINESE = {chinese for _, chinese in TRANSLATED}
"""Their code is that of the English pages, which is run."""


def name_of(page):
    """A page by its place."""
    return page.relative_to(ROOT).as_posix().removeprefix("docs/")


def blocks(page, language):
    return [
        (options.strip(), body) for kind, options, body in BLOCK.findall(page.read_text("utf-8")) if kind == language
    ]


@pytest.fixture(scope="session")
def workshop(tmp_path_factory):
    """A folder with the starter and the example city, where snippets run one after another; its question has few trees and folds."""
    from riskwarn.example import boston
    from riskwarn.scaffold import init

    folder = init(tmp_path_factory.mktemp("docs") / "work")
    boston(folder / "city", progress=False)
    question = folder / "experiments" / "weekly.toml"
    quick = question.read_text("utf-8").replace("n_trees = 150", "n_trees = 10").replace("n_folds = 5", "n_folds = 2")
    assert quick != question.read_text("utf-8")
    question.write_text(quick, "utf-8")
    return folder


def _with_python(pages):
    return [p for p in pages if p not in CHINESE and any("norun" not in o for o, _ in blocks(p, "python"))]


def _with_commands(pages):
    return [p for p in pages if p not in CHINESE and any("norun" not in o for o, _ in blocks(p, "console"))]


@pytest.fixture(autouse=True)
def _recording_ends_with_its_page():
    """A page may have all that is found recorded from then on; what other tests find is not."""
    before = dict(HEARD)
    yield
    HEARD.clear()
    HEARD.update(before)


@pytest.mark.parametrize("page", _with_python(PAGES), ids=name_of)
def test_python_snippets_run(page, workshop, monkeypatch):
    """The Python of a page runs from top to bottom in one namespace, warnings being errors."""
    monkeypatch.chdir(workshop)
    namespace = {"__name__": "__docs__"}
    for options, body in blocks(page, "python"):
        if "norun" not in options:
            exec(compile(body, f"{page.name}", "exec"), namespace)


@pytest.mark.parametrize("page", _with_commands(PAGES), ids=name_of)
def test_commands_run(page, workshop, monkeypatch, capsys):
    """Every ``$ riskwarn …`` line of a page ends with exit code 0, in the order of the page."""
    from riskwarn.cli import main

    monkeypatch.chdir(workshop)
    for options, body in blocks(page, "console"):
        for line in body.splitlines():
            if "norun" not in options and line.startswith("$ riskwarn"):
                assert main(shlex.split(line)[2:]) == 0, f"{page.name}: {line}\n{capsys.readouterr().err}"


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS], ids=name_of)
def test_links_lead_somewhere(page):
    """A relative link of a page leads to a file that is there."""
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text("utf-8"))
    missing = [link for link in links if not (page.parent / link).exists()]

    assert missing == []


@pytest.mark.parametrize(("english", "chinese"), TRANSLATED, ids=lambda p: p.name)
def test_a_chinese_page_says_what_the_english_one_says(english, chinese):
    """Both have the same sections, tables, keys, commands, verbs, links and numbers of steps and bold points; only the words differ."""
    pages = [page.read_text("utf-8") for page in (english, chinese)]
    first, second = map(_bones, (english, chinese))

    assert first == second
    assert english.name in pages[1]
    assert chinese.name in pages[0]


@pytest.mark.parametrize(("english", "chinese"), TRANSLATED, ids=lambda p: p.name)
def test_a_chinese_page_leads_to_chinese_pages(english, chinese):
    """Where a page is there in Chinese, a Chinese page leads to it, and to the English one only to change the language of its own."""
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", chinese.read_text("utf-8"))
    there = {first.resolve() for first, _ in TRANSLATED} - {english.resolve()}

    assert [link for link in links if (chinese.parent / link).resolve() in there] == []


def _bones(page):
    """What a translation keeps: all that is no prose."""
    text = page.read_text("utf-8")
    lines = text.splitlines()
    keys = [line.split("|")[1].strip() for line in lines if line.startswith("| `")]
    links = [_led_to(link, page) for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text)]
    return {
        "levels": [line.split()[0] for line in lines if re.match(r"#+ ", line)],
        "rows": [line.count("|") for line in lines if line.startswith("|")],
        "keys": [re.sub("[,、]", ",", key).replace(" ", "") for key in keys],
        "code": [re.sub(r"\s+#.*", "", code) for kind, _, code in BLOCK.findall(text) if kind != "console"],
        "commands": [re.sub(r"(--language) \w+|  #.*", r"\1", line) for line in lines if line.startswith("$ ")],
        "verbs": sorted(set(re.findall(r"`riskwarn ([\w-]+)", text))),
        "links": sorted(link for link in set(links) if link.removesuffix(".md").removesuffix(".zh") != "README"),
        "points": [line[:2] for line in lines if re.match(r"- |\*\*[^*]+[.。]\*\*|\d\. ", line)],
    }


def _led_to(link, page):
    """Where a link leads, in any language: the name of the page, and of a section its place on the page."""
    path, _, section = link.partition("#")
    if not section:
        return Path(path).name
    headings = re.findall(r"^#+ (.*)$", ((page.parent / path) if path else page).read_text("utf-8"), re.MULTILINE)
    slugs = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
    return f"{Path(path).name}#{slugs.index(section)}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_an_entry_is_a_paragraph_of_its_own(page):
    """A line that begins with a sentence in bold follows a blank one: without it the page joins the entry to the one before."""
    joined = re.findall(r"[^\n]\n(\*\*[^*\n]+[.?!]\*\*)", page.read_text("utf-8"))

    assert joined == []


def test_every_verb_is_documented():
    """The command line holds no verb that the docs do not name."""
    from riskwarn.cli import VERBS

    text = "\n".join(p.read_text("utf-8") for p in PAGES)

    assert [v for v in VERBS if f"riskwarn {v}" not in text] == []


def test_every_status_of_an_answer_is_in_the_table():
    """Each problem the server tells of stands in the table of pages and API under its status, and no other."""
    table = (ROOT / "docs" / "web.md").read_text("utf-8").partition("| status |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if re.match(r"\| \d{3} ", line)]
    told = {(int(status), code) for status, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    made = {
        (int(status), code)
        for path in (ROOT / "riskwarn").rglob("*.py")
        for status, code in re.findall(r'Problem\(\s*(\d{3}), "(\w+)"', path.read_text("utf-8"))
    }

    assert told == made


def test_every_page_is_in_the_table(tmp_path):
    """Each page that the server has stands in the table of pages, and no other."""
    from towns import web

    from riskwarn.web import create_app
    from riskwarn.web.policy import policies

    no_pages = (
        "/api/",
        "/outlines",
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi",
        "/v2",
        "/sign-in/sso",
        "/sign-out/sso",
    )
    app = create_app(web.build(tmp_path / "town").path)
    made = {
        p for method, p, _ in policies(app) if method == "GET" and not p.startswith(no_pages) and "{ending}" not in p
    }
    table = (ROOT / "docs" / "web.md").read_text("utf-8").partition("| address |")[2].partition("\n\n")[0]
    told = {page for line in table.splitlines() for page in re.findall(r"`(/[^`]*)`", line.split("|")[1])}

    assert told == made
