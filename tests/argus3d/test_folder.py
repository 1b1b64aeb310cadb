"""The source `folder`: ids, classes and failures of a tree of mesh files, and what `prepare` makes of it."""

import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from argus3d.cli import main
from argus3d.data.folder import FolderCatalogue
from argus3d.data.prepare import prepare
from argus3d.data.prepared import PreparedData
from argus3d.engine import local
from argus3d.errors import UserError
from tests.argus3d.balls import SMALL
from tests.argus3d.gltf_files import tetrahedron


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def box(path: Path, extents: tuple[float, float, float] = (1, 2, 4)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    trimesh.creation.box(extents).apply_translation([100, 200, 300]).export(path, file_type=path.suffix[1:].lower())
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Four good files of two classes and one in none, one bad file, and things that are no mesh files."""
    folder = tmp_path / "My Shapes"
    box(folder / "Easy Chairs" / "red_chair-01.obj")
    box(folder / "Easy Chairs" / "old" / "red_chair-01.STL", (1, 1, 2))
    box(folder / "lamp" / "a.ply", (1, 3, 1))
    box(folder / "top.off")
    writer = tetrahedron()
    writer.node(mesh=0)
    writer.write_glb(folder / "lamp" / "b.glb")
    (folder / "lamp" / "cut.glb").write_bytes((folder / "lamp" / "b.glb").read_bytes()[:100])
    (folder / "lamp" / "texture.png").write_bytes(b"")
    box(folder / ".hidden" / "x.obj")
    box(folder / "lamp" / "._a.ply")
    return folder


def test_ids_classes_and_captions_come_from_the_paths(tree: Path) -> None:
    catalogue = FolderCatalogue(tree)
    assert catalogue.name == "my-shapes"
    assert [(item.id, item.category, item.caption) for item in catalogue.items()] == [
        ("easy-chairs-old-red-chair-01", "easy-chairs", "red chair 01"),
        ("easy-chairs-red-chair-01", "easy-chairs", "red chair 01"),
        ("lamp-a", "lamp", "a"),
        ("lamp-b", "lamp", "b"),
        ("lamp-cut", "lamp", "cut"),
        ("top", "all", "top"),
    ]
    assert {item.source for item in catalogue.items()} == {"my-shapes"}
    assert pickle.loads(pickle.dumps(catalogue)).items() == catalogue.items()  # workers get the catalogue by pickling


def test_shapes_are_centred_with_longest_side_one(tree: Path) -> None:
    vertices, _ = FolderCatalogue(tree).shape("easy-chairs-red-chair-01").mesh()
    np.testing.assert_allclose(vertices.max(0), [0.125, 0.25, 0.5], atol=1e-6)
    np.testing.assert_allclose(vertices.min(0), [-0.125, -0.25, -0.5], atol=1e-6)


def test_up_z_turns_shapes_upright_without_mirroring_them(tree: Path) -> None:
    (lying, faces), (standing, same) = (FolderCatalogue(tree, up).mesh("lamp-b") for up in ("y", "z"))
    assert (faces == same).all()
    np.testing.assert_allclose(standing.max(0), [1, 3, 0])  # the leg of 3 along z now points up
    np.testing.assert_allclose(standing.min(0), [0, 0, -2])
    volumes = [trimesh.Trimesh(vertices, faces).volume for vertices in (lying, standing)]
    assert volumes[0] == pytest.approx(1) and volumes[1] == pytest.approx(1)


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(NAMES, min_size=1, max_size=3), min_size=1, max_size=8))
def test_ids_are_unique_and_safe_whatever_files_are_called(
    tmp_path_factory: pytest.TempPathFactory, names: list[list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("tree")
    for parts in names:
        path = folder.joinpath(*(f"d{part}" for part in parts[:-1]), f"f{parts[-1]}.obj")
        if len(path.name.encode()) < 250:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    (folder / "one.obj").touch()
    items = FolderCatalogue(folder, name="x").items()
    assert len(items) == sum(1 for path in folder.rglob("*.obj") if path.is_file())
    assert len({item.id for item in items}) == len(items)
    assert [item.id for item in items] == sorted(item.id for item in items)
    for text in (text for item in items for text in (item.id, item.category)):
        assert text and len(text.encode()) <= 255 and not set(text) & set("/\\ .:\0") and text == text.lower()


def test_names_that_differ_only_in_signs_get_ids_of_their_own(tmp_path: Path) -> None:
    for name in ("a b.obj", "A-b.obj", "椅子/一.obj", "椅子/二.obj", "***.obj", "x" * 240 + ".obj", "c.obj"):
        box(tmp_path / name)
    ids = [item.id for item in FolderCatalogue(tmp_path, name="x").items()]
    assert len(set(ids)) == 7 and "c" in ids and "椅子-一" in ids
    assert sum(item.startswith("a-b-") for item in ids) == 2
    box(tmp_path / "d.obj")  # other files do not change an id
    assert set(ids) < {item.id for item in FolderCatalogue(tmp_path, name="x").items()}


def test_one_path_with_two_suffixes_is_refused(tmp_path: Path) -> None:
    for name in ("chair/a.obj", "chair/a.ply", "chair/b.obj"):
        box(tmp_path / name)
    catalogue = FolderCatalogue(tmp_path, name="x")
    bad = [item.id for item in catalogue.items() if item.id != "chair-b"]
    assert len(bad) == 2
    for item_id in bad:
        with pytest.raises(UserError, match=r"^chair/a\.(obj|ply): another file differs only in its suffix"):
            catalogue.shape(item_id)
    assert len(catalogue.shape("chair-b").faces) == 12


def test_links_out_of_the_tree_are_not_followed(tmp_path: Path) -> None:
    outside, tree = box(tmp_path / "outside" / "secret.obj"), tmp_path / "tree"
    box(tree / "a" / "one.obj")
    (tree / "a" / "in.obj").symlink_to(tree / "a" / "one.obj")
    (tree / "a" / "out.obj").symlink_to(outside)
    (tree / "a" / "gone.obj").symlink_to(tree / "nothing.obj")
    (tree / "b").symlink_to(outside.parent)
    (tree / "a" / "loop").symlink_to(tree)
    catalogue = FolderCatalogue(tree)
    assert [item.id for item in catalogue.items()] == ["a-gone", "a-in", "a-one", "a-out"]
    assert catalogue.linked_folders == ["a/loop", "b"]
    assert len(catalogue.shape("a-in").faces) == 12
    for item_id, reason in (("a-out", "link out of the folder"), ("a-gone", "link to none")):
        with pytest.raises(UserError, match=reason):
            catalogue.shape(item_id)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.obj")
    with pytest.raises(UserError, match=r"^pipe\.obj: is no file"):
        FolderCatalogue(tmp_path, name="x").shape("pipe")


def test_folders_and_names_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no folder"):
        FolderCatalogue(tmp_path / "none")
    with pytest.raises(UserError, match=r"holds no mesh files \(\.glb"):
        FolderCatalogue(tmp_path)
    box(tmp_path / "Raw" / "a.obj")
    with pytest.raises(UserError, match="'raw' is taken by another source"):
        FolderCatalogue(tmp_path / "Raw")
    for name in ("../x", "A", "", "a/b"):
        with pytest.raises(UserError, match="give another with --name"):
            FolderCatalogue(tmp_path, name=name)
    with pytest.raises(UserError, match="no item b"):
        FolderCatalogue(tmp_path, name="x").shape("b")
    with pytest.raises(UserError, match="up axis 'x'"):
        FolderCatalogue(tmp_path, up="x")


def test_prepared_twice_or_resumed_the_bytes_are_the_same(tree: Path, tmp_path: Path) -> None:
    catalogue, root = FolderCatalogue(tree), tmp_path / "one"
    catalogue.record_origin(root)
    manifest = prepare(catalogue, root, SMALL, engine=local(1))
    assert manifest["counts"] == {"asked": 6, "found": 5, "failed": 1}
    assert manifest["failed"][0][0] == "lamp-cut" and "lamp/cut.glb: cannot be read" in manifest["failed"][0][1]
    whole = contents(root)
    (root / "my-shapes" / "manifest.json").unlink()
    (root / "my-shapes" / "lamp" / "lamp-a" / "record.json").unlink()
    for again in (root, tmp_path / "two"):
        FolderCatalogue(tree).record_origin(again)
        prepare(FolderCatalogue(tree), again, SMALL, engine=local(1))
        assert contents(again) == whole
    shape = PreparedData(root, ["my-shapes"]).shapes["lamp-a"]
    np.testing.assert_allclose(np.abs(shape.cloud()).max(0), [1 / 6, 1 / 2, 1 / 6], atol=0.01)


def test_what_is_prepared_is_never_mixed_with_other_files(tree: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    FolderCatalogue(tree).record_origin(root)
    prepare(FolderCatalogue(tree), root, SMALL, engine=local(1))
    with pytest.raises(UserError, match=r"was prepared with --up y.*--name"):
        FolderCatalogue(tree, "z").record_origin(root)
    box(tree / "lamp" / "new.obj")  # more files, a repaired one, and one fewer, are no contradiction
    box(tree / "lamp" / "cut.glb")
    (tree / "top.off").unlink()
    FolderCatalogue(tree).record_origin(root)
    counts = prepare(FolderCatalogue(tree), root, SMALL, engine=local(1))["counts"]
    assert counts == {"asked": 6, "found": 6, "failed": 0}
    before = contents(root)
    box(tree / "lamp" / "a.ply", (5, 1, 1))
    with pytest.raises(UserError, match=r"lamp/a\.ply is not the file that .* was prepared from"):
        FolderCatalogue(tree).record_origin(root)
    (root / "other").mkdir()
    (root / "other" / "manifest.json").write_text("{}")
    with pytest.raises(UserError, match="holds data of another source"):
        FolderCatalogue(tree, name="other").record_origin(root)
    shutil.rmtree(root / "other")
    assert contents(root) == before


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"up": "y"}', '{"up": [], "files": {}}', '{"up": "y", "files": {"a": 1}}']
)
def test_a_damaged_origin_is_named(content: str, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "origin.json").write_text(content)
    with pytest.raises(UserError, match=r"origin\.json.*give another name with --name"):
        FolderCatalogue(tree, name="mine").record_origin(tmp_path)


def test_a_folder_of_a_run_that_was_killed_before_it_had_begun_is_nobodys(tree: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "mine" / ".origin.0123abcd-1.part.json"
    scratch.parent.mkdir()
    scratch.write_text("{")
    FolderCatalogue(tree, name="mine").record_origin(tmp_path)
    assert json.loads((tmp_path / "mine" / "origin.json").read_text())["up"] == "y"


def test_the_command_prepares_lists_and_says_what_it_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree, root = tmp_path / "tree", tmp_path / "data"
    box(tree / "chair" / "a.obj")
    (tree / "chair" / "empty.ply").touch()
    (tree / "more").symlink_to(tmp_path)
    arguments = ["folder", "--path", str(tree), "--root", str(root)]
    assert main(["data", "prepare", *arguments, "--workers", "1", "--up", "z", "--name", "mine"]) == 0
    output = capsys.readouterr()
    assert json.loads(output.out) == {"asked": 2, "found": 1, "failed": 1}
    assert "more is a linked folder" in output.err and "chair-empty failed: chair/empty.ply" in output.err
    origin = json.loads((root / "mine" / "origin.json").read_text())
    assert origin["up"] == "z" and origin["files"]["chair-a"]["path"] == "chair/a.obj" and "ignored" in origin["units"]
    assert main(["data", "list", *arguments]) == 0
    assert json.loads(capsys.readouterr().out) == {"chair": 2}
    for words in (["folder", "--root", str(root)], ["procedural", "--path", str(tree)]):  # none is silently ignored
        with pytest.raises(SystemExit, match="2"):
            main(["data", "prepare", *words])
        assert "--path" in capsys.readouterr().err
