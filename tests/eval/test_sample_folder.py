"""Folders of samples that others made: nothing outside is read, and what is damaged is named."""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
import trimesh
from PIL import Image

from argus3d.errors import UserError
from eval.cli import main
from eval.nearest_file import Nearest, read_nearest, write_nearest
from eval.report.tiles import MOST_PIXELS, blank_sheet, shortened
from eval.sample_folder import SampleRecord, of_classes, read_manifest, read_samples

GOOD = {"id": "a", "category": "chair", "empty": False, "file": "meshes/a.ply", "shape": "s", "number": 0}


def write(folder: Path, *samples: Any, **more: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps({"samples": list(samples), **more}))
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a whole sample, the shape it was made for, and beside it what no manifest may lead to."""
    folder = write(tmp_path / "made", GOOD)
    for place in (folder / "pictures" / "a.png", tmp_path / "secret.png"):
        place.parent.mkdir(exist_ok=True)
        Image.new("RGB", (20, 20), (200, 10, 10)).save(place)
    for place in (folder / "meshes" / "a.ply", tmp_path / "secret.ply"):
        place.parent.mkdir(exist_ok=True)
        trimesh.creation.box().export(place)
    shape = tmp_path / "data" / "toys" / "chair" / "s"
    shape.mkdir(parents=True)
    Image.new("RGB", (20, 20)).save(shape / "render.png")
    (tmp_path / "data" / "toys" / "manifest.json").write_text(
        json.dumps({"shapes": [{"id": "s", "category": "chair"}]})
    )
    return tmp_path


def sheet(root: Path, what: str = "guided") -> int:
    return main(
        ["sheet", what, str(root / "made"), "--data-root", str(root / "data"), "--out", str(root / "sheet.png")]
    )


def refused(capsys: pytest.CaptureFixture[str], words: str) -> None:
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said


def test_what_is_whole_is_drawn(root: Path) -> None:
    assert sheet(root) == 0
    record = read_samples(root / "made")[0]
    assert (record.id, record.title, record.number, record.shape) == ("a", "chair", 0, "s")
    assert record.file == root / "made" / "meshes" / "a.ply"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ({"id": "../../secret"}, "its id is no name"),
        ({"id": "/secret"}, "its id is no name"),
        ({"id": "gone"}, "gone.png is missing"),
        ({"given": {"image": "../secret.png"}}, "'../secret.png' is out of the folder"),
        ({"given": {"image": "a/../../secret.png"}}, "is out of the folder"),
        ({"given": {"image": "pictures"}}, "is missing"),
        ({"given": {"part": "x"}}, "parts.npz is missing"),
        ({"given": ["image"]}, "what was given for it is no list by kind"),
        ({"number": "1"}, "its number is none"),
        ({"number": True}, "its number is none"),
        ({"shape": "elsewhere"}, "elsewhere is not among the prepared shapes"),
    ],
)
def test_a_sheet_leads_nowhere_else(
    root: Path, damage: dict[str, Any], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(root / "made", GOOD | damage)
    assert sheet(root) == 1
    refused(capsys, words)
    assert not (root / "sheet.png").exists()


def test_an_absolute_picture_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root / "made", GOOD | {"given": {"image": str(root / "secret.png")}})
    assert sheet(root) == 1
    refused(capsys, "is out of the folder")


@pytest.mark.parametrize("place", ["../secret.ply", "{root}/secret.ply"])
def test_a_page_leads_nowhere_else(root: Path, place: str, capsys: pytest.CaptureFixture[str]) -> None:
    write(root / "made", GOOD | {"file": place.format(root=root)})
    result = Path(__file__).parents[2] / "reports" / "results" / "objects" / "nano.json"
    assert result.is_file()
    words = ["page", str(result), "--samples", str(root / "made"), "--out", str(root / "page.html")]
    assert main(words) == 1
    refused(capsys, "is out of the folder")


@pytest.mark.parametrize("iou", [None, "0.5", [], True])
def test_a_reconstruction_without_its_iou_is_named(root: Path, iou: Any, capsys: pytest.CaptureFixture[str]) -> None:
    write(root / "made", GOOD | {"id": "a", "iou": iou})
    assert sheet(root, "reconstructions") == 1
    refused(capsys, "sample a: it says no iou")


def test_pictures_that_would_fill_memory_are_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    (root / "made" / "pictures" / "a.png").write_bytes(bomb)
    assert sheet(root) == 1
    refused(capsys, "more than")


def test_a_sheet_of_endless_classes_is_refused_and_some_are_drawn(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many = [{"id": str(n), "category": f"class {n:05}", "empty": True} for n in range(6000)]
    (root / "nearest.json").write_text('{"nearest": {}}')
    write(root / "made", *many)
    words = ["sheet", "samples", str(root / "made"), "--nearest", str(root / "nearest.json"), "--data-root"]
    words += [str(root / "data"), "--out", str(root / "sheet.png")]
    assert main(words) == 1
    refused(capsys, "name some classes by --category")
    assert main([*words, "--category", "class 00007,class 00008"]) == 0
    both = Image.open(root / "sheet.png").height
    assert main([*words, "--category", "class 00007"]) == 0
    assert Image.open(root / "sheet.png").height < both
    assert main([*words, "--category", "cat"]) == 1
    refused(capsys, "has no sample of cat")


def test_the_largest_sheet() -> None:
    with pytest.raises(UserError, match="more than"):
        blank_sheet(MOST_PIXELS, 2)


def test_titles_are_one_short_line() -> None:
    assert shortened("a\nb") == "a b"
    assert shortened("x" * 10**6) == "x" * 23 + "…"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"samples": {}}', "no list of records"),
        ('{"samples": [1]}', "no list of records"),
        ('{"samples": [{"category": "a"}]}', "no id in letters"),
        ('{"samples": [{"id": "\\ud800"}]}', "no id in letters"),
        ('{"samples": []}', "no manifest.json with samples"),
        ("[" * 100_000, "is not JSON"),
        ("{", "is not JSON"),
    ],
)
def test_damaged_manifests_are_named(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(UserError, match=words) as said:
        read_samples(tmp_path)
    assert str(tmp_path) in str(said.value)


def test_folders_without_samples(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) == {}
    with pytest.raises(UserError, match="is no folder of samples"):
        read_samples(tmp_path / "absent")


def test_classes_that_are_not_there_are_named_with_those_that_are(tmp_path: Path) -> None:
    samples = [SampleRecord(tmp_path, {"id": str(n), "category": f"c{n:03}"}) for n in range(100)]
    assert [sample.id for sample in of_classes(samples, ["c007"])] == ["7"]
    assert of_classes(samples, ()) == samples
    with pytest.raises(UserError, match="no sample of x; its classes: c000") as said:
        of_classes(samples, ["x"])
    assert len(str(said.value)) < 1000


def test_nearest_shapes_come_back(tmp_path: Path) -> None:
    found = {"a": Nearest("t", 0.25, None), "b": Nearest("u", 0.5, 0.01)}
    write_nearest(tmp_path / "n.json", found, ["x/train"], 512)
    assert read_nearest(tmp_path / "n.json") == found
    assert [one.near_copy for one in found.values()] == [False, True]


@pytest.mark.parametrize(
    "content",
    [
        "[]", "{}", '{"nearest": []}', '{"nearest": {"a": 1}}', '{"nearest": {"a": {}}}',
        '{"nearest": {"a": {"id": "t", "distance": "far"}}}', '{"nearest": {"a": {"id": "t", "distance": NaN}}}',
        '{"nearest": {"a": {"id": "t", "distance": 1, "p_value": [1]}}}',
        '{"nearest": {"a": {"id": "t", "distance": 1' + "0" * 400 + "}}}",
    ],
)  # fmt: skip
def test_damaged_nearest_shapes_are_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "nearest.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"nearest\.json"):
        read_nearest(path)
    with pytest.raises(UserError, match="is missing"):
        read_nearest(tmp_path / "absent.json")


def test_numbers_of_a_record(tmp_path: Path) -> None:
    record = SampleRecord(tmp_path, {"id": "a", "iou": 1})
    assert record.measured("iou") == 1.0 and isinstance(record.measured("iou"), float)
