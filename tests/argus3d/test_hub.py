"""Fetching Objaverse-MIX from a hub that is made of files here."""

import gzip
import hashlib
import inspect
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from argus3d.data import hub as hub_module
from argus3d.data.hub import CAP3D, MIX, OBJECTS, HubFile, HuggingFaceHub, fetch_objaverse
from argus3d.errors import UserError
from tests.argus3d.mix_files import uid, write_files, write_json_gz

FILES = {
    MIX: {
        "README.md": b"read",
        "occupancies/000-000.7z.001": b"a" * 50,
        "occupancies/000-000.7z.002": b"b" * 7,
        "occupancies/000-001.7z.001": b"c" * 20,
        "occupancies/../../x.7z": b"evil",
        "rendered_images/000-000.7z": b"d" * 30,
    },
    OBJECTS: {"lvis-annotations.json.gz": b"l", "metadata/000-000.json.gz": b"m0", "metadata/000-001.json.gz": b"m1"},
    CAP3D: {"Cap3D_automated_Objaverse_full.csv": b"captions", "other.csv": b"no"},
}


class FilesHub:
    """A hub of the files above; counts downloads, and fails or damages where told."""

    def __init__(self) -> None:
        self.contents = {repo: dict(files) for repo, files in FILES.items()}
        self.downloads: list[str] = []
        self.arrives: dict[str, bytes] = {}
        self.broken: set[str] = set()

    def files(self, repo: str, folder: str) -> list[HubFile]:
        below = f"{folder}/" if folder else ""
        return [
            HubFile(repo, path, len(content), hashlib.sha256(content).hexdigest() if repo == MIX else None)
            for path, content in self.contents[repo].items()
            if path.startswith(below) and ("/" not in path[len(below) :] or ".." in path)
        ]

    def download(self, file: HubFile, folder: Path, again: bool) -> None:
        assert again == (folder / file.path).exists()
        if file.path in self.broken:
            raise ConnectionError("line cut")
        self.downloads.append(file.path)
        write_files(folder, {file.path: self.arrives.get(file.path, self.contents[file.repo][file.path])})


@pytest.fixture
def hub() -> FilesHub:
    hub = FilesHub()
    paths = {uid(number): f"glbs/000-{number:03d}/{uid(number)}.glb" for number in range(3)}
    hub.contents[OBJECTS]["object-paths.json.gz"] = gzip.compress(json.dumps(paths).encode())
    return hub


def below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


KNOWN = [
    "annotations/Cap3D_automated_Objaverse_full.csv",
    "annotations/lvis-annotations.json.gz",
    "annotations/metadata/000-000.json.gz",
    "annotations/object-paths.json.gz",
]


def test_chunks_come_with_their_volumes_and_annotations(tmp_path: Path, hub: FilesHub) -> None:
    said: list[str] = []
    found = fetch_objaverse(tmp_path / "mix", chunks=["000-000"], hub=hub, say=said.append)
    assert below(tmp_path / "mix") == [*KNOWN, "occupancies/000-000.7z.001", "occupancies/000-000.7z.002"]
    assert sorted(found.files) == sorted(tmp_path / "mix" / name for name in below(tmp_path / "mix"))
    size = sum(path.stat().st_size for path in found.files)
    assert found.bytes == size and found.missing == []
    assert said[0] == f"0 of 6 files are here; 6 of {size} bytes are to come."
    assert len(said) == 7


def test_pictures_come_where_they_are_asked_for(tmp_path: Path, hub: FilesHub) -> None:
    found = fetch_objaverse(tmp_path, chunks=["000-000", "000-001"], pictures=True, hub=hub, say=str)
    assert tmp_path / "rendered_images/000-000.7z" in found.files
    assert found.missing == ["rendered_images/000-001.7z"]


def test_what_is_there_is_kept_and_what_is_damaged_comes_again(tmp_path: Path, hub: FilesHub) -> None:
    fetch_objaverse(tmp_path, chunks=["000-000"], hub=hub, say=str)
    hub.downloads.clear()
    said: list[str] = []
    assert fetch_objaverse(tmp_path, chunks=["000-000"], hub=hub, say=said.append).bytes == 0
    assert hub.downloads == [] and said == ["6 of 6 files are here; 0 of 0 bytes are to come."]
    (tmp_path / "occupancies/000-000.7z.001").write_bytes(b"x" * 50)  # the right size
    (tmp_path / "occupancies/000-000.7z.002").write_bytes(b"b")
    assert fetch_objaverse(tmp_path, chunks=["000-000"], hub=hub, say=str).bytes == 57
    assert hub.downloads == ["occupancies/000-000.7z.001", "occupancies/000-000.7z.002"]
    assert (tmp_path / "occupancies/000-000.7z.001").read_bytes() == b"a" * 50


def test_objects_bring_their_chunks(tmp_path: Path, hub: FilesHub) -> None:
    found = fetch_objaverse(tmp_path, uids=[uid(1), uid(2)], hub=hub, say=str)
    assert tmp_path / "occupancies/000-001.7z.001" in found.files
    assert found.missing == ["occupancies/000-002.7z", f"{OBJECTS}: metadata/000-002.json.gz"]
    assert not (tmp_path / "occupancies/000-000.7z.001").exists()
    with pytest.raises(UserError, match=f"has no chunk for 1 objects, first {uid(9)}"):
        fetch_objaverse(tmp_path, uids=[uid(1), uid(9)], hub=hub, say=str)


