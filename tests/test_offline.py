"""The guard against the network: what it refuses, in this process and in children, and what it lets pass."""

import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.offline import sitecustomize as offline

ELSEWHERE = "192.0.2.7"  # reserved for documentation: nobody's, should the guard fail
CONNECTS = f"import socket; socket.create_connection(({ELSEWHERE!r}, 80), timeout=0.1)"
SWALLOWED = f"try:\n    {CONNECTS}\nexcept OSError:\n    pass\n"


def noted(attempts: Path) -> str:
    """What was noted, which is then forgotten: here attempts are what is tested."""
    found = attempts.read_text()
    attempts.write_text("")
    return found


@pytest.mark.parametrize("ask", ["connect", "connect_ex"])
def test_a_connection_to_elsewhere_is_refused_and_noted(ask: str, attempts: Path) -> None:
    with socket.socket() as endpoint, pytest.raises(PermissionError, match="tests use no network"):
        getattr(endpoint, ask)((ELSEWHERE, 80))
    assert ELSEWHERE in noted(attempts)


def test_a_name_is_not_looked_up(attempts: Path) -> None:
    with pytest.raises(PermissionError, match="example"):
        socket.getaddrinfo("example.invalid", 80)
    with pytest.raises(PermissionError, match="example"):
        socket.gethostbyname("example.invalid")
    assert noted(attempts).count("example.invalid") == 2


def test_a_datagram_is_refused(attempts: Path) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as endpoint, pytest.raises(PermissionError):
        endpoint.sendto(b"?", (ELSEWHERE, 9))
    assert "sendto" in noted(attempts)


def test_this_machine_is_reached(attempts: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        client.sendall(b"!")
        assert server.accept()[0].recv(1) == b"!"
    one, other = socket.socketpair()
    one.close()
    other.close()
    assert attempts.read_text() == ""


def test_a_python_child_is_refused_even_where_it_swallows_the_error(attempts: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SWALLOWED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert ELSEWHERE in noted(attempts)


def test_other_programs_find_no_proxy(attempts: Path) -> None:
    assert {name: os.environ[name] for name in offline.ENVIRONMENT} == offline.ENVIRONMENT
    with socket.socket() as endpoint:
        assert endpoint.connect_ex(("127.0.0.1", 9)) != 0, "somebody listens where the dead proxy should be"


def test_a_test_fails_that_asks_the_network_or_whose_child_does(tmp_path: Path) -> None:
    child = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {SWALLOWED!r}], check=True)"
    bodies = {"asks": SWALLOWED, "child_asks": child, "asks_nobody": "pass"}
    tests = [f"def test_{name}():\n{textwrap.indent(body, '    ')}\n" for name, body in bodies.items()]
    (tmp_path / "test_asking.py").write_text("\n\n".join(tests))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.offline", "-p", "no:cacheprovider", tmp_path]
    plain = {name: value for name, value in os.environ.items() if name != offline.NOTED}
    here = plain | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=here, timeout=120)
    assert "3 passed, 2 errors" in done.stdout, done.stdout
    failed = [line.split(" ")[1].partition("::")[2] for line in done.stdout.splitlines() if line.startswith("ERROR ")]
    assert failed == ["test_asks", "test_child_asks"]
