"""What is known of Objaverse's objects: lists, tables and licences, whole and damaged."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from argus3d.data import annotations
from argus3d.data.annotations import (
    Annotation,
    allowed,
    class_slugs,
    find,
    licence_list,
    read_captions,
    read_lvis,
    read_metadata,
    read_object_paths,
)
from argus3d.errors import UserError
from tests.argus3d.mix_files import metadata, uid, write_json_gz


def test_files_are_found_beside_the_data_or_in_the_cache_of_objaverse(tmp_path: Path) -> None:
    assert find(tmp_path, "a.csv", "b.csv") is None
    cached = write_json_gz(tmp_path / "hf-objaverse-v1" / "metadata" / "000-001.json.gz", {})
    assert find(tmp_path, "metadata/000-001.json.gz") == cached
    ours = write_json_gz(tmp_path / "metadata" / "000-001.json.gz", {})
    assert find(tmp_path, "metadata/000-001.json.gz") == ours
    (tmp_path / "b.csv").touch()
    assert find(tmp_path, "a.csv", "b.csv") == tmp_path / "b.csv"


def test_classes_get_plain_names(tmp_path: Path) -> None:
    lvis = {"Christmas_tree": [uid(1)], "bow_(weapon)": [uid(2), uid(3)], "first-aid_kit": [uid(3)], "empty": []}
    path = write_json_gz(tmp_path / "lvis.json.gz", lvis)
    assert read_lvis(path) == lvis
    classes, several = class_slugs(lvis)
    assert classes == {uid(1): "christmas_tree", uid(2): "bow_weapon", uid(3): "bow_weapon"}
    assert several == [uid(3)]


def test_two_classes_of_one_name_are_refused() -> None:
    with pytest.raises(UserError, match=r"'bow \(tie\)' and 'bow_tie' are both 'bow_tie'"):
        class_slugs({"bow_tie": [], "bow (tie)": []})
    with pytest.raises(UserError, match="rename one"):
        class_slugs({"(": []})


@pytest.mark.parametrize("value", [["a"], {"chair": "x"}, {"chair": ["not a uid"]}, {"chair": [1]}, {"chair": None}])
def test_a_list_of_other_things_is_no_class_list(tmp_path: Path, value: Any) -> None:
    path = write_json_gz(tmp_path / "lvis.json.gz", value)
    with pytest.raises(UserError, match=r"lvis\.json\.gz.*fetch (it|the file) again"):
        read_lvis(path)


def test_every_cut_and_other_content_is_a_sentence(tmp_path: Path) -> None:
    path = write_json_gz(tmp_path / "lvis.json.gz", {"chair": [uid(number) for number in range(40)]})
    content = path.read_bytes()
    for length in range(0, len(content), 53):
        path.write_bytes(content[:length])
        with pytest.raises(UserError, match=r"lvis\.json\.gz cannot be read"):
            read_lvis(path)
    for bad in (b"plain", gzip.compress(b"{"), gzip.compress(b"\xff\xfe"), gzip.compress(b"[" * 100_000)):
        path.write_bytes(bad)
        with pytest.raises(UserError, match=r"lvis\.json\.gz cannot be read"):
            read_lvis(path)


def test_a_file_that_unpacks_without_end_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_json_gz(tmp_path / "lvis.json.gz", {"chair": [uid(0)]})
    monkeypatch.setattr(annotations, "MAX_JSON", 20)
    with pytest.raises(UserError, match="unpacks to more than 20 bytes"):
        read_lvis(path)


def test_object_paths_give_the_chunk(tmp_path: Path) -> None:
    paths = {uid(number): f"glbs/000-{number:03d}/{uid(number)}.glb" for number in range(3)}
    path = write_json_gz(tmp_path / "object-paths.json.gz", paths)
    assert read_object_paths(path) == {uid(number): f"000-{number:03d}" for number in range(3)}
    for bad in (f"glbs/000-000/{uid(1)}.glb", "x", None, f"../000-000/{uid(0)}.glb"):
        write_json_gz(path, {uid(0): bad})
        with pytest.raises(UserError, match=rf"'{uid(0)}' is not at glbs/CHUNK/{uid(0)}\.glb but at"):
            read_object_paths(path)


def test_metadata_give_name_licence_and_creator(tmp_path: Path) -> None:
    bare = metadata(2) | {"user": {"username": "two"}, "name": "  Old \n chair "}
    entries = {uid(1): metadata(1, "BY-SA"), uid(2): bare, uid(3): {"license": None, "user": "three"}, uid(4): {}}
    path = write_json_gz(tmp_path / "000-000.json.gz", entries)
    assert read_metadata(path) == {
        uid(1): Annotation("Thing 1", "by-sa", "User 1"),
        uid(2): Annotation("Old chair", "by", "two"),
        uid(3): Annotation("", "", "three"),
        uid(4): Annotation("", "", ""),
    }
    write_json_gz(path, {uid(1): "by"})
    with pytest.raises(UserError, match="is no record"):
        read_metadata(path)


def test_captions_may_hold_commas_quotes_and_line_breaks(tmp_path: Path) -> None:
    path = tmp_path / "cap3d.csv"
    path.write_text(
        f'{uid(1)},"a chair, ""red"", old"\n{uid(2)},a table \n{"f" * 64},of Objaverse-XL\n{uid(3)},"two\nlines"\n'
        f"{uid(1)},again\n\n{uid(4)},not, quoted\n"
    )
    captions, bad = read_captions(path, {uid(number) for number in (1, 3, 4)})
    assert captions == {uid(1): 'a chair, "red", old', uid(3): "two\nlines"}
    assert bad == [7, 8]


@pytest.mark.parametrize(
    "content", [b'a,"never closed\nb,c\n', b"a,\xff\xfe\n", b'a,"closed"and more\n', b"a," + b"x" * 200_000]
)
def test_damaged_tables_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cap3d.csv"
    path.write_bytes(b"x,y\n" + content)
    with pytest.raises(UserError, match=r"cap3d\.csv is damaged after line \d"):
        read_captions(path, {"b"})


def test_licences_are_named_as_objaverse_names_them() -> None:
    assert licence_list("by, BY-SA,cc0") == ("by", "by-sa", "cc0")
    with pytest.raises(UserError, match="'mit' is no licence of Objaverse; it has by, by-sa"):
        licence_list("by,mit")
    with pytest.raises(UserError, match="'' is no licence"):
        licence_list("")


def test_without_a_wish_all_licences_are_kept() -> None:
    assert all(allowed(licence, None) for licence in ("by-nc", "", "odd"))
    assert [allowed(licence, ("by", "cc0")) for licence in ("by", "cc0", "by-nc", "")] == [True, True, False, False]
