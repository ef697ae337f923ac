"""Opens a page on an address: which names it answers to, when a token is needed, a port that is taken."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import platform
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from harness.core.errors import ConfigError
from reports.web.guard import LOOPBACK, SHORTEST_TOKEN, Access

if TYPE_CHECKING:
    from starlette.types import ASGIApp


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def new_access(host: str, port: int, token: str = "", uploads: Mapping[str, int] | None = None) -> Access:
    """The rules for a server on that address. Beyond loopback there is always a token: the given one, or a new one.

    Raises ConfigError for a token that can be guessed or cannot stand in an address.
    """
    if token and (len(token) < SHORTEST_TOKEN or not all(c.isascii() and (c.isalnum() or c in "-_.~") for c in token)):
        raise ConfigError(
            f"A token needs at least {SHORTEST_TOKEN} characters, letters and digits and -_.~ only; "
            "leave --token out and a good one is made."
        )
    if is_loopback(host):
        return Access(port, token=token, uploads=uploads or {})
    names = LOOPBACK | {host.lower(), platform.node().lower()}
    return Access(port, names, any_address=True, token=token or secrets.token_urlsafe(24), uploads=uploads or {})


def address(host: str, access: Access) -> str:
    """What to open: with the token, where there is one."""
    everywhere = host in ("0.0.0.0", "::")
    name = platform.node() if everywhere else f"[{host}]" if ":" in host else host
    return f"http://{name}:{access.port}/" + (f"?token={access.token}" if access.token else "")


def check_free(host: str, port: int) -> None:
    """Raise ConfigError where the address cannot be had; ask before work that takes long."""
    try:
        asyncio.run(_bind(host, port))
    except OSError as error:
        why = "another program listens there" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        code = error.errno or 0  # below 0: of looking for the host's name
        is_address = code < 0 or code in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
        other = "Give --host an address of this machine" if is_address else "Choose one with --port"
        raise ConfigError(f"Port {port} of {host} cannot be had: {why}. {other}.") from None


async def _bind(host: str, port: int) -> None:
    """Listen and stop at once; asyncio closes its sockets where the address cannot be had, too."""
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port)
    server.close()
    await server.wait_closed()


def serve(app: ASGIApp, host: str, port: int) -> None:
    """Answer requests until Ctrl-C. Raises ConfigError where the address cannot be had."""
    import uvicorn

    check_free(host, port)
    config = uvicorn.Config(
        app, host=host, port=port, log_config=None, access_log=False, server_header=False, proxy_headers=False, lifespan="off"
    )
    # Not on a socket of ours: asyncio switches Nagle's algorithm off only for those that it makes itself, and with it on every
    # answer waits 40 ms for the other side's delayed acknowledgement of its headers.
    uvicorn.Server(config).run()
