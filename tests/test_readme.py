"""README's commands are real: each parses, the quick ones run."""

import json
import re
import shlex
import subprocess
import textwrap
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from argus3d.cli import main, parser
from benchmarks import cost_table
from eval.cli import main as eval_main
from tests.eval.toys import BOXES, write_toys

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
TASK = {"--text", "--image", "complete", "reconstruct"}


def commands(program: str) -> list[list[str]]:
    """Words of README's indented lines that call `program`, comments cut off."""
    lines = re.findall(rf"^    {program} (.+)$", README, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.parametrize("words", commands("argus3d"), ids=" ".join)
def test_commands_of_the_generator_parse(words: list[str]) -> None:
    assert callable(parser().parse_args(words).run)


@pytest.mark.parametrize("words", commands("make"), ids=" ".join)
def test_make_targets_are_known(words: list[str]) -> None:
    done = subprocess.run(["make", "-n", *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_there_are_commands_to_test() -> None:
    assert len(commands("argus3d")) >= 4 and len(commands("make")) >= 3 and len(commands("argus3d-eval")) >= 3


def test_sampling_as_in_the_readme_then_scoring_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = next(words for words in commands("argus3d") if words[0] == "sample")
    words[words.index("--count") + 1] = "4"
    assert main([*words, "--resolution", "32"]) == 0
    folder = words[words.index("--out") + 1]
    assert len(list((tmp_path / folder / "meshes").iterdir())) + 1 >= 4
    out = tmp_path / "mine.json"
    assert eval_main(["score", folder, folder, "--protocol", "smoke", "--out", str(out)]) == 0
    assert eval_main(["table", str(out), "--out", str(tmp_path / "mine")]) == 0
    assert "mine" in (tmp_path / "mine.md").read_text()


@pytest.mark.parametrize("words", [words for words in commands("argus3d") if TASK & {*words}], ids=" ".join)
def test_every_task_runs_with_the_checkpoint_that_is_shipped(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.5)
    ball.export("mesh.glb")
    trimesh.PointCloud(ball.vertices[ball.vertices[:, 1] < 0]).export("part.ply")
    Image.fromarray(np.full((80, 60, 3), 200, np.uint8)).save("photo.png")
    if "--count" in words:
        words = [*words[: words.index("--count") + 1], "1", *words[words.index("--count") + 2 :]]
    elif words[0] == "sample":
        words = [*words, "--count", "1"]
    assert main([*words, "--resolution", "32"]) == 0
    listed = json.loads((tmp_path / words[words.index("--out") + 1] / "manifest.json").read_text())["samples"]
    assert len(listed) == 1


def test_the_generator_of_the_readme_is_scored_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert textwrap.indent(BOXES, "    ") in README
    words = next(words for words in commands("argus3d-eval") if "--generator" in words)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "boxes.py").write_text(BOXES)
    write_toys(tmp_path / "artifacts" / "data", {"chair": 3, "lamp": 1, "table": 3})
    words[words.index("--split") + 1] = "toys-v1/test"
    assert eval_main([*words, "--protocol", "smoke"]) == 0
    assert len(list(tmp_path.glob("boxes-Boxes-on-*-samples/meshes/*.ply"))) == 6


def test_the_cost_table_is_that_of_the_measurements() -> None:
    assert cost_table.replaced(README, cost_table.cost_table()) == README
    assert cost_table.replaced(README, cost_table.metrics_table(), "metrics-cost") == README
    assert cost_table.replaced(README, cost_table.data_table(), "data-cost") == README
    assert cost_table.replaced(README, cost_table.coverage_table(), "coverage") == README


def test_a_gpu_that_was_measured_gets_its_table(tmp_path: Path) -> None:
    for path in cost_table.RESULTS.glob("bench-*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    row = {"what": "batch 16: seconds a shape", "measured": 0.3, "at_most": 0.35, "met": True}
    measured = {"conditions": {"device": "a card"}, "targets": [row]}
    (tmp_path / "bench-gpu.json").write_text(json.dumps(measured))
    table = cost_table.cost_table(tmp_path)
    assert "On one a card" in table and "| batch 16: seconds a shape | 0.3 | at most 0.35 |" in table
    with pytest.raises(ValueError, match="has no"):
        cost_table.replaced("no markers", table)


def test_the_doctor_is_content() -> None:
    assert eval_main(["doctor"]) == 0


def test_the_python_of_the_readme_runs() -> None:
    code = "\n".join(line[4:] for line in README.splitlines() if line.startswith(("    from argus3d", "    shapes =")))
    names: dict[str, object] = {}
    exec(code.replace("count=4", "count=1"), names)
    shapes = names["shapes"]
    assert isinstance(shapes, list) and shapes[0].id == "lamp-0000"
