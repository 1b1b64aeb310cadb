"""`argus3d sample` by words and pictures, and for the shapes of a split."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from argus3d import engine
from argus3d.cli import main
from argus3d.encoders import load_image
from argus3d.samples import read_tokens
from tests.argus3d.guided_files import IMAGE, TEXT, use_toys, write_balls, write_guided
from tests.argus3d.test_sample_command import manifest, write_checkpoint
from tests.argus3d.test_sample_engine import contents


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    use_toys(monkeypatch)


@pytest.fixture(scope="module")
def guided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_guided(tmp_path_factory.mktemp("checkpoints") / "guided")


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_balls(tmp_path_factory.mktemp("balls"))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "My Photo.JPG"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (30, 20, 3), np.uint8)).save(path)
    return path


def sample(checkpoint: Path, out: Path, *words: str | Path) -> int:
    return main(["sample", "--checkpoint", str(checkpoint), "--out", str(out), *map(str, words)])


def like(checkpoint: Path, out: Path, split: Path, *words: str) -> int:
    where = ["--root", str(split.parent / "data"), "--source", "balls"]
    return sample(checkpoint, out, "--like", f"{split}/test", *where, *words)


def records(folder: Path) -> list[dict[str, Any]]:
    return manifest(folder)["samples"]


def tokens(folder: Path) -> bytes:
    return read_tokens(folder).tobytes()


def test_a_text(guided: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--text", "A low, round table!", "--count", "3")
    assert sample(guided, tmp_path / "one", *words) == 0
    said = manifest(tmp_path / "one")
    assert [record["id"] for record in said["samples"]] == [f"a-low-round-table-000{k}" for k in range(3)]
    for number, record in enumerate(said["samples"]):
        assert record["given"] == {"text": "A low, round table!"} and record["number"] == number
        assert record["category"] is None
    assert said["settings"]["encoders"] == {"text": {"name": TEXT.encoder, "sha256": "5" * 64}}
    assert said["settings"]["guidance"] == 1.0
    assert sample(guided, tmp_path / "again", *words) == 0
    assert contents(tmp_path / "again") == contents(tmp_path / "one")
    capsys.readouterr()
    # Its ids are the same, which is why the text itself is a setting of the folder.
    assert sample(guided, tmp_path / "one", "--text", "a low round table", "--count", "3") == 1
    assert "holds shapes of other settings" in capsys.readouterr().err


def test_what_is_asked_for_matters(guided: Path, tmp_path: Path, photo: Path) -> None:
    asked: dict[str, tuple[str | Path, ...]] = {
        "table": ("--text", "table"), "TABLE": ("--text", "TABLE"), "class": ("--text", "table", "--category", "lamp"),
        "photo": ("--image", photo), "nothing": (),
    }  # fmt: skip
    for name, words in asked.items():
        assert sample(guided, tmp_path / name, "--count", "2", *words) == 0
    assert len({tokens(tmp_path / name) for name in asked}) == len(asked)
    assert [record["id"] for record in records(tmp_path / "TABLE")] == ["table-0000", "table-0001"]
    assert [record["id"] for record in records(tmp_path / "class")] == ["lamp-table-0000", "lamp-table-0001"]
    assert records(tmp_path / "class")[0]["category"] == "lamp"
    assert [record["id"] for record in records(tmp_path / "nothing")] == ["shape-0000", "shape-0001"]
    assert records(tmp_path / "nothing")[0]["given"] == {}


def test_a_picture(guided: Path, tmp_path: Path, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sample(guided, tmp_path / "out", "--image", photo, "--category", "chair", "--count", "1") == 0
    (record,) = records(tmp_path / "out")
    assert record["id"] == "chair-my-photo-0000"
    assert record["given"] == {"category": "chair", "image": "given/my-photo.png"}
    assert record["image"] == {"file": "My Photo.JPG", "sha256": hashlib.sha256(photo.read_bytes()).hexdigest()}
    np.testing.assert_array_equal(load_image(tmp_path / "out" / "given" / "my-photo.png"), load_image(photo))
    assert manifest(tmp_path / "out")["settings"]["encoders"]["image"]["name"] == IMAGE.encoder
    photo.write_bytes(photo.read_bytes()[::-1] + b"x")
    assert sample(guided, tmp_path / "new", "--image", photo) == 1
    assert "My Photo.JPG: this is no image" in capsys.readouterr().err and not (tmp_path / "new").exists()


def test_an_interrupted_run_goes_on(guided: Path, tmp_path: Path, photo: Path) -> None:
    words = ("--text", "table", "--image", photo, "--guidance", "2")
    assert sample(guided, tmp_path / "whole", *words, "--count", "5") == 0
    assert sample(guided, tmp_path / "parts", *words, "--count", "2") == 0
    (tmp_path / "parts" / "manifest.json").unlink()
    assert sample(guided, tmp_path / "parts", *words, "--count", "5", "--batch-size", "1") == 0
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_guidance_changes_shapes_and_settings(guided: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for guidance in ("1", "4"):
        assert sample(guided, tmp_path / guidance, "--text", "table", "--count", "2", "--guidance", guidance) == 0
    assert tokens(tmp_path / "1") != tokens(tmp_path / "4")
    assert manifest(tmp_path / "4")["settings"]["guidance"] == 4.0
    for wrong in ("-1", "nan"):
        assert sample(guided, tmp_path / "x", "--text", "table", "--guidance", wrong) == 1
        assert "guidance" in capsys.readouterr().err and not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("by", "given"),
    [("text", "ball 2"), ("image", "given/ball-02.png"), ("category", "chair"), ("nothing", None)],
)  # fmt: skip
def test_shapes_like_those_of_a_split(by: str, given: str | None, guided: Path, split: Path, tmp_path: Path) -> None:
    assert like(guided, tmp_path / "out", split, "--by", by, "--each", "2") == 0
    made = records(tmp_path / "out")
    assert [record["id"] for record in made] == [f"ball-0{k}-{n}" for k in range(4) for n in range(2)]
    assert made[5] | {"file": None, "empty": False, "seed": 0} == {
        "id": "ball-02-1", "shape": "ball-02", "number": 1, "category": "chair", "seed": 0, "file": None,
        "empty": False, "given": {by: given} if given else {},
    }  # fmt: skip
    said = manifest(tmp_path / "out")["settings"]
    assert (said["like"], said["by"], said["each"]) == ("balls-v1/test", by, 2)
    assert set(said.get("encoders", {})) == {by} & {"text", "image"}
    if by == "image":
        view = (split.parent / "data" / "balls" / "chair" / "ball-02" / "img" / "000.png").read_bytes()
        shown = load_image(tmp_path / "out" / "given" / "ball-02.png")
        np.testing.assert_array_equal(shown, np.asarray(Image.open(io.BytesIO(view)).convert("RGB")))


def test_a_shape_is_the_same_beside_others(guided: Path, split: Path, tmp_path: Path) -> None:
    assert like(guided, tmp_path / "many", split, "--by", "image", "--each", "2") == 0
    assert like(guided, tmp_path / "one", split, "--by", "image") == 0
    many, one = (
        {record["id"]: record["file"] and (tmp_path / name / record["file"]).read_bytes() for record in records(folder)}
        for name, folder in (("many", tmp_path / "many"), ("one", tmp_path / "one"))
    )
    assert one == {name: many[name] for name in one} and len(many) == 8 and any(one.values())


def test_an_engine_makes_the_same(
    guided: Path, split: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo: Path
) -> None:
    asked = {"a": ("--text", "table", "--image", str(photo), "--count", "5"), "b": ("--by", "image", "--each", "2")}
    for name, words in asked.items():
        run = like if name == "b" else sample
        first: tuple[Any, ...] = (split,) if name == "b" else ()
        assert run(guided, tmp_path / name, *first, *words) == 0
        with monkeypatch.context() as patched:
            patched.setattr(engine, "elsewhere", lambda arguments: engine.local(1))
            assert run(guided, tmp_path / f"{name}2", *first, *words, "--batch-size", "3") == 0
        assert contents(tmp_path / f"{name}2") == contents(tmp_path / name)


def test_without_by_only_classes_are_alike(guided: Path, split: Path, tmp_path: Path) -> None:
    assert like(guided, tmp_path / "out", split) == 0
    assert [record["id"] for record in records(tmp_path / "out")] == [
        "chair-0000", "chair-0001", "lamp-0000", "lamp-0001",
    ]  # fmt: skip


def test_checkpoints_that_do_not_take_it(tmp_path: Path, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, told = write_checkpoint(tmp_path / "plain"), write_guided(tmp_path / "told", [TEXT])
    cases: list[tuple[Path, tuple[str | Path, ...], str]] = [
        (plain, ("--category", "chair", "--text", "table"), "takes no text; it is guided by class."),
        (plain, (), "plain is guided by class and knows no shape without one; add --category, one of chair, lamp"),
        (plain, ("--text", "table"), "plain is guided by class and knows no shape without one; add --category"),
        (plain, ("--category", "chair", "--guidance", "3"), "cannot be guided"),
        (told, ("--image", photo), "takes no image; it is guided by class, text."),
        (told, ("--category", "chiar"), "knows no class 'chiar'; did you mean chair"),
        (told, ("--text", ""), "the text is empty"),
        (told, ("--text", "word " * 10_000), "has 10,000 tokens, and minilm-sentence reads at most 20"),
    ]
    for checkpoint, words, reason in cases:
        assert sample(checkpoint, tmp_path / "out", *words) == 1
        error = capsys.readouterr().err.splitlines()[-1]
        assert reason in error and not (tmp_path / "out").exists()


def test_questions_that_contradict_each_other(
    guided: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sample(guided, tmp_path / "out", "--each", "3") == 1
    assert "add it, or use --count" in capsys.readouterr().err
    assert like(guided, tmp_path / "out", split, "--each", "3") == 1
    assert "say by what: --by text|image|category|nothing" in capsys.readouterr().err
    assert like(guided, tmp_path / "out", split, "--text", "table") == 1
    assert "leave out --category, --text and --image" in capsys.readouterr().err
    blind = write_balls(tmp_path / "blind", 2, views=False)
    assert like(guided, tmp_path / "out", blind, "--by", "image") == 1
    assert "ball-00 has no views" in capsys.readouterr().err
    path = blind.parent / "data" / "balls" / "manifest.json"
    mute = json.loads(path.read_text())
    mute["shapes"][1]["caption"] = ""
    path.write_text(json.dumps(mute))
    assert like(guided, tmp_path / "out", blind, "--by", "text") == 1
    assert "ball-01 has no caption" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
