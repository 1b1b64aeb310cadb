"""The fuzzer finds what it is for, its readers read valid files, and what it found stays refused."""

import json
import os
import random
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from argus3d.data.arrays import read_npy, read_npz
from argus3d.data.files import read_zip_member
from argus3d.data.formats import images
from argus3d.data.formats.debian import unpack_members
from argus3d.data.formats.kicad import caption_of
from argus3d.data.formats.mesh_files import read_mesh_file
from argus3d.data.formats.meshes import checked_mesh
from argus3d.errors import UserError
from benchmarks.fuzzing import arrays, bombs, child, shapes, texts
from benchmarks.fuzzing.__main__ import READERS, _report
from benchmarks.fuzzing.campaign import Campaign
from benchmarks.fuzzing.child import Limits
from benchmarks.fuzzing.containers import plain
from benchmarks.fuzzing.mutate import mutated
from benchmarks.fuzzing.reader import Reader
from benchmarks.fuzzing.watch import outside
from tests.argus3d.archives import ar, tar, write_deb

BY_NAME = {reader.name: reader for reader in READERS}
MESHES = [reader for reader in READERS if reader.read is read_mesh_file]
QUICK = [reader for reader in READERS if reader.name not in ("point network", "autoencoder.safetensors")]


def target_of(reader: Reader, folder: Path) -> Path:
    """The path of the fuzzed file, with all that lies around it."""
    target = folder / "target"
    (target / reader.file).parent.mkdir(parents=True)
    reader.around(target)
    outside(target).mkdir(exist_ok=True)
    return target / reader.file


def outcome(reader: Reader, path: Path, content: bytes) -> child.Outcome:
    path.write_bytes(content)
    try:
        reader.read(path)
    except Exception as error:
        return child._judged(error, reader.names)
    return child.Outcome(child.VALUE)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_valid_files_are_read(reader: Reader, tmp_path: Path) -> None:
    path = target_of(reader, tmp_path)
    seeds = list(reader.seeds())
    assert seeds
    for seed in seeds:
        path.write_bytes(seed)
        reader.read(path)


@pytest.mark.parametrize("reader", QUICK, ids=lambda reader: reader.name)
def test_broken_files_are_read_or_refused(reader: Reader, tmp_path: Path) -> None:
    path, corpus = target_of(reader, tmp_path), list(reader.seeds())
    for number in range(20):
        rng = random.Random(f"test {number}")
        content = mutated(rng, rng.choice(corpus), corpus, reader.own)
        found = outcome(reader, path, content)
        assert not found.bad, (found, content[:300])


@pytest.mark.parametrize("name", [reader.name for reader in MESHES if reader.hostile is not tuple])
def test_files_made_to_harm_take_little_time_and_memory(name: str, tmp_path: Path) -> None:
    campaign = Campaign(BY_NAME[name], tmp_path, Limits())
    campaign.run(len(campaign._verbatim))
    assert not campaign.state.findings


