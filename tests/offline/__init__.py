"""No test asks the network for anything: what `sitecustomize` notes in the time of a test lets that test fail."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.offline import sitecustomize


@pytest.fixture(scope="session")
def attempts() -> Iterator[Path]:
    """The file that notes who tried to leave this machine, from here on and in children."""
    folder = str(Path(__file__).parent)
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        noted = Path(place) / "attempts"
        noted.touch()
        for name, value in sitecustomize.ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setenv(sitecustomize.NOTED, str(noted))
        patch.setenv("PYTHONPATH", folder, prepend=os.pathsep)
        sitecustomize.forbid()
        yield noted


@pytest.fixture(autouse=True)
def no_network(attempts: Path) -> Iterator[None]:
    """A test fails that asks the network for anything, or whose children do: see `sitecustomize`."""
    yield
    found = attempts.read_text()
    if found:
        attempts.write_text("")
        pytest.fail(f"tests use no network, but there was\n{found}", pytrace=False)
