"""Refuses and notes every attempt to leave this machine, in this process or, through PYTHONPATH, in any Python child.

The fixtures beside it install it for the session and let a test fail in whose time an attempt was noted, even where the
code under test swallowed the error. Python starts a module of this name by itself, so children that inherit the
environment are watched too. An audit hook sees every socket of Python's own, whoever made it, and cannot be taken out.

Allowed are unix sockets, loopback and this machine's own addresses (Ray's nodes and torch's processes meet there), and
connecting a datagram socket, which sends nothing and is how programs ask for their own address. Not seen are sockets
opened by compiled code (Ray's gRPC, a browser), datagrams sent on a connected socket, and children without the
environment, or told not to read it (`python -I`). Programs that are not Python find proxies where nobody listens, which
curl, git and pip obey.
"""

import os
import socket
import sys
from typing import Any

NOTED = "ARGUS3D_TESTS_NOTE_ATTEMPTS"  # names the file of attempts, one a line; without it nothing is watched
DEAD_PROXY = "http://127.0.0.1:9"
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
DIRECT = "localhost,127.0.0.1,::1"
ENVIRONMENT = {
    **{spelt: DEAD_PROXY for name in PROXIES for spelt in (name, name.upper())},
    **dict.fromkeys(("no_proxy", "NO_PROXY"), DIRECT),
}
LOOPBACK = ("127.", "::1", "::ffff:127.", "0.0.0.0", "::")


def own_addresses() -> frozenset[str]:
    """Addresses of this machine, found without sending anything."""
    found = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # reserved for documentation: nobody's
            found.add(probe.getsockname()[0])
        except OSError:
            pass  # no route to anywhere
    return frozenset(found)


def forbid() -> None:
    """Watch this process until it ends, once. Its children are watched through the environment."""
    if getattr(sys, "_argus3d_offline", False):
        return
    sys._argus3d_offline = True  # type: ignore[attr-defined]
    own, names = own_addresses(), frozenset({"", "localhost", socket.gethostname(), socket.getfqdn()})

    def local(host: Any) -> bool:
        host = host.decode() if isinstance(host, bytes) else host
        return host is None or host in own or host in names or str(host).startswith(LOOPBACK)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        host = _host_asked(event, arguments)
        if host is not None and not local(host):
            _refuse(event, host)

    sys.addaudithook(hook)


def _host_asked(event: str, arguments: tuple[Any, ...]) -> Any:
    """Whom an event would reach; None where it reaches nobody."""
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        return None if _is_address(arguments[0]) else arguments[0]
    if event not in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        return None
    endpoint, address = arguments[0], arguments[1]
    if endpoint.family not in (socket.AF_INET, socket.AF_INET6) or not address:
        return None
    if event == "socket.connect" and endpoint.type & 0xF == socket.SOCK_DGRAM:
        return None
    return address[0]


def _is_address(host: Any) -> bool:
    """Whether nothing needs to be asked to resolve it; who connects to it is judged then."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host.decode() if isinstance(host, bytes) else host)
            return True
        except (OSError, TypeError, AttributeError):
            continue
    return False


def _refuse(event: str, host: Any) -> None:
    path = os.environ.get(NOTED)
    if path is None:
        return
    said = f"{event} to {host!r} by process {os.getpid()} ({' '.join(sys.argv)[:200]})"
    with open(path, "a", encoding="utf-8") as file:
        file.write(said + "\n")
    raise PermissionError(f"tests use no network: {said}")


if __name__ == "sitecustomize" and NOTED in os.environ:
    forbid()