# What the fuzzer found, or what shows the same in fewer bytes.
FOUND = {
    "a manifest that is a list of numbers": ("manifest of samples", b'{"samples": [1, 2]}'),
    "a manifest nested deep": ("manifest of samples", b"[" * 100_000),
    "a manifest that is no text": ("manifest of samples", b'\xff\xfe{"samples": []}'),
    "a sample above its folder": ("manifest of samples", b'{"samples": [{"id": "a", "file": "../outside/a.ply"}]}'),
    "a sample at a path of its own": ("manifest of samples", b'{"samples": [{"id": "a", "file": "/x/a.ply"}]}'),
    "tokens above their folder": ("manifest for tokens", b'{"samples": [{"id": "../../outside/x"}]}'),
    "samples that are a number": ("manifest for tokens", b'{"samples": 1}'),
    "no samples": ("manifest for tokens", b'{"samples": []}'),
    "tokens of real numbers": ("tokens", arrays.npy(np.zeros(4))),
    "tokens in a matrix": ("tokens", arrays.npy(np.zeros((2, 2), int))),
    "tokens cut off": ("tokens", arrays.npy(np.arange(4))[:-8]),
    "a shape above its source": ("manifest of prepared data", b'{"shapes": [{"id": "..", "category": ".."}]}'),
    "a shape without an id": ("manifest of prepared data", b'{"shapes": [{"category": "chair"}]}'),
    "shapes that are a number": ("manifest of prepared data", b'{"shapes": 3}'),
    "a pack above its source": ("manifest of prepared data", b'{"shapes": [], "packs": ["../x.zip"]}'),
    "a record that is a number": ("records of a pack", b"3\n"),
    "a record cut off": ("records of a pack", b'{"id": \n'),
    "a split of surrogates": ("split", b'{"parts": {"a": {"ids": ["\\ud800"], "sha256": ""}}}'),
    "a split nested deep": ("split", b"[" * 100_000),
    "a protocol of another type": ("protocol", b'{"name": "x", "confidence": "a"}'),
    "a protocol with a list for a choice": ("protocol", b'{"name": "x", "emd": []}'),
    "a protocol nested deep": ("protocol", b"[" * 100_000),
    "a protocol that is no text": ("protocol", b"\xff"),
    "a result that is a list": ("result", b"[]"),
    "a result with a list for counts": ("result", json.dumps(texts.result_json() | {"counts": []}).encode()),
    "a result of infinite counts": ("result", b'{"schema": 1, "counts": 1e999}'),
    "a log nested deep": ("training log", b"[" * 100_000),
    "settings cut off": ("settings.json", b'{"seed"'),
    "a record of settings that is a list": ("record.json", b"[]"),
    "powers of two": ("sizes", texts.CONFIG.to_json().replace('"down_steps": 1', '"down_steps": 99999999999').encode()),
    "a model of endless layers": (
        "sizes",
        texts.CONFIG.to_json().replace('"layers": 2', '"layers": 1000000000').encode(),
    ),
    "no heads": ("sizes", texts.CONFIG.to_json().replace('"heads": 2', '"heads": 0').encode()),
    "a word for a size": ("sizes", texts.CONFIG.to_json().replace('"width": 16', '"width": "16"').encode()),
    "an array of objects": ("clouds .npy", arrays.pickled_array()),
    "an array that claims 1.6 GB": ("clouds .npy", arrays.npy_head(arrays.HUGE)),
    "an array that claims more than there is": ("clouds .npy", arrays.npy_head((1 << 62, 1 << 62, 3))),
    "a header cut off": ("part .npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f4',"),
    "words for clouds": ("clouds .npy", arrays.npy(np.full((2, 40, 3), "a"))),
    "a claim within an archive": ("clouds .npz", arrays._archive({"clouds.npy": arrays.npy_head(arrays.HUGE)})),
    "objects within an archive": ("prepared .npz", arrays._archive({"points.npy": arrays.pickled_array()})),
    "a part of objects": ("part .npz", arrays._archive({"points.npy": arrays.pickled_array()})),
    "one number for a gigabyte": ("clouds .pt", arrays._pt_bombs()[2]),
    "a program for clouds": ("clouds .pt", arrays._pt_bombs()[0]),
    "a program for a checkpoint": ("released .pt", arrays._pt_bombs()[1]),
    "a pickle for a checkpoint": ("released .pt", arrays._pt_bombs()[4]),
    "a program for a training": ("last.pt", arrays._pt_bombs()[1]),
    "a training that is a tensor": ("last.pt", arrays._pt_bombs()[2]),
    "a cloud without properties": (
        "cloud .ply",
        b"ply\nformat binary_little_endian 1.0\nelement vertex 300\nend_header\n" + bytes(3600),
    ),
    "points of two coordinates": ("obj", b"v 0 0\nv 1 0\nv 0 1\n" * 3 + b"f 1 2 3\n"),
    "100,000 materials": ("obj", bombs.many_materials()),
    "nodes that double": ("wrl", bombs.deep_scenes()[0]),
    "nodes nested by USE": ("wrl", bombs.deep_scenes()[1]),
    "an xz dictionary of 3 GiB": (
        "deb",
        ar({"debian-binary": b"2.0\n", "data.tar.xz": bombs.wide_xz(tar({"a.sh3f": b"a"}, ""))}),
    ),
    "hashes that are a number": (
        "manifest of prepared data",
        b'{"shapes": [{"id": "a", "category": "b", "sha256": 3}]}',
    ),
    "a sample named by half a letter": ("manifest of samples", b'{"samples": [{"id": "\\ud800"}]}'),
    "less than no dropout": ("sizes", texts.CONFIG.to_json().replace('"dropout": ', '"dropout": -1').encode()),
    "a path for a list of results": (
        "sweep",
        json.dumps(json.loads(texts._sweep()[1]) | {"rows": [{"label": "a", "results": "/etc/passwd"}]}).encode(),
    ),
    "a side of an array that is no number": (
        "tokens",
        arrays.npy(np.arange(4)).replace(b"'shape': (4,), }    ", b"'shape': (False,), }"),
    ),
    "a result that is nowhere": (
        "sweep",
        json.dumps(json.loads(texts._sweep()[1]) | {"rows": [{"label": "a", "results": ["/x/y"]}]}).encode(),
    ),
    "a result of too long a name": (
        "sweep",
        json.dumps(json.loads(texts._sweep()[1]) | {"rows": [{"label": "a", "results": ["x" * 5000]}]}).encode(),
    ),
    "a header of 4 GB": ("clouds .npy", arrays.wide_header()),
    "an LZMA dictionary within an archive": ("part .npz", arrays.lzma_zip("points.npy", arrays.npy(arrays.PART))),
    "a tensor larger than its storage": ("clouds .pt", bombs.torch_archive(bombs.PICKLES["grown"]())),
    "a storage of 8 GB": ("released .pt", bombs.legacy_file(bombs.PICKLES["far"]())),
    "a text of 4 GB": ("released .pt", bombs.legacy_file(bombs.PICKLES["text"]())),
    "a name that a pattern takes hours for": ("last.pt", bombs.torch_archive(bombs.PICKLES["named"]())),
    "a key of keys": ("last.pt", bombs.torch_archive(bombs.PICKLES["doubled"]())),
    "a key so deep that hashing it kills Python": ("clouds .pt", bombs.torch_archive(bombs.PICKLES["deep"]())),
    "a training without a model": ("last.pt", arrays.saved({"done": 1, "state": {"optimiser": {}}})),
    "a member of 8 EB": ("deb", ar({"debian-binary": b"2.0\n", "data.tar": bombs.endless_member()})),
    "5,000 names for one file": ("deb", ar({"debian-binary": b"2.0\n", "data.tar": bombs.endless_names()})),
}


