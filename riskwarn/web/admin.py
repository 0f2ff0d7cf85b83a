"""The pages of administration: accounts, tokens, mode, plan and the stop. Each step is shown once more before it is taken."""

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import pandas as pd
from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from riskwarn.access.keeping import Keeper
from riskwarn.ledger.actor import CITY
from riskwarn.ledger.words import word as role_word
from riskwarn.mode import mode_at, switches
from riskwarn.store.approval import Lapse
from riskwarn.web.admin_words import PURPOSES, SAID, SIGNS_IN, SURE, TOKEN_STATES
from riskwarn.web.api.admin import (
    KeeperVisitor,
    Stopper,
    TokenId,
    UserId,
    keeper_of,
    refusals,
    switched,
)
from riskwarn.web.api.shared import nights_of
from riskwarn.web.held import facts_of, targets_of
from riskwarn.web.once import Once
from riskwarn.web.page import PageQuery, language_of, plain_page, root_of
from riskwarn.web.planned import MODE_NAMES, plan_lines
from riskwarn.web.policy import form_of, stop_of
from riskwarn.web.problems import Problem
from riskwarn.web.recorder import note_object
from riskwarn.web.words import told, word
from riskwarn.working import plan_in_force

admin = APIRouter(include_in_schema=False)
_SHOWN_SECONDS = 12 * 3600.0
_STEPS = ("change", "close", "open", "reset", "unlock")
Said = Literal[
    "",
    "done",
    "again",
    "conflict",
    "unknown_account",
    "bad_parameter",
    "own_account",
    "outside_area",
    "last_keeper",
    "closed_account",
    "token_of_itself",
]
Form = Mapping[str, str]


class AdminQuery(PageQuery):
    """Parameters of the pages of administration."""

    said: Said = ""


@admin.get("/admin")
def overview(request: Request, visitor: KeeperVisitor, query: Annotated[AdminQuery, Query()]) -> Response:
    """Accounts and tokens of one's area, the mode, the plan in words, and whether scores are stopped."""
    keeper, store = keeper_of(request, visitor), nights_of(request).store
    now = keeper.accounts.clock()
    return _page(
        request,
        "admin.html",
        keeper=keeper,
        users=keeper.users(),
        tokens=[(user_id, token, token.state_at(now)) for user_id, token in keeper.tokens()],
        purposes=[purpose.name for purpose in keeper.accounts.roles.purposes],
        mode=mode_at(store, request.app.state.clock()),
        switches=switches(store)[::-1],
        MODE_NAMES=MODE_NAMES,
        plan=plan_lines(plan_in_force(store), language_of(request), _questions(request)),
        said=query.said,
    )


def _questions(request: Request) -> dict[str, object]:
    """How the newest night asks each of its targets, in every language; nothing before the first night."""
    try:
        published = nights_of(request).newest().published
    except Problem:
        return {}
    asked = {target: facts_of(published, target).get("question") for target in targets_of(published)}
    return {target: question for target, question in asked.items() if question}


@admin.post("/admin/users")
async def add(request: Request, visitor: KeeperVisitor) -> Response:
    """Make an account, once it was confirmed."""
    form = await form_of(request)
    name, role, area = (form.get(key, "").strip() for key in ("name", "role", "area"))
    if not _is_sure(form):
        text = {"key": "add", "name": name, "role": role, "area": area or visitor.area}
        return _confirm(request, text, {"name": name, "role": role, "area": area})

    def make(keeper: Keeper) -> tuple[str, str]:
        password, kept = keeper.add(name.lower(), role=role, area=area)
        note_object(request, kept.user_id, kept.account.role, kept.account.area)
        return "new_password", password

    return await _once(request, form, keeper_of(request, visitor), make, name=name)


