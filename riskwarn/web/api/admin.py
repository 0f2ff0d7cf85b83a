"""Administration: accounts and tokens of one's area, and the stop. What was done is in the audit log with the digest of the account."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi import Path as InPath
from fastapi.responses import Response

from riskwarn.access import Accounts, Token, Visitor
from riskwarn.access.keeping import Keeper, Kept
from riskwarn.errors import ConflictError, DataError, ForbiddenError, NotFoundError, PrivacyError
from riskwarn.store import Stop, Store
from riskwarn.web import schemas
from riskwarn.web.api.shared import JSON, encoded, nights_of
from riskwarn.web.policy import may
from riskwarn.web.problems import conflict, not_kept, of_faults, unknown_account
from riskwarn.web.recorder import note_object
from riskwarn.web.schemas import NewToken, NewUser, StopRequest, UserChange, UserVersion

router = APIRouter(prefix="/api/v1/admin")
UserId = Annotated[str, InPath(pattern=r"^[0-9a-f]{16}$")]
TokenId = Annotated[str, InPath(pattern=r"^[0-9a-f]{8}$")]
KeeperVisitor = Annotated[Visitor, may("users:admin", "own", "safe")]
Stopper = Annotated[Visitor, may("scores:stop", "city", "safe")]


def keeper_of(request: Request, visitor: Visitor) -> Keeper:
    """Who keeps the accounts of the application."""
    accounts: Accounts = request.app.state.doorman.accounts
    return Keeper(accounts, visitor)


@contextmanager
def refusals() -> Iterator[None]:
    """What is refused, as problems; a message of the library may hold what was sent, and is not repeated.

    Raises
    ------
    Problem
        403, 404, 409 or 422.
    """
    try:
        yield
    except ForbiddenError as error:
        raise not_kept(error.kind) from None
    except NotFoundError:
        raise unknown_account() from None
    except ConflictError:
        raise conflict("Somebody has changed it meanwhile; read it again.") from None
    except PrivacyError:
        raise of_faults([{"loc": ("body",), "type": "may_name_a_person"}]) from None
    except DataError:
        raise of_faults([{"loc": ("body",), "type": "not_permitted_value"}]) from None


@router.get("/users", response_model=schemas.Users)
def users(request: Request, visitor: KeeperVisitor) -> Response:
    """The accounts of one's area, by name."""
    return _told({"users": [_user(kept) for kept in keeper_of(request, visitor).users()]})


@router.post("/users", response_model=schemas.WithPassword, status_code=201)
def add_user(request: Request, asked: NewUser, visitor: KeeperVisitor) -> Response:
    """Make an account; its password is in the answer, this once."""
    with refusals():
        password, kept = keeper_of(request, visitor).add(**asked.model_dump())
    note_object(request, kept.user_id, kept.account.role, kept.account.area)
    return _told({"user": _user(kept), "password": password}, 201)


@router.get("/users/{user_id}", response_model=schemas.User)
def user(request: Request, user_id: UserId, visitor: KeeperVisitor) -> Response:
    """One account."""
    with refusals():
        return _told(_user(keeper_of(request, visitor).user(user_id)))


@router.patch("/users/{user_id}", response_model=schemas.User)
def change_user(request: Request, user_id: UserId, asked: UserChange, visitor: KeeperVisitor) -> Response:
    """Give an account another role or area, or close or open it; its sessions and tokens end."""
    with refusals():
        kept = keeper_of(request, visitor).change(user_id, **asked.model_dump())
    note_object(request, user_id, kept.account.role, kept.account.area, "closed" if kept.account.disabled else "open")
    request.app.state.doorman.forget()
    return _told(_user(kept))


@router.post("/users/{user_id}/reset", response_model=schemas.WithPassword)
def reset_user(request: Request, user_id: UserId, asked: UserVersion, visitor: KeeperVisitor) -> Response:
    """Give an account another password, which is in the answer, this once; its sessions and tokens end."""
    keeper = keeper_of(request, visitor)
    with refusals():
        password = keeper.reset(user_id, version=asked.version)
        request.app.state.doorman.forget()
        return _told({"user": _user(keeper.user(user_id)), "password": password})