def test_points_of_two_coordinates_are_not_read_as_others() -> None:
    with pytest.raises(UserError, match=r"vertices of shape \(9, 2\)"):
        checked_mesh(np.zeros((9, 2)), [[0, 1, 2]], "x")


@pytest.mark.parametrize(("name", "content"), FOUND.values(), ids=FOUND.keys())
def test_what_was_found_is_refused_by_name(name: str, content: bytes, tmp_path: Path) -> None:
    reader = BY_NAME[name]
    found = outcome(reader, target_of(reader, tmp_path), content)
    assert found.kind == child.REFUSED, found


# --- what fills memory, disks or time ---------------------------------------------------------------------------------


def test_an_archive_that_unpacks_to_far_more_than_it_is_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(arrays.zip_bomb("points.npy", arrays.npy_head((1 << 23, 3, 4)), 300 << 20))
    with pytest.raises(ValueError, match="would unpack to 301"):
        read_npz(path)
    with pytest.raises(ValueError, match=r"points\.npy would unpack to 301"):
        read_zip_member(path, "points.npy")


def test_arrays_come_back_as_numpy_wrote_them(tmp_path: Path) -> None:
    every = {
        "c": np.arange(6.0).reshape(2, 3),
        "f": np.asfortranarray(np.ones((2, 3), np.float16)),
        "s": np.array("ab"),
    }
    np.savez_compressed(tmp_path / "x.npz", **every)
    found = read_npz(tmp_path / "x.npz", ("c", "f", "s", "absent"))
    assert found.keys() == every.keys()
    for key, array in every.items():
        assert found[key].dtype == array.dtype and np.array_equal(found[key], array)
        np.save(tmp_path / "x.npy", array)
        assert np.array_equal(read_npy(tmp_path / "x.npy"), array)


def test_a_package_cannot_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("argus3d.data.formats.debian.MAX_UNPACKED", 1 << 16)
    for compression, name in (("xz", "data.tar.xz"), ("gz", "data.tar.gz")):
        write_deb(tmp_path / "x.deb", tar({"./z.sh3f": bytes(4 << 20)}, compression), name)
        with pytest.raises(UserError, match=r"x\.deb.*unpacks to far more than it is"):
            unpack_members(tmp_path / "x.deb", tmp_path / "out", "*.sh3f")
    assert not list((tmp_path / "out").glob("*"))


def test_holes_of_sparse_files_are_not_unpacked(tmp_path: Path) -> None:
    header = bytearray(tar({"./z.sh3f": b""}, "")[:512])
    header[156:157], header[257:265] = b"S", b"ustar  \0"
    header[386:410] = b"%011o\0%011o\0" % (0, 0)
    header[483:495] = b"%011o\0" % (200 << 20)  # bytes of the file, none of which are there
    whole = bombs.summed(bytes(header)) + bytes(1024)
    (tmp_path / "x.deb").write_bytes(ar({"debian-binary": b"2.0\n", plain(b"")[0]: whole}))
    with pytest.raises(UserError, match="unsafe member"):
        unpack_members(tmp_path / "x.deb", tmp_path / "out", "*.sh3f")


