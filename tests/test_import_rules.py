"""Who may import whom."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Renderer and encoders: views of samples must be drawn and seen as those of prepared shapes and conditions are.
EVAL_MAY_USE = (
    "argus3d.generator", "argus3d.sampling", "argus3d.engine", "argus3d.data", "argus3d.errors", "argus3d.render",
    "argus3d.encoders", "argus3d.compiled", "argus3d.blas", "argus3d.exits", "argus3d.meter",
)  # fmt: skip


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything imported, also inside functions; `from a import b` gives a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, entry.name) for entry in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from ((node.lineno, f"{node.module}.{entry.name}") for entry in node.names)


def inside(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def breaches(folder: str, forbidden: tuple[str, ...], allowed: tuple[str, ...] = ()) -> list[str]:
    found = []
    for path in sources(folder):
        for line, name in imported(ast.parse(path.read_text(), str(path))):
            if any(inside(name, entry) for entry in forbidden) and not any(inside(name, entry) for entry in allowed):
                found.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    return found


@pytest.mark.parametrize(
    ("folder", "forbidden", "allowed"),
    [
        ("argus3d", ("eval", "pandas", "matplotlib"), ()),
        ("argus3d/model", ("argus3d.data", "argus3d.train", "argus3d.cli"), ()),
        ("eval", ("argus3d",), EVAL_MAY_USE),
        ("eval/report", ("torch", "argus3d"), ("argus3d.data", "argus3d.errors")),
    ],
)
def test_packages_keep_to_their_side(folder: str, forbidden: tuple[str, ...], allowed: tuple[str, ...]) -> None:
    assert breaches(folder, forbidden, allowed) == []


def test_no_relative_imports_hide_a_breach() -> None:
    relative = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in ("argus3d", "eval")
        for path in sources(folder)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]
    assert relative == []


def test_the_builtin_eval_is_never_hidden() -> None:
    hidden = []
    for folder in ("argus3d", "eval", "tests", "notebooks", "benchmarks"):
        for path in sources(folder):
            for node in ast.walk(ast.parse(path.read_text(), str(path))):
                if isinstance(node, ast.Import) and any(inside(entry.name, "eval") for entry in node.names):
                    hidden.append(f"{path.relative_to(ROOT)}:{node.lineno}: write from eval.x import y")
    assert hidden == []


def test_the_rules_notice_a_breach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / "bad.py").write_text("def f():\n    from argus3d.model import unet\n    import argus3d.cli\n")
    (tmp_path / "eval" / "good.py").write_text("from argus3d.errors import UserError\nfrom argus3d import data\n")
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert [entry.split(" ")[0] for entry in breaches("eval", ("argus3d",), EVAL_MAY_USE)] == [
        "eval/bad.py:2",
        "eval/bad.py:3",
    ]