@admin.get("/admin/users/{user_id}")
def one(request: Request, user_id: UserId, visitor: KeeperVisitor, query: Annotated[AdminQuery, Query()]) -> Response:
    """One account, and what can be done with it."""
    keeper = keeper_of(request, visitor)
    with refusals():
        kept = keeper.user(user_id)
    tokens = [(token, token.state_at(keeper.accounts.clock())) for owner, token in keeper.tokens() if owner == user_id]
    purposes = [purpose.name for purpose in keeper.accounts.roles.purposes]
    return _page(
        request, "admin_user.html", keeper=keeper, kept=kept, tokens=tokens, purposes=purposes, said=query.said
    )


@admin.post("/admin/users/{user_id}")
async def change(request: Request, user_id: UserId, visitor: KeeperVisitor) -> Response:
    """Change, close, open, unlock or give another password, once it was confirmed."""
    form, keeper = await form_of(request), keeper_of(request, visitor)
    action, version = form.get("action", ""), form.get("version", "")
    if action not in _STEPS or not (version.isascii() and version.isdigit() and len(version) < 10):
        return _to(request, "bad_parameter")
    given = {key: form[key].strip() for key in ("role", "area") if form.get(key, "").strip()}
    if not _is_sure(form):
        with refusals():
            kept = await to_thread.run_sync(keeper.user, user_id)
        account = kept.account
        text = {"key": action, "name": account.name, "role": account.role, "area": account.area} | given
        return _confirm(request, text, {"action": action, "version": version, **given})

    def step(keeper: Keeper) -> tuple[str, str]:
        note_object(request, user_id, action, *given.values())
        return _step(keeper, user_id, action, int(version), given)

    return await _once(request, form, keeper, step, name=form.get("shown", ""))


def _step(keeper: Keeper, user_id: str, action: str, version: int, given: Form) -> tuple[str, str]:
    """What was done to an account: the word for what is shown of it, and the secret to show; empty for none."""
    if action == "reset":
        return "new_password", keeper.reset(user_id, version=version)
    if action == "unlock":
        keeper.unlock(user_id)
    elif action == "change":
        keeper.change(user_id, version=version, role=given.get("role"), area=given.get("area"))
    else:
        keeper.change(user_id, version=version, disabled=action == "close")
    return "", ""


@admin.post("/admin/tokens")
async def add_token(request: Request, visitor: KeeperVisitor) -> Response:
    """Make a token, once it was confirmed."""
    form, keeper = await form_of(request), keeper_of(request, visitor)
    user_id, purpose, days = (form.get(key, "").strip() for key in ("user_id", "purpose", "days"))
    if not (days.isascii() and days.isdigit() and len(days) < 5):
        return _to(request, "bad_parameter")
    if not _is_sure(form):
        try:
            with refusals():
                kept = await to_thread.run_sync(keeper.user, user_id)
        except Problem as problem:
            return _to(request, _word_of(problem))
        text = {"key": "token", "name": kept.account.name, "purpose": purpose, "days": days}
        return _confirm(request, text, {"user_id": user_id, "purpose": purpose, "days": days})

    def make(keeper: Keeper) -> tuple[str, str]:
        secret, token = keeper.make_token(user_id, purpose=purpose, days=float(days))
        note_object(request, token.token_id, user_id, token.purpose, token.area)
        return "new_token", secret

    return await _once(request, form, keeper, make, name=form.get("shown", ""))


@admin.post("/admin/tokens/{token_id}")
async def end_token(request: Request, token_id: TokenId, visitor: KeeperVisitor) -> Response:
    """End a token, once it was confirmed."""
    form, keeper = await form_of(request), keeper_of(request, visitor)
    if not _is_sure(form):
        with refusals():
            await to_thread.run_sync(keeper.owner_of, token_id)
        return _confirm(request, {"key": "revoke", "token": token_id}, {})

    def end(keeper: Keeper) -> tuple[str, str]:
        note_object(request, token_id, keeper.revoke(token_id))
        return "", ""

    return await _once(request, form, keeper, end)