def test_packages_in_several_streams_are_whole(tmp_path: Path) -> None:
    import lzma

    content = tar({"./a.sh3f": b"one" * 5000, "./b.sh3f": b"two"}, "")
    streams = lzma.compress(content[:3000]) + lzma.compress(content[3000:])
    write_deb(tmp_path / "x.deb", streams)
    assert [path.stat().st_size for path in unpack_members(tmp_path / "x.deb", tmp_path / "out", "*")] == [15000, 3]


def test_patterns_do_not_take_the_square_of_a_long_description() -> None:
    assert caption_of("Resistor (" + ".pdf" * 1_000_000)
    assert caption_of("Resistor, 1206 (see http://x.y/z.pdf)") == "Resistor, 1206"


def test_pictures_are_the_same_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    every = [images.image_from_bytes(content, "x") for content in shapes._images()]
    monkeypatch.setattr(images, "_AT_ONCE", 10)
    for content, whole in zip(shapes._images(), every, strict=True):
        assert np.array_equal(images.image_from_bytes(content, "x"), whole)


# --- the fuzzer itself ------------------------------------------------------------------------------------------------

SMALL = Limits(seconds=0.3, memory=128 << 20)


def _index(path: Path) -> object:
    return [][0]


def _unnamed(path: Path) -> object:
    raise ValueError("no name")


def _endless(path: Path) -> object:
    while True:
        pass


def _large(path: Path) -> object:
    try:
        return np.ones(1 << 28)
    except MemoryError as error:
        raise ValueError(f"{path} is large") from error


def _dead(path: Path) -> object:
    os._exit(3)


def _elsewhere(path: Path) -> object:
    return (outside(path.parent) / "x").write_text("x")


def _programs(path: Path) -> object:
    return os.system("true")


@pytest.mark.parametrize(
    ("read", "kind"),
    [
        (_index, "exception"), (_unnamed, "unnamed"), (_endless, "hang"), (_large, "memory"), (_dead, "death"),
        (_elsewhere, "outside"), (_programs, "outside"),
    ],
)  # fmt: skip
def test_misbehaviour_is_found_with_its_input(read: Callable[[Path], object], kind: str, tmp_path: Path) -> None:
    bad = Reader("bad", "x.bin", lambda path: read(path) if b"bad" in path.read_bytes() else None, lambda: [b"good"])
    reader = replace(bad, hostile=lambda: [b"one", b"a bad one", b"three"])
    campaign = Campaign(reader, tmp_path, SMALL)
    campaign.run(4)
    (found,) = campaign.state.findings.values()
    assert (found.kind, found.number, found.content) == (kind, 2, b"a bad one")
    assert campaign.state.values == 3
    campaign.minimise()
    wanted = b"a bad one" if kind in ("hang", "death") else b"bad"
    assert next(iter(campaign.state.findings.values())).content == wanted


def test_readers_begun_anew_replace_what_was_said_of_them_but_for_what_was_mended(tmp_path: Path) -> None:
    Campaign(BY_NAME["split"], tmp_path, Limits()).run(500)
    mended = [{"kind": "hang", "error": "", "where": "", "count": 1}]
    before = {"split": {"inputs": 7, "mended": mended}, "lvis": {"inputs": 9, "findings": []}}
    report = _report(tmp_path, Limits(), before)
    assert list(report["readers"]) == ["split", "lvis"] and report["readers"]["lvis"] == before["lvis"]
    assert report["readers"]["split"]["inputs"] == 500 and report["readers"]["split"]["mended"] == mended
    assert report["inputs"] == 509


def test_a_campaign_goes_on_where_it_stopped(tmp_path: Path) -> None:
    reader = BY_NAME["split"]
    halves, whole = Campaign(reader, tmp_path / "a", Limits()), Campaign(reader, tmp_path / "b", Limits())
    halves.run(500)
    again = Campaign(reader, tmp_path / "a", Limits())
    again.run(600)
    whole.run(600)
    assert again.state.corpus == whole.state.corpus
    assert len(whole.state.corpus) > 1
    assert (again.state.values, again.state.refused) == (whole.state.values, whole.state.refused)


def test_a_png_of_little_stands_for_many_pixels() -> None:
    content = bombs.png_bomb(600, 8, 6)
    assert len(content) < 5000
    assert images.image_from_bytes(content, "x").shape == (600, 600, 3)
    assert struct.unpack(">I", content[16:20]) == (600,)
    with pytest.raises(UserError, match="more than"):
        images.image_from_bytes(bombs.png_bomb(12_000, 1, 0), "x")


def test_every_reader_has_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(READERS)
