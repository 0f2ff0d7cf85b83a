"""An issuer of OpenID Connect that a test starts: a small server with RSA keys of its own, which can be told to misbehave.

Its tokens are put together here letter by letter, so that what reads them is not tried against itself.
"""

import base64
import hashlib
import json
import secrets
import threading
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

CLIENT, SECRET = "riskwarn", "s3cr3t-Of-the-tests-42"


def b64(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@cache
def pair(_owner):
    """A pair of keys; made once for each owner, since making one takes long."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Key:
    """A pair of keys with a name."""

    def __init__(self, kid, owner="issuer"):
        self.kid, self.private = kid, pair(f"{owner}|{kid}")

    def jwk(self):
        n = self.private.public_key().public_numbers()
        number = lambda v: b64(v.to_bytes((v.bit_length() + 7) // 8, "big"))  # noqa: E731
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": number(n.n), "e": number(n.e)}

    def pem(self):
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.private.public_key().public_bytes(serialization.Encoding.PEM, form)

    def signed(self, claims, **head):
        head = {"alg": "RS256", "typ": "JWT", "kid": self.kid, **head}
        text = ".".join(b64(json.dumps(part).encode()) for part in (head, claims))
        if head["alg"] == "none":
            return text + "."
        if head["alg"] == "HS256":  # with the public key as the secret that both sides know
            code = hmac.HMAC(self.pem(), hashes.SHA256())
            code.update(text.encode())
            return f"{text}.{b64(code.finalize())}"
        return f"{text}.{b64(self.private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


class LocalIssuer:
    """What the issuer knows and how it behaves; tests change it."""

    def __init__(self, clock):
        self.clock, self.keys = clock, [Key("first")]
        self.person = {"sub": "u-17", "groups": ["duty"]}
        self.codes, self.asked = {}, []
        self.claims, self.head, self.token = {}, {}, None
        self.facts, self.status, self.key = {}, 200, None
        self.url = ""

    def discovery(self):
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "end_session_endpoint": f"{self.url}/logout",
            **self.facts,
        }

    def authorize(self, query):
        """What the browser is sent back with, once somebody has signed in there."""
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        assert (asked["response_type"], asked["client_id"], asked["code_challenge_method"]) == ("code", CLIENT, "S256")
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return asked["redirect_uri"] + "?" + urlencode({"code": code, "state": asked["state"], "iss": self.url})

    def exchange(self, form, authorization):
        """Status and body of the token endpoint: a code is good once, for the client and the verifier it was made for."""
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        basic = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if asked is None or challenge != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        if authorization != basic:
            return 401, {"error": "invalid_client"}
        now = int(self.clock().timestamp())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"], **self.person}
        claims = {name: value for name, value in {**claims, **self.claims}.items() if value is not None}
        token = self.token or (self.key or self.keys[-1]).signed(claims, **self.head)
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": token}


@contextmanager
def running(clock):
    """The issuer, listening on a port of this machine."""
    issuer = LocalIssuer(clock)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def answer(self, status, body):
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self):
            path, query = urlsplit(self.path).path, urlsplit(self.path).query
            issuer.asked.append(path)
            if path == "/authorize" and issuer.status == 200:  # somebody is signed in there already
                self.send_response(303)
                self.send_header("Location", issuer.authorize(query))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            known = {
                "/.well-known/openid-configuration": issuer.discovery,
                "/jwks": lambda: {"keys": [k.jwk() for k in issuer.keys]},
            }
            if issuer.status != 200 or path not in known:
                self.answer(issuer.status if issuer.status != 200 else 404, {})
            else:
                self.answer(200, known[path]())

        def do_POST(self):
            issuer.asked.append(self.path)
            text = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(text).items()}
            self.answer(*issuer.exchange(form, self.headers.get("authorization")))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
