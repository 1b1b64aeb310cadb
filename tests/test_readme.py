"""The commands of README and docs are real: each parses, the quick ones run."""

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
TEXTS = {path: path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
TASK = {"--text", "--image", "complete", "reconstruct"}


def commands(program: str) -> list[list[str]]:
    """Words of the indented lines that call `program`, each once, comments cut off."""
    lines = re.findall(rf"^    {program} (.+)$", "\n".join(TEXTS.values()), re.MULTILINE)
    return [*map(list, dict.fromkeys(tuple(shlex.split(line, comments=True)) for line in lines))]


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


@pytest.mark.parametrize("path", cost_table.PLACES, ids=lambda path: path.name)
def test_the_cost_tables_are_those_of_the_measurements(path: Path) -> None:
    for name, table in cost_table.PLACES[path].items():
        assert cost_table.replaced(TEXTS[path], table(), name) == TEXTS[path], name


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_what_is_linked_is_there(path: Path) -> None:
    # The page of results is made, not committed.
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXTS[path]):
        assert (path.parent / link).exists(), f"{path.name} links {link}"


def test_the_metric_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, rest = README.partition("## Bring your own metric\n")
    code = textwrap.dedent(rest.partition("\n## ")[0])
    assert len(code.strip().splitlines()) == 5
    clouds = np.random.default_rng(0).normal(size=(6, 2048, 3)).astype(np.float32)
    for name in ("MY_SAMPLES", "REFERENCE"):
        np.save(tmp_path / f"{name}.npy", clouds)
        code = code.replace(f'"{name}"', f'"{name}.npy"')
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert capsys.readouterr().out == "1.0\n"


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


def _points(change: dict[str, float], key: str) -> str:
    return f"{100 * change[key]:.1f}".replace("-", "−")


def test_the_surprises_are_those_of_the_measurement() -> None:
    pair = json.loads((ROOT / "reports" / "sensitivity" / "household.json").read_text())["pairs"][0]
    found = {
        choice["key"]: {entry["label"]: entry["changes"] for entry in choice["alternatives"]}
        for choice in pair["choices"]
    }
    (points,), (half,) = found["seed"].values(), found["half"].values()
    lion, pointflow = (
        found["emd"][name]["one_nna_emd"] for name in ("approximate, squared (PVD, LION)", "approximate (PointFlow)")
    )
    few = found["shapes"]["16"]
    said = " ".join(README.split())
    for words in (
        f"moves 1-NNA-EMD by up to {100 * points['one_nna_emd']['high']:.1f} percentage points",
        f"COV-EMD by {100 * points['cov_emd']['high']:.1f},",
        f"1-NNA-CD, on 2,048, by {100 * points['one_nna_cd']['high']:.1f}.",
        f"raises 1-NNA-EMD by {_points(lion, 'change')} points ({_points(lion, 'low')} to {_points(lion, 'high')})",
        f"PointFlow's by {_points(pointflow, 'change')} ({_points(pointflow, 'low')} to {_points(pointflow, 'high')})",
        f"65 others move 1-NNA-CD by up to {100 * half['one_nna_cd']['high']:.1f} points",
        f"MMD-CD comes out {few['mmd_cd']['change']:.1f} times as large",
        f"the Fréchet distance {next(value for key, value in few.items() if 'frechet' in key)['change']:.1f} times",
    ):
        assert words in said, words


def test_the_doctor_is_content() -> None:
    assert eval_main(["doctor"]) == 0


def test_the_python_of_the_docs_runs() -> None:
    lines = TEXTS[ROOT / "docs" / "generate.md"].splitlines()
    code = "\n".join(line[4:] for line in lines if line.startswith(("    from argus3d", "    shapes =")))
    names: dict[str, object] = {}
    exec(code.replace("count=4", "count=1"), names)
    shapes = names["shapes"]
    assert isinstance(shapes, list) and shapes[0].id == "lamp-0000"
