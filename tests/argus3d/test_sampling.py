"""Samples of checkpoints, of the original code's files and of a user's own generator, in a folder."""

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh

from argus3d import checkpoint, sampling
from argus3d.checkpoint import importing
from argus3d.cli import main
from argus3d.config import ArgusConfig
from argus3d.engine import local
from argus3d.errors import UserError
from argus3d.generator import ArgusGenerator, Sample
from argus3d.samples import SampleFolder
from argus3d.sampling import BATCH, CheckpointModel, FactoryModel, sample_into
from tests.argus3d import released_files
from tests.argus3d.balls import Ball


class Balls:
    """Ellipsoids; `calls` tells what was asked for, and the shape at `stop` is never finished."""

    name, categories = "balls", ("chair", "lamp")
    calls: list[tuple[str, int, int]]
    stop: int | None

    def __init__(self) -> None:
        type(self).calls, type(self).stop = [], None

    def sample(self, category: str, count: int, seed: int = 0) -> list[Sample]:
        self.calls.append((category, count, seed))
        made = []
        for index, height in enumerate(np.random.default_rng(seed).uniform(0.1, 0.5, count)):
            vertices, faces = Ball(float(height)).mesh()
            if self.stop is not None and len(self.calls) == self.stop:
                raise RuntimeError("out of memory")
            made.append(Sample(f"{index}", category, seed, np.empty(0, np.int64), vertices, faces))
        return made


BALLS = FactoryModel(f"{__name__}:Balls")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_users_generator_fills_a_folder(tmp_path: Path) -> None:
    manifest = sample_into(tmp_path, BALLS, {"chair": BATCH + 2, "lamp": 3}, 0, "score")
    ids = [sample["id"] for sample in manifest["samples"]]
    assert ids[:2] == ["chair-0000", "chair-0001"] and ids[-1] == "lamp-0002" and len(set(ids)) == BATCH + 5
    assert [call[:2] for call in Balls.calls] == [("chair", BATCH), ("chair", 2), ("lamp", 3)]
    assert len({seed for _, _, seed in Balls.calls}) == 3, "each batch draws from a stream of its own"
    assert manifest["checkpoint"] == {"name": "balls", "factory": f"{__name__}:Balls"}
    assert len(trimesh.load(tmp_path / "meshes" / "lamp-0002.ply").faces) > 0
    assert SampleFolder(tmp_path, manifest["settings"]).finished == len(ids)


def test_an_interrupted_run_ends_with_the_same_bytes(tmp_path: Path) -> None:
    counts = {"chair": 2 * BATCH, "lamp": 3}
    sample_into(tmp_path / "whole", FactoryModel(BALLS.factory), counts, 0, "score")
    model = FactoryModel(BALLS.factory)
    assert model.categories
    Balls.stop = 2
    with pytest.raises(UserError, match=r"balls: sample\('chair', 16, seed=\d+\) failed: RuntimeError: out of memory"):
        sample_into(tmp_path / "cut", model, counts, 0, "score")
    (tmp_path / "cut" / "records" / "chair-0003.json").unlink()  # as if killed between two shapes
    assert not (tmp_path / "cut" / "manifest.json").exists()
    sample_into(tmp_path / "cut", FactoryModel(BALLS.factory), counts, 0, "score")
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    sample_into(tmp_path / "cut", FactoryModel(BALLS.factory), counts, 0, "score")
    assert Balls.calls == [], "what is whole is not made again"


@pytest.mark.parametrize("lost", ["meshes/chair-0002.ply", "pictures/lamp-0001.png", "tokens/chair-0000.npy"])
def test_a_finished_shape_of_which_a_file_is_gone_is_made_again(lost: str, tmp_path: Path) -> None:
    counts = {"chair": 3, "lamp": 2}
    sample_into(tmp_path, FactoryModel(BALLS.factory), counts, 0, "score")
    before, kept = contents(tmp_path), (tmp_path / "meshes" / "chair-0001.ply").stat().st_mtime_ns
    (tmp_path / lost).unlink()
    sample_into(tmp_path, FactoryModel(BALLS.factory), counts, 0, "score")
    assert contents(tmp_path) == before
    assert len(Balls.calls) == 1 and (tmp_path / "meshes" / "chair-0001.ply").stat().st_mtime_ns == kept


def test_processes_make_the_same_bytes(tmp_path: Path) -> None:
    for side, by in (("here", None), ("there", local(2))):
        sample_into(tmp_path / side, FactoryModel(BALLS.factory), {"chair": BATCH + 2, "lamp": 3}, 0, "score", by)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_other_settings_do_not_mix(tmp_path: Path) -> None:
    sample_into(tmp_path, FactoryModel(BALLS.factory), {"chair": 3}, 0, "score")
    for counts, seed in (({"chair": 4}, 0), ({"chair": 3}, 1)):
        with pytest.raises(UserError, match="holds shapes of other settings"):
            sample_into(tmp_path, FactoryModel(BALLS.factory), counts, seed, "score")


def test_changed_code_is_another_generator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample_into(tmp_path, FactoryModel(BALLS.factory), {"chair": 3}, 0, "score")
    (tmp_path / "edited.py").write_text("pass")
    monkeypatch.setattr(sampling, "source_file", lambda generator: str(tmp_path / "edited.py"))
    with pytest.raises(UserError, match="holds shapes of other settings"):
        sample_into(tmp_path, FactoryModel(BALLS.factory), {"chair": 3}, 0, "score")