@router.post("/users/{user_id}/unlock", response_model=schemas.User)
def unlock_user(request: Request, user_id: UserId, visitor: KeeperVisitor) -> Response:
    """Forget the tries in vain for an account."""
    keeper = keeper_of(request, visitor)
    with refusals():
        keeper.unlock(user_id)
        return _told(_user(keeper.user(user_id)))


@router.get("/tokens", response_model=schemas.Tokens)
def tokens(request: Request, visitor: KeeperVisitor) -> Response:
    """The tokens of accounts of one's area, those that have ended too."""
    keeper = keeper_of(request, visitor)
    return _told({"tokens": [_token(keeper, user_id, token) for user_id, token in keeper.tokens()]})


@router.post("/tokens", response_model=schemas.WithSecret, status_code=201)
def add_token(request: Request, asked: NewToken, visitor: KeeperVisitor) -> Response:
    """Make a token of an account; it is in the answer, this once."""
    keeper = keeper_of(request, visitor)
    with refusals():
        secret, token = keeper.make_token(**asked.model_dump())
    note_object(request, token.token_id, asked.user_id, token.purpose, token.area)
    return _told({"token": secret, "facts": _token(keeper, asked.user_id, token)}, 201)


@router.delete("/tokens/{token_id}", status_code=204)
def end_token(request: Request, token_id: TokenId, visitor: KeeperVisitor) -> Response:
    """End a token at once; one that has ended stays so."""
    with refusals():
        user_id = keeper_of(request, visitor).revoke(token_id)
    note_object(request, token_id, user_id)
    request.app.state.doorman.forget()
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


@router.get("/stop", response_model=schemas.Stops)
def stops(request: Request, visitor: Stopper) -> Response:  # noqa: ARG001 - the policy is the parameter
    """Whether publishing and showing scores is stopped, until when it is approved, and who stopped and released it before."""
    store = nights_of(request).store
    body = {
        "stopped": store.stopped is not None,
        "approved_until": store.approval.until or None if store.approval else None,
        "log": [vars(made) for made in reversed(store.stops())],
    }
    return _told(body)


@router.post("/stop", response_model=schemas.StopFacts, status_code=201)
def switch_stop(request: Request, asked: StopRequest, visitor: Stopper) -> Response:
    """Stop publishing and showing scores, or let it go on; the log names the role, never a person."""
    made = switched(request, nights_of(request).store, visitor, stopped=asked.stopped, why=asked.why)
    return _told(vars(made), 201)


def switched(request: Request, store: Store, visitor: Visitor, *, stopped: bool, why: str) -> Stop:
    """The stop or release that a visitor makes.

    Raises
    ------
    Problem
        409 where it is so already, 422 where the reason is none or may name a person.
    """
    with refusals():
        made = (store.stop if stopped else store.go_on)(by=visitor.actor.role, why=why)
    note_object(request, "stopped" if made.stopped else "released")
    return made


def _told(body: object, status: int = 200) -> Response:
    return Response(encoded(body), status, {"Cache-Control": "no-store"}, JSON)


def _user(kept: Kept) -> dict[str, object]:
    account = kept.account
    return {
        "user_id": kept.user_id,
        "name": account.name,
        "role": account.role,
        "area": account.area,
        "disabled": account.disabled,
        "version": account.epoch,
        "locked_seconds": kept.locked_seconds,
        "signs_in": kept.signs_in,
        "made_at": account.made_at.isoformat(),
        "changed_at": account.changed_at.isoformat(),
    }


def _token(keeper: Keeper, user_id: str, token: Token) -> dict[str, object]:
    return {
        "token_id": token.token_id,
        "user_id": user_id,
        "account": token.account,
        "scopes": token.scopes,
        "area": token.area,
        "purpose": token.purpose,
        "made_at": token.made_at.isoformat(),
        "expires_at": token.expires_at.isoformat(),
        "revoked_at": token.revoked_at.isoformat() if token.revoked_at else None,
        "state": token.state_at(keeper.accounts.clock()),
    }
