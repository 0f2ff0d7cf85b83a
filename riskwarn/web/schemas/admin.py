"""Shapes of administration: accounts, tokens, and the stop. Of passwords and tokens only what is shown once."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

_STRICT = ConfigDict(extra="forbid")


class User(BaseModel):
    """An account. `user_id` is the digest that the ledger and the audit log have of it."""

    user_id: str
    name: str
    role: str
    area: str
    disabled: bool
    version: int = Field(description="to be sent along with a change; who was slower is told 409")
    locked_seconds: int = Field(description="above 0 while no password is looked at")
    signs_in: Literal["password", "issuer", "proxy"]
    made_at: str
    changed_at: str


class Users(BaseModel):
    """The accounts of the area of whoever asks, by name."""

    users: list[User]


class NewUser(BaseModel):
    """An account to be made: a post or a desk, not a person. Its password is drawn by the server."""

    model_config = _STRICT
    name: str = Field(min_length=2, max_length=64, examples=["desk-3"])
    role: str = Field(min_length=1, max_length=64, examples=["township_centre"])
    area: str = Field("", max_length=64, description="one's own by default", examples=["320102"])
    with_password: bool = Field(default=True, description="false where only a trusted proxy signs it in")


class UserChange(BaseModel):
    """What an account shall have from now on; what is left out stays. Its sessions and tokens end."""

    model_config = _STRICT
    version: int = Field(ge=1)
    role: str | None = Field(None, max_length=64)
    area: str | None = Field(None, min_length=1, max_length=64)
    disabled: bool | None = None


class UserVersion(BaseModel):
    """Which account was looked at."""

    model_config = _STRICT
    version: int = Field(ge=1)


class WithPassword(BaseModel):
    """An account and its new password, shown this once and kept nowhere; empty where it has none."""

    user: User
    password: str


class TokenFacts(BaseModel):
    """What is known of a token; not the token."""

    token_id: str
    user_id: str
    account: str
    scopes: str
    area: str
    purpose: str
    made_at: str
    expires_at: str
    revoked_at: str | None
    state: Literal["holds", "expired", "revoked"]


class Tokens(BaseModel):
    """The tokens of accounts of the area of whoever asks, the newest first."""

    tokens: list[TokenFacts]


class NewToken(BaseModel):
    """A token to be made."""

    model_config = _STRICT
    user_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    purpose: str = Field(min_length=1, max_length=64, examples=["display"])
    scopes: list[str] = Field([], max_length=40, description="all that role and purpose have in common by default")
    area: str = Field("", max_length=64, description="that of the account by default")
    days: float = Field(90, gt=0, le=366, allow_inf_nan=False)


class WithSecret(BaseModel):
    """A token, shown this once and kept nowhere."""

    token: str
    facts: TokenFacts


class StopRequest(BaseModel):
    """To stop publishing and showing scores, or to let it go on."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"stopped": True, "why": "half the calls are missing"}]}
    )
    stopped: bool
    why: str = Field(min_length=1, max_length=200, description="the reason, which every page says; no person in it")


class StopFacts(BaseModel):
    """A stop or a release: since when, by which role, and why."""

    stopped: bool
    since: str
    by: str
    why: str


class Stops(BaseModel):
    """Whether publishing and showing scores is stopped, the last day it is approved for, and every stop and release, the newest first."""

    stopped: bool
    approved_until: str | None = Field(description="the last day, as ISO 8601; after it, it is stopped")
    log: list[StopFacts]
