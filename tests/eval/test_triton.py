"""The Triton kernel without a GPU: it runs in Triton's interpreter, and is compiled for cards that are not here."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="triton is not installed here")


def without_a_gpu(words: list[str], folder: Path, interpret: bool) -> str:
    """Output of a Python of its own: whether Triton interprets is settled when it is imported."""
    environment = os.environ | {"TRITON_INTERPRET": "01"[interpret], "TRITON_CACHE_DIR": str(folder / "triton")}
    command = [sys.executable, *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_interpreter_agrees_with_the_cpu(tmp_path: Path) -> None:
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/eval/triton_in_interpreter.py"]
    said = without_a_gpu(words, tmp_path, interpret=True)
    assert re.search(r"\d+ passed", said) and "skipped" not in said


COMPILE = """
import subprocess, sys
from pathlib import Path
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from eval.distances.kernels.triton_chamfer import ROWS, TILE, _minima

types = dict.fromkeys(("a", "b"), "*fp32") | dict.fromkeys(("rows", "columns"), "*i64")
types |= dict.fromkeys(("to_b", "to_a"), "*i32") | dict.fromkeys(("stride_a", "stride_b", "points_a", "tiles"), "i32")
types |= dict.fromkeys(("ROWS", "TILE"), "constexpr")
aligned = {(place,): [["tt.divisibility", 16]] for place in range(9)}
source = ASTSource(_minima, types, {"ROWS": ROWS, "TILE": TILE}, aligned)
options = {"num_warps": 1, "enable_fp_fusion": False}
built = triton.compile(source, target=GPUTarget("cuda", int(sys.argv[1]), 32), options=options)
Path(sys.argv[2]).write_bytes(built.asm["cubin"])
for tool, flag in ((triton.knobs.nvidia.cuobjdump, "-res-usage"), (triton.knobs.nvidia.nvdisasm, "-c")):
    print(subprocess.run([tool.path, flag, sys.argv[2]], capture_output=True, text=True, check=True).stdout)
print("lanes hold", ROWS * TILE // 32)
"""


@pytest.mark.parametrize(("capability", "limit"), [(80, 9.5), (90, 8.0)])
def test_compiled_it_keeps_to_registers_and_few_instructions(capability: int, limit: float, tmp_path: Path) -> None:
    said = without_a_gpu(["-c", COMPILE, str(capability), str(tmp_path / "kernel.cubin")], tmp_path, interpret=False)
    assert re.search(r"REG:\d+ STACK:0 .*LOCAL:0", said), "values spill out of registers"
    pairs_of_points = int(re.search(r"lanes hold (\d+)", said)[1])  # type: ignore[index]
    loop = longest_loop(said)
    for name, count in {"FADD": 3, "FMUL": 1, "FFMA": 2}.items():
        assert sum(one.startswith(name) for one in loop) == count * pairs_of_points
    assert len(loop) <= limit * pairs_of_points


def longest_loop(assembly: str) -> list[str]:
    """The instructions from a label to the last jump back to it."""
    found: list[str] = []
    labels: dict[str, int] = {}
    longest: list[str] = []
    for line in assembly.splitlines():
        if label := re.match(r"\s*(\.L_x_\d+):", line):
            labels[label[1]] = len(found)
        if instruction := re.search(r"/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?(\S.*?);", line):
            found.append(instruction[1])
            jump = re.search(r"BRA.*`\((\.L_x_\d+)\)", instruction[1])
            if jump and jump[1] in labels and len(found) - labels[jump[1]] > len(longest):
                longest = found[labels[jump[1]] :]
    return longest
