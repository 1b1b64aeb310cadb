import json
from pathlib import Path

import numpy as np
import pytest
import trimesh

from argus3d import checkpoint
from argus3d.cli import main
from argus3d.data.prepare import prepare
from argus3d.data.splits import ids_sha256
from argus3d.engine import local
from argus3d.errors import UserError
from argus3d.generator import ArgusGenerator, SamplingConfig, requests
from argus3d.reconstruct import iou
from tests.argus3d.balls import BallCatalogue
from tests.argus3d.test_sample_command import write_checkpoint

QUICK = SamplingConfig(resolution=16)


@pytest.fixture(scope="module")
def nano() -> ArgusGenerator:
    return ArgusGenerator.load("nano")


def contents(folder: Path) -> dict[str, bytes]:
    """All files but the one that names the command, which differs with its arguments."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    manifest = json.loads(files["manifest.json"])
    manifest.pop("command")
    return files | {"manifest.json": json.dumps(manifest).encode()}


def test_batch_size_order_and_company_change_no_sample(nano: ArgusGenerator) -> None:
    wanted = requests("chair", 2) + requests("lamp", 1)
    together = list(nano.generate(wanted, 3, QUICK, batch_size=16))
    alone = list(nano.generate(wanted[::-1], 3, QUICK, batch_size=1))[::-1]
    for a, b in zip(together, alone, strict=True):
        assert a.id == b.id
        np.testing.assert_array_equal(a.tokens, b.tokens)
        np.testing.assert_array_equal(a.vertices, b.vertices)
        np.testing.assert_array_equal(a.faces, b.faces)


def test_seeds_and_classes_matter(nano: ArgusGenerator) -> None:
    a, b = (nano.sample("chair", 1, seed, QUICK)[0] for seed in (0, 1))
    c = nano.sample("table", 1, 0, QUICK)[0]
    assert not np.array_equal(a.tokens, b.tokens) and not np.array_equal(a.tokens, c.tokens)


def test_an_unknown_class_names_near_ones(nano: ArgusGenerator) -> None:
    with pytest.raises(UserError, match="nano knows no class 'chairs'; did you mean chair"):
        nano.sample("chairs", 1)


def test_sample_writes_a_folder_and_takes_up_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    command = ["sample", "--category", "bottle", "--count", "3", "--resolution", "16", "--out"]
    assert main([*command, str(tmp_path / "a")]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["shapes"] == 3 and said["checkpoint"]["name"] == "nano"
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text())
    assert [sample["id"] for sample in manifest["samples"]] == ["bottle-0000", "bottle-0001", "bottle-0002"]
    for sample in manifest["samples"]:
        if not sample["empty"]:
            mesh = trimesh.load(tmp_path / "a" / sample["file"], process=False)
            assert mesh.is_watertight and mesh.volume > 0
            assert (tmp_path / "a" / "pictures" / f"{sample['id']}.png").is_file()

    assert main([*command, str(tmp_path / "b")]) == 0
    for name in ("manifest.json", "records/bottle-0001.json", "tokens/bottle-0001.npy"):
        (tmp_path / "b" / name).unlink()
    assert main([*command, str(tmp_path / "b")]) == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_a_folder_of_other_settings_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    command = ["sample", "--category", "vase", "--count", "1", "--resolution", "16", "--out", str(tmp_path)]
    assert main(command) == 0
    before = contents(tmp_path)
    assert main([*command, "--seed", "1"]) == 1
    assert "holds shapes of other settings" in capsys.readouterr().err
    assert contents(tmp_path) == before


def test_reconstruct_and_scramble(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    from argus3d.data.shape_files import PrepareConfig

    root = tmp_path / "data"
    prepare(BallCatalogue(count=3), root, PrepareConfig(2048, 400, 200), engine=local(1))
    ids = ["ball-02", "ball-00"]
    split = tmp_path / "toy-v1.json"
    split.write_text(json.dumps({"parts": {"test": {"ids": ids, "sha256": ids_sha256(ids)}}}))
    data = ["--root", str(root), "--source", "balls", "--resolution", "16"]
    small = write_checkpoint(tmp_path / "small")  # nothing is drawn, so its 16 codes may be fewer than the usual top-k
    words = ["reconstruct", "--checkpoint", str(small), "--shapes", f"{split}/test", *data]
    assert main([*words, "--out", str(tmp_path / "small-back")]) == 0
    back = tmp_path / "back"
    assert main(["reconstruct", "--shapes", f"{split}/test", *data, "--out", str(back)]) == 0
    records = json.loads((back / "manifest.json").read_text())["samples"]
    assert [record["id"] for record in records] == ids
    assert all(0 <= record["iou"] <= 1 and record["source"] == "balls" for record in records)

    floor = tmp_path / "floor"
    command = ["sample", "--like", f"{split}/test", *data, "--scramble", str(back), "--out", str(floor)]
    assert main(command) == 0
    tokens = np.stack([np.load(path) for path in sorted((floor / "tokens").glob("*.npy"))])
    known = np.stack([np.load(path) for path in sorted((back / "tokens").glob("*.npy"))])
    assert tokens.shape == known.shape
    assert (tokens[:, None] == known[None]).any(1).all()  # every token stood at its position in some shape


def test_iou_is_that_of_the_counts() -> None:
    a, b = np.array([1, 1, 0, 0], bool), np.array([1, 0, 1, 0], bool)
    assert iou(a, b) == pytest.approx(1 / 3)
    assert iou(a, a) == 1 and iou(a, ~a) == 0 and iou(a & ~a, b & ~b) == 1


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["sample", "--category", "char", "--out", "x"], 1, "did you mean .*chair"),
        (["sample", "--category", "chair", "--checkpoint", "nowhere", "--out", "x"], 1, "no checkpoint 'nowhere'"),
        (["sample", "--category", "chair", "--top-k", "5000", "--out", "x"], 1, r"top_k 5000 must lie in 1 \.\. 256"),
        (["sample", "--category", "chair", "--resolution", "3", "--out", "x"], 1, "resolution 3 must be a whole"),
        (["sample", "--category", "chair", "--resolution", "0", "--out", "x"], 2, "0 must be at least 1"),
        (["sample", "--category", "chair", "--threshold", "1", "--out", "x"], 1, "threshold 1.0 must lie between"),
        (["sample", "--category", "chair", "--format", "fbx", "--out", "x"], 2, "invalid choice: 'fbx'"),
        (["sample", "--category", "chair", "--batch-size", "some", "--out", "x"], 2, "neither a number nor auto"),
        (["sample", "--category", "chair", "--device", "gpu", "--out", "x"], 1, "'gpu' is no device; say cpu, cuda"),
        (["sample", "--category", "chair", "--device", "cuda:63", "--out", "x"], 1, "cuda:63 is not there"),
        (["sample", "--category", "chair", "--count", "0", "--out", "x"], 2, "0 must be at least 1"),
        (["data", "prepare", "moon"], 2, "invalid choice: 'moon'"),
        (["reconstruct", "--shapes", "none.json/test", "--out", "x"], 1, "is missing|there is no split file"),
    ],
)
def test_errors_are_one_sentence(
    words: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        found = main(words)
    except SystemExit as stop:
        found = stop.code
    assert found == code
    assert not list(tmp_path.iterdir())
    error = capfd.readouterr().err
    assert "Traceback" not in error
    import re

    assert re.search(message, error)


def test_info_tells_what_nano_is(capsys: pytest.CaptureFixture) -> None:
    assert main(["info", "nano"]) == 0
    about = json.loads(capsys.readouterr().out)
    assert about["parameters"]["autoencoder"] > 1e5 and {"chair", "resistor", "vase"} <= {*about["categories"]}
    assert {one["kind"] for one in about["config"]["transformer"]["conditions"]} == {"text", "image", "part"}
    assert {"command", "seed", "data", "stages", "machine"} <= set(about["training"])


def test_nano_is_small_enough_to_be_committed() -> None:
    folder = checkpoint.find("nano")
    assert sum(path.stat().st_size for path in folder.iterdir()) < 20e6