def test_a_list_that_is_there_already_is_enough_to_find_chunks(tmp_path: Path, hub: FilesHub) -> None:
    cached = tmp_path / "annotations/hf-objaverse-v1/object-paths.json.gz"
    write_json_gz(cached, {uid(7): f"glbs/000-001/{uid(7)}.glb"})
    found = fetch_objaverse(tmp_path, uids=[uid(7)], hub=hub, say=str)
    assert tmp_path / "occupancies/000-001.7z.001" in found.files


@pytest.mark.parametrize("arrived", [b"b" * 6, b"x" * 7])
def test_what_arrives_damaged_is_an_error(tmp_path: Path, hub: FilesHub, arrived: bytes) -> None:
    hub.arrives["occupancies/000-000.7z.002"] = arrived
    with pytest.raises(UserError, match=rf"000-000\.7z\.002 did not arrive as {MIX} states it \(7 bytes\)"):
        fetch_objaverse(tmp_path, chunks=["000-000"], hub=hub, say=str)


def test_a_cut_line_says_to_run_again_and_the_next_run_goes_on(tmp_path: Path, hub: FilesHub) -> None:
    hub.broken = {"occupancies/000-000.7z.002"}
    with pytest.raises(
        UserError, match=r"7z\.002 of .* could not be fetched \(ConnectionError: line cut\); run it again"
    ):
        fetch_objaverse(tmp_path, chunks=["000-000"], hub=hub, say=str)
    assert hub.downloads == ["occupancies/000-000.7z.001"]
    hub.broken = set()
    fetch_objaverse(tmp_path, chunks=["000-000"], hub=hub, say=str)
    assert hub.downloads.count("occupancies/000-000.7z.001") == 1


class NoHub:
    def files(self, repo: str, folder: str) -> list[HubFile]:
        raise ConnectionError("no route")

    def download(self, file: HubFile, folder: Path, again: bool) -> None:
        raise ConnectionError("no route")


def test_offline_it_says_what_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        fetch_objaverse(tmp_path, chunks=["000-000", "000-017"], pictures=True, hub=NoHub(), say=str)
    text = str(caught.value)
    assert "the hub cannot be reached (ConnectionError: no route)" in text
    assert f"of {MIX} into {tmp_path}: occupancies/000-000.7z, all volumes" in text
    assert f"of {OBJECTS} into {tmp_path / 'annotations'}: lvis-annotations.json.gz, object-paths.json.gz" in text
    assert "rendered_images/000-017.7z" in text and "metadata/000-017.json.gz" in text
    assert f"of {CAP3D} into {tmp_path / 'annotations'}: Cap3D_automated_Objaverse_full.csv" in text
    with pytest.raises(UserError, match=r"object-paths\.json\.gz"):
        fetch_objaverse(tmp_path, uids=[uid(0)], hub=NoHub(), say=str)
    assert below(tmp_path) == []


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(
        UserError, match=r'huggingface_hub is not installed \(pip install "argus3d\[data\]"\); fetch else'
    ):
        fetch_objaverse(tmp_path, chunks=["000-000"], say=str)


def test_a_full_disk_is_said_before_the_first_byte(
    tmp_path: Path, hub: FilesHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(hub_module.shutil, "disk_usage", lambda path: usage._replace(free=10))
    with pytest.raises(UserError, match=r"has 10 bytes free, \d+ are to come"):
        fetch_objaverse(tmp_path / "new", chunks=["000-000"], hub=hub, say=str)
    assert hub.downloads == []


def test_the_library_is_called_as_it_wants_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls fit the signatures of the installed library; nothing is fetched."""
    library = pytest.importorskip("huggingface_hub", reason="fetches come by huggingface_hub, of the extra `data`")
    from huggingface_hub.hf_api import RepoFile, RepoFolder

    large = RepoFile(path="a/b.7z", size=9, oid="0", lfs={"size": 9, "oid": "f" * 64, "pointerSize": 1})
    tree = [large, RepoFile(path="c.csv", size=3, oid="0"), RepoFolder(path="a", oid="0")]
    calls: list[inspect.BoundArguments] = []

    def record(function: object, value: object) -> object:
        signature = inspect.signature(function)  # type: ignore[arg-type]

        def called(*given: object, **named: object) -> object:
            calls.append(signature.bind(*given, **named))
            return value

        return called

    monkeypatch.setattr(library.HfApi, "list_repo_tree", record(library.HfApi.list_repo_tree, tree))
    monkeypatch.setattr(library, "hf_hub_download", record(library.hf_hub_download, str(tmp_path)))
    files = HuggingFaceHub().files(MIX, "")
    assert files == [HubFile(MIX, "a/b.7z", 9, "f" * 64), HubFile(MIX, "c.csv", 3, None)]
    HuggingFaceHub().download(replace(files[0], sha256=None), tmp_path, again=True)
    assert calls[0].arguments["repo_id"] == MIX and calls[0].arguments["repo_type"] == "dataset"
    assert calls[1].arguments["filename"] == "a/b.7z" and calls[1].arguments["local_dir"] == tmp_path
