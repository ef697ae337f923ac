"""Who may ask the local pages for what: every request passes here first.

A page on loopback is within reach of every site that its user visits, so loopback alone protects nothing:

- the Host header must be one of ours: another site's name that was pointed at 127.0.0.1 (DNS rebinding) is refused;
- a form must come from a page of this server: same origin, and the secret of this browser's session (CSRF);
- where the server listens beyond loopback, a session needs the token;
- bodies are counted while they come in;
- every answer forbids scripts, styles, images and frames that are not this server's own files.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
LARGEST_FORM = 256 * 1024  # bytes; marks in a long caption with a comment stay far below
SHORTEST_TOKEN = 16  # characters
POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # "no-referrer" would hide the origin of our own forms
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Access:
    """Who may ask one server. `names`: host names it answers to; `token`: "" where none is asked for.

    `uploads`: path -> most bytes of a body, where it is not LARGEST_FORM.
    """

    port: int
    names: frozenset[str] = LOOPBACK
    any_address: bool = False
    token: str = ""
    uploads: Mapping[str, int] = field(default_factory=dict)
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    @property
    def cookie(self) -> str:
        return f"harness_{self.port}"  # browsers share cookies between ports

    def knows(self, host: str) -> bool:
        """Is this Host header ours? The port is not looked at: it is another one behind an ssh tunnel."""
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and not host.endswith("]") else host
        name = name.strip("[]").lower()
        return name in self.names or (self.any_address and _is_address(name))

    def sign(self, purpose: str, nonce: str) -> str:
        return hmac.new(self.secret, f"{purpose}\n{nonce}".encode(), hashlib.sha256).hexdigest()

    def new_session(self) -> str:
        nonce = secrets.token_hex(16)
        return f"{nonce}.{self.sign('session', nonce)}"

    def nonce_of(self, session: str) -> str:
        """The nonce of a session that this server gave out, else ""."""
        nonce, _, signature = session.partition(".")
        return nonce if hmac.compare_digest(signature.encode(), self.sign("session", nonce).encode()) else ""


def _is_address(name: str) -> bool:
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False


class Guard:
    """The middleware around an application: refuses, or lets pass with `scope["state"]["form_secret"]` set."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return  # no page of ours opens a web socket
        dressed = _dressed(send)
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, dressed)
            return
        session, answer = self._session(scope)
        if answer is not None:
            await answer(scope, receive, dressed)
            return
        scope.setdefault("state", {})["form_secret"] = self.access.sign("form", self.access.nonce_of(session))
        limit = self.access.uploads.get(scope["path"], LARGEST_FORM)
        await self.app(scope, _counted(receive, limit), dressed if self._has(scope, session) else self._with(session, dressed))

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self.access.knows(hosts[0]):
            return _said(421, "This server does not go by that name. Open it under the address that the command printed.")
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return _said(405, "Only GET and POST are answered here.")
        if scope["method"] == "POST" and not _same_origin(headers, hosts[0]):
            return _said(403, "This form was sent from another site. Open the page here and send it again.")
        length = headers.get("content-length", "0")
        limit = self.access.uploads.get(scope["path"], LARGEST_FORM)
        if not length.isdigit() or int(length) > limit:
            return _said(413, f"That is more than the {limit:,} bytes that are taken here.")
        return None

    def _session(self, scope: Scope) -> tuple[str, Response | None]:
        """This browser's session, and the answer where it has none and needs a token for it."""
        access = self.access
        known = HTTPConnection(scope).cookies.get(access.cookie, "")
        if access.nonce_of(known):
            return known, None
        if not access.token:
            return access.new_session(), None
        given = QueryParams(scope["query_string"]).get("token", "")
        if not hmac.compare_digest(given.encode(), access.token.encode()):
            return "", _said(401, "Open this page with its token, as the command printed it: ...?token=...")
        response = RedirectResponse("/", 303)  # the token does not stay in the address bar
        _set_cookie(response.headers, access.cookie, access.new_session())
        return "", response

    def _has(self, scope: Scope, session: str) -> bool:
        return HTTPConnection(scope).cookies.get(self.access.cookie) == session

    def _with(self, session: str, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                _set_cookie(MutableHeaders(scope=message), self.access.cookie, session)
            await send(message)

        return sending


async def posted(request: Request) -> None:
    """A dependency of every POST: the form must hold the secret of this browser's session. Raises 403."""
    form = await request.form(max_files=1, max_fields=100)
    given = form.get("secret")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), request.state.form_secret.encode()):
        raise HTTPException(403, "This page is older than the server. Go back, load it again and send it again.")


def _same_origin(headers: Headers, host: str) -> bool:
    """Browsers name the origin of every form; what names none (a script of the user) has no cookies of ours to abuse."""
    origin = headers.get("origin")
    if origin is not None:
        return origin.partition("://")[2] == host
    return headers.get("sec-fetch-site", "none") in ("same-origin", "none")


def _counted(receive: Receive, limit: int) -> Receive:
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise HTTPException(413, f"That is more than the {limit:,} bytes that are taken here.")
        return message

    return counting


def _dressed(send: Send) -> Send:
    """Every answer with the protecting headers; those that the page set itself stay."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


def _set_cookie(headers: Any, name: str, value: str) -> None:
    headers.append("Set-Cookie", f"{name}={value}; Path=/; HttpOnly; SameSite=Lax")


def _said(status: int, text: str) -> Response:
    return PlainTextResponse(text + "\n", status)
