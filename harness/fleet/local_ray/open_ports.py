"""TCP ports that processes listen on, read from Linux's /proc."""

from __future__ import annotations

import ipaddress
import os
import sys
from contextlib import suppress
from pathlib import Path

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_PROC = Path("/proc")
_LISTENS = "0A"  # the state of a socket in /proc/net/tcp


def descendants(pid: int) -> list[int]:
    """Process ids of all children of a process, and theirs."""
    children: dict[int, list[int]] = {}
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError, ValueError):  # it has ended
                continue
            children.setdefault(parent, []).append(int(folder.name))
    found, left = list[int](), [pid]
    while left:
        own = children.get(left.pop(), [])
        found += own
        left += own
    return found


def externally_reachable(pid: int) -> set[str]:
    """ADDRESS:PORT that this process or a descendant listens on and that are not on the loopback interface.

    Empty where there is no /proc.
    """
    if not _PROC.is_dir():
        return set()
    own = {socket for one in (pid, *descendants(pid)) for socket in _sockets(one)}
    there = {socket: place for name in ("tcp", "tcp6") for socket, place in _listening(_PROC / str(pid) / "net" / name).items()}
    return {f"{address}:{port}" for socket, (address, port) in there.items() if socket in own and not _is_loopback(address)}


def _sockets(pid: int) -> set[str]:
    """The numbers of a process's open sockets."""
    found, folder = set(), _PROC / str(pid) / "fd"
    with suppress(OSError):  # it has ended
        for name in os.listdir(folder):
            with suppress(OSError):  # it has closed that file
                found.add(os.readlink(folder / name))
    return {target[len("socket:[") : -1] for target in found if target.startswith("socket:[")}


def _listening(table: Path) -> dict[str, tuple[Address, int]]:
    """Number of the socket -> address and port, of the sockets that listen."""
    try:
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:  # a kernel without IPv6
        return {}
    return {row[9]: _place(row[1]) for row in rows if row[3] == _LISTENS}


def _place(words: str) -> tuple[Address, int]:
    """Of "0100007F:1F90": 127.0.0.1 and 8080. The address is written in words of 32 bits in the machine's byte order."""
    address, port = words.split(":")
    raw = bytes.fromhex(address)
    if sys.byteorder == "little":
        raw = b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4))
    return ipaddress.ip_address(raw), int(port, 16)


def _is_loopback(address: Address) -> bool:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
