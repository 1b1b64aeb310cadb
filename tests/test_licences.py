"""Every pinned library and every data set has a licence that is known, and reports/licences.md is the table of them."""

import ast
import re
from email.message import Message
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from argus3d.data.sources import SOURCES
from argus3d.errors import UserError
from benchmarks import licences

PAGE = (licences.ROOT / "reports" / "licences.md").read_text()
LINE = re.compile(r"^\| (\S+) \| (\d\S*) \| (.+?) \| (.+?) \| (.*?) ?\|$", re.MULTILINE)
ROWS = {row[0]: row for row in LINE.findall(PAGE)}


class Library(Distribution):
    """A library that says what a test wants it to say."""

    def __init__(self, **metadata: str) -> None:
        self._said = metadata

    @property
    def metadata(self) -> Message:  # type: ignore[override]
        message = Message()
        message["Name"], message["Version"] = "library", "1.0"
        for name, value in self._said.items():
            message[name.replace("_", "-")] = value
        return message

    @property
    def files(self) -> None:
        return None

    def read_text(self, filename: str) -> str | None:
        return None

    def locate_file(self, path: object) -> Path:
        raise FileNotFoundError(path)


def test_the_table_has_every_pinned_library_in_its_version() -> None:
    assert {name: row[1] for name, row in ROWS.items()} == licences.pins()


def test_no_licence_of_the_table_is_unknown() -> None:
    unknown = {name: row[2] for name, row in ROWS.items() if not licences.is_known(row[2])}
    assert unknown == {}, "read these licences; benchmarks/licences.py lists what may be depended on"


def test_installed_libraries_say_what_the_table_says() -> None:
    compared = []
    for name, row in ROWS.items():
        library = licences.installed(name)
        if library is None or library.version.partition("+")[0] != row[1]:
            continue
        assert (name, licences.licence_of(library)) == (name, row[2])
        compared.append(name)
    assert compared, "no library is here in its pinned version"


def test_every_source_of_data_and_the_weights_that_are_shipped_have_a_row() -> None:
    named = {row[0] for row in licences.data_sets()}
    assert {*SOURCES} - {"folder"} <= named, "folder is the user's own"
    assert {"nano (weights)", "point network (weights)"} <= named
    for row in licences.data_sets():
        assert f"| {' | '.join(row)} |" in PAGE, "make the table again: python -m benchmarks.licences"


@pytest.mark.parametrize(
    ("said", "licence"),
    [
        ({"License_Expression": "MIT AND Apache-2.0 WITH LLVM-exception"}, "MIT AND Apache-2.0 WITH LLVM-exception"),
        ({"License": "UNKNOWN", "Classifier": "License :: OSI Approved :: ISC License (ISCL)"}, "ISC"),
        ({"License": "BSD-3-Clause", "Classifier": "License :: OSI Approved :: BSD License"}, "BSD-3-Clause"),
        ({"License": "BSD", "Classifier": "License :: OSI Approved :: BSD License"}, "BSD"),
    ],
)
def test_a_licence_is_read_from_where_it_is_said(said: dict[str, str], licence: str) -> None:
    assert licences.licence_of(Library(**said)) == licence


@pytest.mark.parametrize("said", [{}, {"License": "UNKNOWN"}, {"License_Expression": "AGPL-3.0-only"}])
def test_a_licence_that_is_not_known_is_refused_by_name(said: dict[str, str]) -> None:
    with pytest.raises(UserError, match=r"library 1\.0 names no licence"):
        licences.licence_of(Library(**said))


@pytest.mark.parametrize("expression", ["GPL-3.0-only", "MIT AND GPL-2.0-or-later", "", "Proprietary"])
def test_what_may_not_be_depended_on_is_not_known(expression: str) -> None:
    assert not licences.is_known(expression)


def test_a_missing_library_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(licences, "pins", lambda: {"no-such-library": "1.0"})
    with pytest.raises(UserError, match=r"no-such-library 1\.0 is not installed: `pip install"):
        licences.libraries()


def test_parts_of_libigl_under_other_licences_are_not_imported() -> None:
    imported = {
        name
        for folder in ("argus3d", "eval")
        for path in (licences.ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _names(node)
        if name.startswith("igl")
    }
    assert imported == {"igl"}


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [entry.name for entry in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{entry.name}" for entry in node.names]
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "igl":
        return [f"igl.{node.attr}"] if node.attr in ("copyleft", "triangle") else []
    return []
