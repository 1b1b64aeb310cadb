"""Kernels kept between runs are those of today's sources."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(path.read_text())
    for package in ("argus3d", "eval")
    for path in (ROOT / package).rglob("*.py")
}
CALLER = """\
from numba import njit
from argus3d.compiled import compile_anew_with
from callee import ADDED, twice

@njit(cache=True)
def kernel(x):
    return twice(x) + ADDED

compile_anew_with(__name__, "callee")
print(kernel(3), sum(kernel.stats.cache_hits.values()))
"""
CALLEE = "from numba import njit\nADDED = {}\n@njit(cache=True)\ndef twice(x):\n    return {} * x\n"


def kernels(tree: ast.Module) -> list[ast.FunctionDef]:
    """Functions that numba compiles and keeps."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return [one for one in functions if any("cache=True" in ast.unparse(mark) for mark in one.decorator_list)]


def used_by(name: str) -> set[str]:
    """Our other modules whose names kernels of a module use, and the modules that theirs use in turn."""
    tree, origins = SOURCES[name], dict[str, str]()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ("argus3d", "eval"):
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                origins[alias.asname or alias.name] = module if module in SOURCES else node.module
    names = {node.id for kernel in kernels(tree) for part in kernel.body for node in ast.walk(part)
             if isinstance(node, ast.Name)}  # fmt: skip
    direct = {origins[used] for used in names if used in origins}
    return direct.union(*map(used_by, direct))


def declared() -> Iterator[tuple[str, set[str]]]:
    """Modules, and what each says that its kernels use."""
    for name, tree in SOURCES.items():
        calls = [node.value for node in tree.body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
        found = [call for call in calls if ast.unparse(call.func) == "compile_anew_with"]
        yield name, {ast.literal_eval(word) for call in found for word in call.args[1:]}


def test_every_module_names_what_its_kernels_use_elsewhere() -> None:
    needed = {name: used_by(name) for name in SOURCES}
    assert dict(declared()) == needed
    assert needed["eval.distances.kernels.lattice"] == {
        "eval.distances.kernels.blocks", "eval.distances.kernels.nearest",
    }, "others than these two would mean that nothing was found"  # fmt: skip


def test_a_change_in_another_file_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "caller.py").write_text(CALLER)

    def run(callee: str) -> str:
        """What the kernel gives, and whether it was taken from the cache."""
        (tmp_path / "callee.py").write_text(callee)
        command = [sys.executable, "-B", "-c", "import caller"]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()

    runs = [run(CALLEE.format(*numbers)) for numbers in ((1, 2), (1, 2), (4, 2), (4, 5))]
    assert runs == ["7 0", "7 1", "10 0", "19 0"]
