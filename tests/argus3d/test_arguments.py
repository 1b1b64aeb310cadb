"""Arguments that commands share, and options that only look possible."""

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from argus3d.arguments import natural, positive, share
from argus3d.checkpoint.original import read_sizes
from argus3d.checkpoint.store import SHIPPED, About
from argus3d.cli import main
from argus3d.errors import UserError
from argus3d.generator import Sample
from argus3d.memory import find_device
from argus3d.samples import SampleFolder
from argus3d.train.data import Augmentation
from argus3d.train.options import augmentation
from argus3d.train.processes import joined
from tests.argus3d.sizes import CONFIG


@pytest.mark.parametrize(("kind", "text"), [(positive, "0"), (natural, "-1"), (share, "nan"), (share, "1.1")])
def test_numbers_out_of_range_are_refused(kind: Callable[[str], float], text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=text):
        kind(text)
    assert kind("1") == 1


# --- names of classes, which samples are called by ---


def with_classes(folder: Path, classes: object) -> Path:
    """The shipped checkpoint with other names of classes."""
    shutil.copytree(SHIPPED / "nano", folder)
    path = folder / "argus.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"categories": classes}))
    return folder


BAD = [
    ["../../out"], ["/out"], ["a\0b"], ["a" * 201], [""], [7], ["chair", "chair"], ["chair"], "chair", {}, None,
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_a_checkpoint_names_no_class_that_leads_elsewhere(tmp_path: Path, bad: object) -> None:
    own = json.loads((SHIPPED / "nano" / "argus.json").read_text())["categories"]
    whole = bad + own[len(bad) :] if isinstance(bad, list) and bad != ["chair"] else bad
    with pytest.raises(UserError, match=r"argus\.json: .*categories"):
        About.read(with_classes(tmp_path / "checkpoint", whole))


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_sizes_name_no_class_that_leads_elsewhere(tmp_path: Path, bad: object) -> None:
    if bad is None:
        return  # then they are the released ones
    path = tmp_path / "sizes.json"
    path.write_text(json.dumps(json.loads(CONFIG.to_json()) | {"categories": bad}))
    with pytest.raises(UserError, match=r"sizes\.json: .*categories"):
        read_sizes(str(path))


def test_a_sample_whose_id_leads_elsewhere_is_not_written(tmp_path: Path) -> None:
    import numpy as np

    folder = SampleFolder(tmp_path / "in" / "made", {"seed": 0})
    for item in ("../x", str(tmp_path / "x"), "a/b", ""):
        empty = Sample(item, None, 0, np.zeros(4, int), np.empty((0, 3)), np.empty((0, 3), np.int32))
        with pytest.raises(UserError, match="is no name that a file can have"):
            folder.write(empty)
    assert list(tmp_path.rglob("*")) == []


# --- options ---


@pytest.mark.parametrize("words", [("--temperature", "1e-300"), ("--guidance", "1e300"), ("--device", "mps")])
def test_sampling_that_cannot_be(words: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "made"
    assert main(["sample", "--category", "chair", "--count", "1", *words, "--out", str(out)]) == 1
    assert words[0].strip("-") in capsys.readouterr().err or words[1] == "mps"
    assert not out.exists()


def test_devices_that_nothing_was_tried_on_are_refused() -> None:
    with pytest.raises(UserError, match="say cpu, cuda"):
        find_device("meta")


@pytest.mark.parametrize(
    "given", ['{"yaw": "x"}', '{"scale": 1e400}', '{"scale": -1}', '{"mirror_x": "x"}', '{"scaled_share": 7}', "[1]"]
)
def test_augmentations_that_cannot_be(given: str) -> None:
    with pytest.raises(UserError, match="--augmentation"):
        augmentation(given, Augmentation())
    assert augmentation('{"yaw": 10, "mirror_x": false}', Augmentation()) == Augmentation(mirror_x=False, yaw=10)


def test_an_environment_that_torchrun_would_not_make_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "x")
    with pytest.raises(UserError, match="WORLD_SIZE='x'"), joined("cpu", None):
        pass


@pytest.mark.parametrize("words", [("--surface-points", "0"), ("--uniform-points", "-1"), ("--max-failed", "nan")])
def test_counts_of_points_are_refused_before_anything_is_made(words: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["data", "prepare", "procedural", "--root", str(tmp_path), *words])
    assert list(tmp_path.iterdir()) == []


def test_a_source_of_which_every_shape_fails_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "meshes" / "chair").mkdir(parents=True)
    (tmp_path / "meshes" / "chair" / "broken.obj").write_text("v 0 0 0\n")
    words = ["data", "prepare", "folder", "--path", str(tmp_path / "meshes"), "--root", str(tmp_path / "data")]
    assert main(words) == 1
    assert "1 of 1 shapes failed" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["taken", "taken/below"])
def test_shapes_are_not_made_where_they_cannot_be_written(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("mine")
    words = ["sample", "--category", "chair", "--count", "1", "--resolution", "32", "--out", str(tmp_path / place)]
    assert main(words) == 1
    assert "taken is a file, and shapes are written into a folder" in capsys.readouterr().err
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--scramble", "nope"), "nope/manifest.json is missing"), (("--like", "nope"), "is no split file")],
)
def test_folders_and_splits_that_are_not_there(
    words: tuple[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    assert main(["sample", "--root", "data", *words, "--out", "made"]) == 1
    assert said in capsys.readouterr().err