def test_a_class_that_is_not_known_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="balls does not know 'boat'; it knows --category chair,lamp"):
        sample_into(tmp_path / "x", FactoryModel(BALLS.factory), {"chair": 1, "boat": 1, "lamp": 1}, 0, "score")
    with pytest.raises(UserError, match="nano does not know 'tabel'; did you mean table"):
        sample_into(tmp_path / "x", CheckpointModel("nano"), {"tabel": 1}, 0, "score")
    assert not (tmp_path / "x").exists() and Balls.calls == []


def test_a_broken_shape_is_recorded_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Balls.sample

    def broken(self: Balls, category: str, count: int, seed: int = 0) -> list[Sample]:
        made = whole(self, category, count, seed)
        made[1].vertices[0] = np.nan
        return made

    monkeypatch.setattr(Balls, "sample", broken)
    manifest = sample_into(tmp_path, FactoryModel(BALLS.factory), {"lamp": 3}, 0, "score")
    assert [sample["empty"] for sample in manifest["samples"]] == [False, True, False]
    assert manifest["samples"][1]["problem"] == "a vertex is not finite"


def test_a_checkpoint_gives_the_shapes_of_the_sample_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = sample_into(tmp_path / "a", CheckpointModel("nano"), {"mug": 2}, 0, "score")
    assert main(["sample", "--category", "mug", "--count", "2", "--out", str(tmp_path / "b")]) == 0
    for name in ("mug-0000", "mug-0001"):
        tokens = [(tmp_path / side / "tokens" / f"{name}.npy").read_bytes() for side in "ab"]
        meshes = [(tmp_path / side / "meshes" / f"{name}.ply").read_bytes() for side in "ab"]
        assert tokens[0] == tokens[1] and meshes[0] == meshes[1]
    learned = [f"{source}-v1/train" for source in ("household", "components", "procedural")]
    facts = {"name": "nano", "trained_on": learned}
    for made in (manifest, json.loads((tmp_path / "b" / "manifest.json").read_text())):
        assert {key: made["checkpoint"][key] for key in facts} == facts and len(made["checkpoint"]["sha256"]) == 64
    monkeypatch.setattr(ArgusGenerator, "load", lambda *_: pytest.fail("weights were read for a finished folder"))
    assert sample_into(tmp_path / "a", CheckpointModel("nano"), {"mug": 2}, 0, "score") == manifest


@pytest.fixture
def original(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files as the original code writes them, and their sizes with names of classes; meshes of few cells."""
    monkeypatch.setattr(importing, "RESOLUTION", 16)
    released_files.write(tmp_path, released_files.stage_2())
    sizes = json.loads((tmp_path / "sizes.json").read_text())
    (tmp_path / "named.json").write_text(json.dumps(sizes | {"categories": ["chair", "lamp", "table"]}))
    return tmp_path


def model_of(folder: Path, stage1: bool = False, sizes: str = "named.json") -> CheckpointModel:
    first = folder / "stage1.pt" if stage1 else None
    return CheckpointModel(str(folder / "stage2.pt"), "cpu", first, str(folder / sizes), folder / "cache")


def test_a_file_of_the_original_code_is_imported_once(original: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = model_of(original)
    assert model.name == "stage2" and model.categories == ("chair", "lamp", "table")
    assert not (original / "cache").exists(), "its classes are known before it is read"
    manifest = sample_into(original / "a", model, {"chair": 1, "table": 1}, 0, "score")
    assert "importing" in capsys.readouterr().err and "trained_on" not in manifest["checkpoint"]
    sample_into(original / "b", model_of(original), {"chair": 1, "table": 1}, 0, "score")
    assert "importing" not in capsys.readouterr().err and len(list((original / "cache").iterdir())) == 1
    assert contents(original / "a" / "tokens") == contents(original / "b" / "tokens")
    (folder,) = (original / "cache").iterdir()
    assert checkpoint.load(folder).categories == ("chair", "lamp", "table")
    sample_into(original / "c", model_of(original, stage1=True), {"chair": 1}, 0, "score")
    assert len(list((original / "cache").iterdir())) == 2, "another stage 1 makes another model"


def test_without_names_classes_are_numbered(original: Path) -> None:
    assert model_of(original, sizes="sizes.json").categories == ("class-00", "class-01", "class-02")
    assert len(CheckpointModel("somewhere.pt").categories) == 55


def test_what_does_not_fit_the_original_is_said(original: Path) -> None:
    with pytest.raises(UserError, match="is a checkpoint of ours, which needs no --stage1 and no --config"):
        CheckpointModel("nano", sizes="huge")
    with pytest.raises(UserError, match=r"gone.pt is missing; give a .pt file of the original code"):
        CheckpointModel(str(original / "gone.pt"), cache=original / "cache").facts()
    sizes = json.loads((original / "sizes.json").read_text())
    for names in (["chair"], ["chair", "chair", "lamp"]):
        (original / "bad.json").write_text(json.dumps(sizes | {"categories": names}))
        with pytest.raises(UserError, match=r"bad.json: it names \d categories, but has 3 classes"):
            _ = model_of(original, sizes="bad.json").categories
    state = released_files.stage_2()
    released_files.write(original, released_files.transformer_only(state))
    with pytest.raises(UserError, match=r"stage2.pt holds no stage 1 .*give its file as --stage1"):
        model_of(original).facts()
    assert list((original / "cache").glob("*")) == []


def test_the_released_model_is_said_to_know_all_of_its_data(original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ArgusConfig, "preset", lambda name: released_files.CONFIG)
    assert model_of(original).facts()["trained_on"] == ["objaverse", "shapenet"]
