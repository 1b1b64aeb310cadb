"""Objaverse-MIX from the hub to clouds of a split's part, by the commands that people run."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from argus3d.cli import main
from argus3d.data import hub
from argus3d.data.hub import CAP3D, MIX, OBJECTS
from argus3d.data.objaverse import part_of
from argus3d.data.prepared import PreparedData
from eval.clouds import load_clouds
from tests.argus3d.mix_files import (
    metadata,
    picture_files,
    shape_files,
    shapenet_files,
    uid,
    write_archive,
    write_files,
    write_json_gz,
)
from tests.argus3d.test_hub import FilesHub

py7zr = pytest.importorskip("py7zr", reason="Objaverse-MIX comes in .7z archives, which py7zr of the extra data reads")

CHUNKS = {"000-000": range(16), "000-003": range(16, 32)}
POINTS = ["--surface-points", "40", "--uniform-points", "48", "--workers", "1"]
Say = Callable[[], tuple[str, str]]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def both() -> tuple[str, str]:
        output = capsys.readouterr()
        return output.out, output.err

    return both


@pytest.fixture
def online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FilesHub:
    """A hub that holds two chunks, one in volumes, with classes for half of their objects."""
    content: dict[str, dict[str, bytes]] = {MIX: {}, OBJECTS: {}, CAP3D: {}}
    folder = tmp_path / "hub"
    for chunk, numbers in CHUNKS.items():
        write_archive(folder / MIX / "occupancies" / f"{chunk}.7z", shape_files(chunk, numbers), 5000)
        write_archive(folder / MIX / "rendered_images" / f"{chunk}.7z", picture_files(chunk, numbers))
        write_json_gz(folder / OBJECTS / "metadata" / f"{chunk}.json.gz", {uid(n): metadata(n) for n in numbers})
    places = {uid(n): f"glbs/{chunk}/{uid(n)}.glb" for chunk, numbers in CHUNKS.items() for n in numbers}
    write_json_gz(folder / OBJECTS / "object-paths.json.gz", places)
    classes = {"Chair": [uid(n) for n in range(0, 32, 4)], "table": [uid(n) for n in range(2, 32, 4)]}
    write_json_gz(folder / OBJECTS / "lvis-annotations.json.gz", classes)
    captions = "".join(f'{uid(n)},"thing, number {n}"\n' for n in range(32)).encode()
    write_files(folder / CAP3D, {"Cap3D_automated_Objaverse_full.csv": captions})
    for repo in content:
        files = sorted(path for path in (folder / repo).rglob("*") if path.is_file())
        content[repo] = {path.relative_to(folder / repo).as_posix(): path.read_bytes() for path in files}
    found = FilesHub()
    found.contents = content
    monkeypatch.setattr(hub, "HuggingFaceHub", lambda: found)
    return found


def test_from_the_hub_to_the_clouds_of_a_part(online: FilesHub, tmp_path: Path, say: Say) -> None:
    mix, root = str(tmp_path / "mix"), str(tmp_path / "data")
    place = ["objaverse", "--path", mix, "--root", root]
    assert main(["data", "fetch", *place, "--split", "objaverse-v1/test-core", "--pictures"]) == 0
    assert json.loads(say()[0])["missing"] == []
    core = sorted(uid(n) for n in range(0, 32, 2) if part_of(uid(n)) == "test")
    assert core
    before = len(online.downloads)
    assert main(["data", "fetch", *place, "--split", "objaverse-v1/test-core", "--pictures"]) == 0
    assert len(online.downloads) == before and json.loads(say()[0])["bytes"] == 0

    assert main(["data", "list", *place]) == 0
    counts, words = say()
    assert json.loads(counts) == {"chair": 8, "table": 8, "unclassed": 16}
    assert "chunk 000-001: It is not there." in words and "chunks asked 160, chunks found 2" in words.replace("  ", " ")

    assert main(["data", "prepare", *place, *POINTS, "--packed", "--views"]) == 0
    counted = json.loads(say()[0])
    assert counted["asked"] == counted["found"] == counted["views"]["found"] == 32
    shape = PreparedData(tmp_path / "data", ["objaverse"]).shapes[core[0]]
    assert shape.record["licence"] == "by" and shape.record["caption"].startswith("thing, number ")
    assert len(shape.views()) == 3

    assert main(["data", "split", "objaverse-v1", "--path", mix, "--root", root]) == 0
    assert json.loads(say()[0])["ids"]["test-core"] == len(core)
    clouds = load_clouds("objaverse-v1/test-core", 32, 0, data_root=tmp_path / "data")
    assert sorted(clouds.ids) == core and set(clouds.categories) <= {"chair", "table"} and not clouds.failed


def test_a_missing_volume_fails_its_objects_and_no_others(online: FilesHub, tmp_path: Path, say: Say) -> None:
    mix, root = tmp_path / "mix", tmp_path / "data"
    place = ["objaverse", "--path", str(mix), "--root", str(root), "--chunks", "000-000,000-003"]
    assert main(["data", "fetch", "objaverse", "--path", str(mix), "--chunks", "000-000,000-003"]) == 0
    (mix / "occupancies" / "000-003.7z.002").rename(tmp_path / "elsewhere")
    say()
    assert main(["data", "prepare", *place, *POINTS, "--packed"]) == 0
    counts, words = say()
    assert json.loads(counts)["found"] == 16 and "000-003.7z.002" in words
    (tmp_path / "elsewhere").rename(mix / "occupancies" / "000-003.7z.002")
    assert main(["data", "prepare", *place, *POINTS, "--packed"]) == 0
    assert json.loads(say()[0]) == {"asked": 32, "found": 32, "failed": 0}


def test_what_a_split_is_made_from_is_named_where_it_is_missing(tmp_path: Path, say: Say) -> None:
    words = ["--path", str(tmp_path), "--root", str(tmp_path)]
    assert main(["data", "split", "objaverse-v1", *words]) == 1
    assert "lacks lvis-annotations.json.gz: run `argus3d data fetch objaverse --path" in say()[1]
    assert main(["data", "fetch", "objaverse", *words, "--split", "household-v1/test"]) == 1
    assert "household-v1/test is no part of objaverse-v1" in say()[1]
    assert main(["data", "list", "objaverse", *words, "--licences", "by,mit"]) == 1
    assert "'mit' is no licence of Objaverse" in say()[1]
    for wrong in (["--chunks", "12"], []):
        with pytest.raises(SystemExit, match="2"):
            main(["data", "fetch", "objaverse", *words, *wrong])


def test_shapenet_from_its_lists_to_the_clouds_of_a_part(tmp_path: Path, say: Say) -> None:
    from argus3d.data.shapenet import SYNSETS_13

    tree = tmp_path / "ShapeNet"
    for synset in SYNSETS_13:
        lists = {"train": ["m1", "m2"], "val": ["m3"], "test": ["m4"]}
        write_files(tree, shapenet_files(synset, lists))
    place = ["shapenet", "--path", str(tree), "--root", str(tmp_path / "data")]
    assert main(["data", "prepare", *place, "--classes", "13", *POINTS]) == 0
    assert json.loads(say()[0]) == {"asked": 52, "found": 52, "failed": 0}
    assert main(["data", "split", "shapenet13-v1", *place[1:]]) == 0
    assert json.loads(say()[0])["ids"]["test"] == 13
    clouds = load_clouds("shapenet13-v1/test", 32, 0, data_root=tmp_path / "data")
    assert len(clouds.ids) == 13 and {"chair", "car", "lamp"} <= set(clouds.categories)