@admin.get("/admin/stop")
def stop_page(request: Request, visitor: Stopper, query: Annotated[AdminQuery, Query()]) -> Response:  # noqa: ARG001 - the policy is the parameter
    """Whether scores are stopped, until when they are approved, who stopped and released them before, and the form that does."""
    store = nights_of(request).store
    approval, lapsed = store.approval, isinstance(stop_of(request), Lapse)
    told = {"approval": approval, "until": pd.Timestamp(approval.until) if approval else None, "lapsed": lapsed}
    return _page(request, "admin_stop.html", **told, log=store.stops()[::-1], said=query.said)


@admin.post("/admin/stop")
async def stop(request: Request, visitor: Stopper) -> Response:
    """Stop publishing and showing scores, or let it go on, once it was confirmed."""
    form, store = await form_of(request), nights_of(request).store
    action, why = form.get("action", ""), form.get("why", "").strip()
    if action not in {"stop", "release"} or not why:
        return _to(request, "bad_parameter", "/admin/stop")
    if not _is_sure(form):
        return _confirm(request, {"key": action, "why": why}, {"action": action, "why": why}, "/admin/stop")
    try:
        await to_thread.run_sync(lambda: switched(request, store, visitor, stopped=action == "stop", why=why))
    except Problem as problem:
        return _to(request, _word_of(problem), "/admin/stop")
    return _to(request, "done", "/admin/stop")


# -- two clicks ----------------------------------------------------------------------------------------------------------


def _is_sure(form: Form) -> bool:
    return form.get("sure") == "1"


def _confirm(request: Request, text: Mapping[str, str], fields: Form, back: str = "/admin") -> Response:
    """The step in one sentence, with a button that takes it and a link that does not."""
    note_object(request, "asked")
    once = {"once": secrets.token_urlsafe(16), "shown": text.get("name", "")}
    said = SURE[text["key"]].filled(**_in_words(text, language_of(request)))[language_of(request)]
    return _page(request, "confirm.html", text=said, fields={**fields, **once, "sure": "1"}, back=back)


def _in_words(text: Mapping[str, str], language: str) -> dict[str, str]:
    """What a step is about, codes in words."""
    area = text.get("area", "")
    return {name: value for name, value in text.items() if name != "key"} | {
        "role": role_word("role", text.get("role", ""))[language],
        "area": told("whole_city", language) if area == CITY else area,
        "purpose": word(PURPOSES, text.get("purpose", ""), language),
    }


async def _once(
    request: Request, form: Form, keeper: Keeper, step: Callable[[Keeper], tuple[str, str]], *, name: str = ""
) -> Response:
    """Take a confirmed step once, however often its form is sent; what is shown once is shown by the first."""
    if not _taken(request).take(form.get("once", ""), time.monotonic() + _SHOWN_SECONDS):
        return _to(request, "again")

    def take() -> tuple[str, str]:
        with refusals():
            return step(keeper)

    try:
        key, secret = await to_thread.run_sync(take)
    except Problem as problem:
        return _to(request, _word_of(problem))
    request.app.state.doorman.forget()
    if not secret:
        return _to(request, "done")
    return _page(request, "secret.html", key=key, secret=secret, name=name)


def _taken(request: Request) -> Once:
    state = request.app.state
    if not hasattr(state, "admin_once"):
        state.admin_once = Once(time.monotonic)
    once: Once = state.admin_once
    return once


def _word_of(problem: Problem) -> str:
    """What a page says of a step that was refused."""
    return str(problem.extra.get("kind", problem.code))


def _to(request: Request, said: str, path: str = "/admin") -> Response:
    if said != "done":
        note_object(request, "refused", said)
    return RedirectResponse(f"{root_of(request)}{path}?said={said}", 303, {"Cache-Control": "no-store"})


def _page(request: Request, template: str, **context: Any) -> Response:
    answer = plain_page(
        request, template, PURPOSES=PURPOSES, TOKEN_STATES=TOKEN_STATES, SAID=SAID, SIGNS_IN=SIGNS_IN, **context
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer
