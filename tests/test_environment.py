"""pyproject.toml, constraints.txt, the files of hashes and environment.yaml say the same."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
CONDA_NAMES = {"pytorch": "torch"}
UNPINNED = {"triton"}  # CUDA builds of torch demand the very one they were built with: a pin would fight it
LOCKS = {"requirements.lock": (), "requirements-all.lock": ("notebooks", "dev", "bench")}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def required(*extras: str) -> dict[str, SpecifierSet]:
    """Name -> versions of the dependencies and of some extras."""
    listed = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    return {canonicalize_name(Requirement(line).name): Requirement(line).specifier for line in listed}


def conda() -> dict[str, SpecifierSet]:
    """Name -> versions of environment.yaml, python and pip left out, under the names of PyPI."""
    listed = yaml.safe_load((ROOT / "environment.yaml").read_text())["dependencies"]
    requirements = [Requirement(line) for line in listed if isinstance(line, str)]
    by_name = {canonicalize_name(CONDA_NAMES.get(entry.name, entry.name)): entry.specifier for entry in requirements}
    return {name: versions for name, versions in by_name.items() if name not in ("python", "pip")}


def pins() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def lock(name: str) -> dict[tuple[str, str], tuple[Version, list[str]]]:
    """(library, marker) -> version and sha256 of its files."""
    entries = re.split(r"\n(?=\S)", (ROOT / name).read_text())
    found = {}
    for entry in entries:
        if not entry.startswith("#"):
            line, _, hashes = entry.partition(" \\\n")
            requirement = Requirement(line)
            (exact,) = requirement.specifier
            key = canonicalize_name(requirement.name), str(requirement.marker or "")
            found[key] = Version(exact.version), re.findall(r"sha256:([0-9a-f]{64})\b", hashes)
    return found


def test_conda_and_pip_list_the_same_libraries_and_versions() -> None:
    assert conda() == required("notebooks")


def test_conda_has_the_python_of_the_project() -> None:
    python = next(line for line in (ROOT / "environment.yaml").read_text().splitlines() if "- python" in line)
    assert python.split("python")[1] == PROJECT["requires-python"]


def test_the_environment_file_is_short() -> None:
    assert len((ROOT / "environment.yaml").read_text().splitlines()) <= 35


@pytest.mark.parametrize("extra", sorted(PROJECT["optional-dependencies"]))
def test_every_dependency_is_pinned_within_its_range(extra: str) -> None:
    pinned = pins()
    assert not UNPINNED & set(pinned)
    for name, versions in required(extra).items():
        if name in UNPINNED:
            continue
        assert name in pinned, f"{name} is missing in constraints.txt"
        assert pinned[name] in versions, f"constraints.txt pins {name} {pinned[name]}, pyproject.toml asks {versions}"


@pytest.mark.parametrize("extra", sorted({*PROJECT["optional-dependencies"]} - {"notebooks", "bench", "dev"}))
def test_developers_have_every_extra_that_the_code_uses_in_the_same_versions(extra: str) -> None:
    assert set(PROJECT["optional-dependencies"][extra]) <= set(PROJECT["optional-dependencies"]["dev"])


@pytest.mark.parametrize(("name", "extras"), LOCKS.items())
def test_files_of_hashes_pin_what_constraints_pin(name: str, extras: tuple[str, ...]) -> None:
    locked, pinned = lock(name), pins()
    assert set(required(*extras)) <= {library for library, _ in locked}
    for (library, marker), (version, hashes) in locked.items():
        assert hashes, f"{name} has no hash of {library}"
        if library in pinned:
            assert version == pinned[library], f"{name} and constraints.txt differ; make it again as its header says"
        else:
            assert marker or library in UNPINNED, f"{library} is in {name} for every system, but not in constraints.txt"


def test_the_file_of_all_hashes_has_every_pin() -> None:
    assert set(pins()) <= {library for library, _ in lock("requirements-all.lock")}


def test_make_installs_the_torch_that_is_pinned() -> None:
    found = re.search(r"torch==(\S+)", (ROOT / "Makefile").read_text())
    assert found is not None
    assert Version(found[1]) == pins()["torch"]


def test_no_file_of_the_environment_names_a_host() -> None:
    for name in ("pyproject.toml", "constraints.txt", "environment.yaml", "Makefile", *LOCKS):
        assert not re.search(r"https?://|index-url", (ROOT / name).read_text()), name
