"""`argus3d train autoencoder` and `argus3d train predict` as a user runs them."""

import json
from pathlib import Path

import pytest
import torch

from argus3d import config
from argus3d.cli import main
from argus3d.data.prepare import prepare
from argus3d.data.splits import write_split
from argus3d.engine import local
from argus3d.train.state import trained
from tests.argus3d.balls import SMALL, BallCatalogue
from tests.argus3d.sizes import AUTOENCODER, CONFIG
from tests.argus3d.trainings import log

IDS = [f"ball-{number:02d}" for number in range(4)]
SETTINGS = {
    "--steps": "6", "--batch-size": "4", "--learning-rate": "2e-3", "--schedule": "constant", "--warmup": "2",
    "--clip": "0.5", "--ema": "0.9", "--precision": "float32", "--validate-every": "2", "--save-every": "3",
    "--keep-best": "iou_balls-v1", "--patience": "5", "--seed": "3", "--accumulate": "2", "--queries": "32",
    "--near-weight": "2", "--augmentation": '{"yaw": 10, "scale": 0.1}',
}  # fmt: skip


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared balls and splits of them."""
    folder = tmp_path_factory.mktemp("tree")
    prepare(BallCatalogue(4), folder / "data", SMALL, engine=local(1))
    write_split(folder / "balls-v1.json", "balls-v1", 1, "by hand", {"train": IDS[:3], "val": IDS[3:], "test": []})
    write_split(folder / "empty-v1.json", "empty-v1", 1, "by hand", {"train": IDS, "val": [], "test": []})
    write_split(folder / "other-v1.json", "other-v1", 1, "by hand", {"train": ["cube"], "val": IDS, "test": []})
    return folder


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(config._PRESETS, "nano", (AUTOENCODER, CONFIG.transformer))


def command(tree: Path, out: Path, split: str = "balls-v1", **changed: str) -> list[str]:
    data = ["--root", str(tree / "data"), "--source", "balls", "--split", str(tree / f"{split}.json")]
    settings = SETTINGS | {f"--{name.replace('_', '-')}": value for name, value in changed.items()}
    return ["train", "autoencoder", *data, "--out", str(out), *(word for pair in settings.items() for word in pair)]


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that is said of it."""
    capsys.readouterr()
    assert main(words) == 1
    said = capsys.readouterr().err
    assert said.startswith("argus3d: ") and said.count("\n") == 1
    return said


def test_every_setting_reaches_the_run(tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(tree, tmp_path)) == 0
    said = json.loads(capsys.readouterr().out)
    saved = torch.load(tmp_path / "last.pt", weights_only=True)
    asked = {
        "steps": 6, "batch": 4, "learning_rate": 2e-3, "schedule": "constant", "warmup": 2, "clip": 0.5, "ema": 0.9,
        "bfloat16": False, "validate_every": 2, "save_every": 3, "keep_best": "iou_balls-v1", "patience": 5, "seed": 3,
    }  # fmt: skip
    assert saved["config"] == asked | {"weight_decay": 0.01}
    assert saved["training"]["recipe.near_weight"] == 2 and saved["training"]["recipe.queries"] == 32
    assert saved["training"]["recipe.augmentation.yaw"] == 10 and saved["training"]["recipe.augmentation.mirror_x"]
    assert [line["step"] for line in log(tmp_path)] == [2, 4, 6]
    assert {name: said[name] for name in ("step", "threshold")} == {
        name: trained(tmp_path).course[name] for name in ("step", "threshold")
    }


def test_a_folder_of_another_run_is_refused_by_what_differs(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(command(tree, tmp_path)) == 0
    before = (tmp_path / "last.pt").read_bytes()
    assert "steps was 6 and is 7; name another folder" in refused(command(tree, tmp_path, steps="7"), capsys)
    assert "recipe.near_weight was 2.0 and is 3.0" in refused(command(tree, tmp_path, near_weight="3"), capsys)
    wider = config.AutoencoderConfig(16, 4, 4, 4, 2, 4, 16, 16, 2, 0.4, 3, 0.1, 1, "none", points=64)
    monkeypatch.setitem(config._PRESETS, "nano", (wider, CONFIG.transformer))
    assert "model.latent_channels was 8 and is 16" in refused(command(tree, tmp_path), capsys)
    assert (tmp_path / "last.pt").read_bytes() == before


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"split": "empty-v1"}, "none of the 0 shapes of empty-v1/val is prepared"),
        ({"split": "other-v1"}, "none of the 1 shapes of other-v1/train is prepared; name their source with --source"),
        ({"split": "missing-v1"}, "there is no split file"),
        ({"augmentation": "yaw"}, "is no JSON object such as"),
        ({"augmentation": '{"spin": 1}'}, "--augmentation has no spin; it has mirror_x"),
        ({"keep_best": "iou"}, "--keep-best iou is not among what is validated: iou_balls-v1, threshold"),
        ({"accumulate": "3"}, r"a batch of 4 cannot be cut into 1 (processes) x 3 (--accumulate) equal pieces"),
        ({"parallel": "fsdp"}, "stage 1 fits every card: use --parallel ddp"),
        ({"parallel": "ddp"}, "--parallel ddp is for processes that torchrun starts"),
        ({"device": "cuda:9"}, "CUDA devices, so cuda:9 is not there"),
        ({"ema": "1"}, "ema is 1.0; a decay is at least 0 and less than 1"),
        ({"near_weight": "-1"}, "near_weight is -1.0; a query counts 0 or more"),
        ({"learning_rate": "1e38"}, "is nan; no state was saved before it, and a lower --learning-rate may help"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, str], said: str
) -> None:
    assert said in refused(command(tree, tmp_path / "out", **changed), capsys)
    assert not (tmp_path / "out/last.pt").exists()


def test_a_step_is_predicted_for_every_preset(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "predict", "--preset", "base", "--batch-size", "32", "--accumulate", "2", "--ema"]) == 0
    one = json.loads(capsys.readouterr().out)
    words = ["--processes", "2", "--parallel", "fsdp", "--recompute"]
    assert main(["train", "predict", "--preset", "base", "--batch-size", "32", "--ema", *words]) == 0
    two = json.loads(capsys.readouterr().out)
    assert one["transformer"]["seconds"] == pytest.approx(2 * two["transformer"]["seconds"])
    assert two["transformer"]["bytes"] < one["transformer"]["bytes"] / 2
    assert one["autoencoder"]["memory_bytes"]["average"] == 4 * one["autoencoder"]["parameters"]
    assert "32 rows cannot be cut into 3 x 1" in refused(
        ["train", "predict", "--preset", "base", "--batch-size", "32", "--processes", "3"], capsys
    )
