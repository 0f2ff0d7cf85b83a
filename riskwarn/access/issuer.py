"""The issuer of a single sign-on: where it is found, what it is asked, and whether an ID token is its own.

OpenID Connect Core 1.0, authorization code flow with PKCE (RFC 7636, S256); what an ID token must satisfy is section 3.1.3.7.
"""

import base64
import hashlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from riskwarn.access.accounts import Clock
from riskwarn.access.password import same
from riskwarn.access.signon import SignOn
from riskwarn.errors import NotFoundError, SignInError, UnreachableError

if TYPE_CHECKING:
    import httpx

DISCOVERY = "/.well-known/openid-configuration"
SKEW_SECONDS = 60
"""How far the clocks of issuer and server may stand apart."""
OLDEST_SECONDS = 600
"""How long ago an ID token may have been issued: it answers a question that was asked just now."""
LONGEST_SUBJECT = 255
_KEPT_SECONDS, _NOT_AGAIN_SECONDS, _DOWN_SECONDS = 3600.0, 10.0, 5.0
_ASK_SECONDS, _ALL_SECONDS, _LARGEST = 5.0, 10.0, 256 << 10
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True)
class _Found:
    """What discovery told, and until when it is believed."""

    facts: Mapping[str, Any]
    until: float


class Issuer:
    """Talks with an issuer. What it says of itself is kept for an hour; its keys too, or until a token names one that is not known.

    Parameters
    ----------
    sign_on
        As declared.
    secret
        Of the client; empty for a public one.
    clock
        Tells the present instant in UTC.
    ticking
        Seconds that only go on.

    Raises
    ------
    NotFoundError
        The extra ``riskwarn[oidc]`` is not installed, or the file of certificates cannot be read.
    """

    def __init__(
        self, sign_on: SignOn, secret: str, clock: Clock, *, ticking: Callable[[], float] = time.monotonic
    ) -> None:
        self.sign_on, self.clock, self.ticking = sign_on, clock, ticking
        self._secret, self._client = secret, _client(sign_on.ca_file)
        self._lock = threading.Lock()
        self._found: _Found | None = None
        self._keys: Any = None
        self._keys_until = self._keys_again = self._down_until = 0.0

    def address(self, state: str, nonce: str, verifier: str) -> str:
        """Where somebody is sent to sign in.

        Parameters
        ----------
        state, nonce
            Drawn for this one sign-in.
        verifier
            Of PKCE; the issuer is told its digest.

        Returns
        -------
        address
            At the issuer.

        Raises
        ------
        UnreachableError
            The issuer does not answer, or not as one.
        """
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.sign_on.client_id,
            "redirect_uri": self.sign_on.back,
            "scope": " ".join(dict.fromkeys(("openid", *self.sign_on.scopes))),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return _with(str(self._facts()["authorization_endpoint"]), asked)

    def end_address(self) -> str:
        """Where somebody signs out of the issuer itself; empty where it names no such place.

        Returns
        -------
        address
            At the issuer, which leads back to the sign-in.

        Raises
        ------
        UnreachableError
            The issuer does not answer.
        """
        place = self._facts().get("end_session_endpoint")
        if not self.sign_on.reaches(place):
            return ""
        back = self.sign_on.address.rstrip("/") + "/sign-in"
        return _with(str(place), {"client_id": self.sign_on.client_id, "post_logout_redirect_uri": back})

    def claims(self, code: str, verifier: str, nonce: str) -> dict[str, Any]:
        """For whom the issuer vouches: the claims of the ID token that a code is good for.

        Parameters
        ----------
        code
            As it came back.
        verifier, nonce
            Of this sign-in.

        Returns
        -------
        claims
            Of a token that was signed by the issuer, for this service, just now, in answer to this sign-in.

        Raises
        ------
        SignInError
            The code is not good, or the token is not what it must be.
        UnreachableError
            The issuer does not answer.
        """
        answer = self._exchanged(code, verifier)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise SignInError("the issuer sent no ID token.")
        claims = self._verified(token)
        self._check(claims, nonce)
        return claims

    # -- the token ----------------------------------------------------------------------------------------------------

    def _exchanged(self, code: str, verifier: str) -> Mapping[str, Any]:
        facts = self._facts()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.sign_on.back,
            "code_verifier": verifier,
            "client_id": self.sign_on.client_id,
        }
        head = {}
        methods = facts.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if self._secret and "client_secret_basic" in methods:
            pair = f"{quote(self.sign_on.client_id, safe='')}:{quote(self._secret, safe='')}"
            head["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        elif self._secret:
            form["client_secret"] = self._secret
        return self._asked(
            "POST", str(facts["token_endpoint"]), refusal="the issuer does not know the code.", data=form, headers=head
        )

    def _verified(self, token: str) -> dict[str, Any]:
        """The claims of a token, if a key of the issuer signed it by a declared algorithm."""
        from joserfc import jws, jwt  # noqa: PLC0415 - a guest of single sign-on alone
        from joserfc.errors import JoseError  # noqa: PLC0415

        try:
            head = jws.extract_compact(token.encode("ascii")).headers()
            key = self._key(head.get("kid"), head.get("alg"))
            decoded = jwt.decode(token, key, algorithms=list(self.sign_on.algorithms))
        except (JoseError, ValueError, TypeError, KeyError):
            raise SignInError("the ID token is not signed as it must be.") from None
        return decoded.claims

    def _check(self, claims: dict[str, Any], nonce: str) -> None:
        """Refuse a token of another issuer, for another service, of another time or another sign-in."""
        from joserfc.errors import JoseError  # noqa: PLC0415 - a guest of single sign-on alone
        from joserfc.jwt import JWTClaimsRegistry  # noqa: PLC0415

        me, now = self.sign_on.client_id, int(self.clock().timestamp())
        rules = JWTClaimsRegistry(
            now=now,
            leeway=SKEW_SECONDS,
            iss={"essential": True, "value": self.sign_on.issuer},
            aud={"essential": True, "value": me},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        try:
            rules.validate(claims)
        except JoseError:
            raise SignInError("the ID token is of another issuer, for another service, or of another time.") from None
        for_others = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if for_others else me) != me:
            raise SignInError("the ID token was made for another service.")
        if len(claims["sub"]) > LONGEST_SUBJECT:  # section 2: cut off, two could be one
            raise SignInError("the ID token names somebody at greater length than is permitted.")
        if claims["iat"] < now - OLDEST_SECONDS:
            raise SignInError("the ID token was issued long ago.")
        if not isinstance(claims.get("nonce"), str) or not same(claims["nonce"], nonce):
            raise SignInError("the ID token answers another sign-in.")

    # -- what the issuer says of itself --------------------------------------------------------------------------------

    def _facts(self) -> Mapping[str, Any]:
        """What discovery told; it must be of the issuer that was declared, and lead to its hosts alone."""
        with self._lock:
            if self._found is not None and self.ticking() < self._found.until:
                return self._found.facts
        facts = self._asked("GET", self.sign_on.issuer.rstrip("/") + DISCOVERY)
        if facts.get("issuer") != self.sign_on.issuer:
            raise UnreachableError("what answers at the address of the issuer names itself otherwise.")
        if away := [name for name in _ENDPOINTS if not self.sign_on.reaches(facts.get(name))]:
            raise UnreachableError(f"the issuer leads {', '.join(away)} to a host that is not declared.")
        with self._lock:
            self._found = _Found(facts, self.ticking() + _KEPT_SECONDS)
        return facts

    def _key(self, kid: object, alg: object) -> Any:
        """The key of that name; keys are asked for again where it is not known, since an issuer changes them, but seldom."""
        kid = kid if isinstance(kid, str) else None
        for again in (False, True):
            keys = [key for key in self._key_set(again=again) if kid is None or key.kid == kid]
            fitting = [key for key in keys if key.get("use") in {None, "sig"} and key.get("alg") in {None, alg}]
            if len(fitting) == 1:
                return fitting[0]
        raise KeyError("no such key")

    def _key_set(self, *, again: bool) -> Any:
        with self._lock:
            now = self.ticking()
            fresh = self._keys is not None and now < self._keys_until
            if fresh and (not again or now < self._keys_again):
                return self._keys
        read = self._read_keys()
        with self._lock:
            self._keys, self._keys_until = read, self.ticking() + _KEPT_SECONDS
            self._keys_again = self.ticking() + _NOT_AGAIN_SECONDS
        return read

    def _read_keys(self) -> Any:
        from joserfc.errors import JoseError  # noqa: PLC0415 - a guest of single sign-on alone
        from joserfc.jwk import KeySet  # noqa: PLC0415

        answer = self._asked("GET", str(self._facts()["jwks_uri"]))
        listed = answer.get("keys")
        public = (
            [k for k in listed if isinstance(k, dict) and k.get("kty") != "oct"] if isinstance(listed, list) else []
        )
        try:
            return KeySet.import_key_set({"keys": public})
        except (JoseError, ValueError, TypeError, KeyError):
            raise UnreachableError("the keys of the issuer cannot be read.") from None

    # -- the line -----------------------------------------------------------------------------------------------------

    def _asked(self, method: str, address: str, *, refusal: str = "", **sent: Any) -> Mapping[str, Any]:
        """A JSON object from the issuer. Where it was down a moment ago it is not asked again, so that nobody waits in a row."""
        import httpx  # noqa: PLC0415 - a guest of single sign-on alone

        if self.ticking() < self._down_until:
            raise UnreachableError("the issuer does not answer.")
        try:
            status, body = self._sent(method, address, **sent)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError):
            self._down_until = self.ticking() + _DOWN_SECONDS
            raise UnreachableError("the issuer does not answer.") from None
        if refusal and 400 <= status < 500:
            raise SignInError(refusal)
        try:
            read = json.loads(body) if status == 200 else None
        except ValueError:
            read = None
        if not isinstance(read, dict):
            raise UnreachableError("the issuer answers, but not as one.")
        return read

    def _sent(self, method: str, address: str, **sent: Any) -> tuple[int, bytes]:
        """Status and body of an answer that is neither slow nor large."""
        end = time.monotonic() + _ALL_SECONDS
        body = b""
        with self._client.stream(method, address, **sent) as answer:
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > _LARGEST or time.monotonic() > end:
                    raise TimeoutError
            return answer.status_code, body


def _client(ca_file: str) -> "httpx.Client":
    """Follows no redirect, asks no proxy that the environment names, and waits for seconds."""
    try:
        import httpx  # noqa: PLC0415 - a guest of single sign-on alone
        import joserfc  # noqa: F401, PLC0415
    except ModuleNotFoundError as error:
        raise NotFoundError(f"single sign-on needs {error.name}: pip install 'riskwarn[oidc]'.") from None
    try:
        known = ssl.create_default_context(cafile=ca_file or None)
    except OSError:
        raise NotFoundError(
            f"no certificates can be read from {ca_file}; ca_file of single sign-on names it."
        ) from None
    return httpx.Client(verify=known, timeout=_ASK_SECONDS, follow_redirects=False, trust_env=False)


def _with(address: str, asked: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"
