"""From a checkpoint that takes every condition, by the commands, to the tables and sheets of its tasks."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from argus3d.cli import main as argus3d
from eval.cli import main as argus3d_eval
from tests.argus3d.guided_files import use_toys, write_balls, write_guided

EACH = 2


@pytest.fixture
def balls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Prepared balls with views, their split where splits are found, and a checkpoint of random weights."""
    monkeypatch.chdir(tmp_path)
    use_toys(monkeypatch)
    split = write_balls(tmp_path, 4)
    (tmp_path / "data" / "splits").mkdir(exist_ok=True)
    shutil.copy(split, tmp_path / "data" / "splits" / split.name)
    write_guided(tmp_path / "checkpoint")
    return split


def make(split: Path, *words: str) -> None:
    where = ["--checkpoint", "checkpoint", "--root", "data", "--source", "balls"]
    assert argus3d([words[0], *where, "--like", f"{split}/test", "--each", str(EACH), *words[1:]]) == 0


def test_what_the_commands_make_is_measured_laid_out_and_drawn(balls: Path, tmp_path: Path) -> None:
    make(balls, "complete", "--cut", "bottom", "--out", "done")
    for by in ("text", "category"):
        make(balls, "sample", "--by", by, "--out", by)
    by = ["balls-v1/test", "--data-root", "data", "--protocol", str(tiny(tmp_path))]
    assert argus3d_eval(["completion", "done", *by, "--out", "completion.json"]) == 0
    assert argus3d_eval(["guided", "text", *by, "--against", "category", "--out", "guided.json"]) == 0
    completion, guided = (json.loads(Path(f"{name}.json").read_text()) for name in ("completion", "guided"))
    assert completion["data"]["cut"] == "bottom" and completion["counts"]["generated"]["asked"] == 4 * EACH
    assert guided["data"]["by"] == "text" and guided["data"]["encoders"].startswith("text minilm-sentence 55555555")
    assert guided["data"]["against"] == "category" and "less_amd_cd" in guided["metrics"]
    assert argus3d_eval(["table", "completion.json", "guided.json", "--out", "table"]) == 0
    assert Path("table.md").read_text().count("| row |") == 3
    for what, folder in (("completions", "done"), ("guided", "text")):
        assert argus3d_eval(["sheet", what, folder, "--data-root", "data", "--out", f"{what}.png"]) == 0
        assert np.asarray(Image.open(f"{what}.png")).std() > 5


def tiny(folder: Path) -> Path:
    """A protocol of as few points as the balls have."""
    path = folder / "tiny.json"
    few = {"name": "tiny", "points": 32, "emd_points": 16, "f_score_points": 32, "ecd_k": 3, "interval_repeats": 20}
    path.write_text(json.dumps(few))
    return path
