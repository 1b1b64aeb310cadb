"""Readers of arrays and weights: .npy, .npz, .pt, .safetensors."""

import functools
import hashlib
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from safetensors.torch import save as safetensors_bytes

from argus3d.checkpoint import info, store
from argus3d.checkpoint.argus import empty_stages
from argus3d.checkpoint.torch_file import read_torch_file
from argus3d.complete import read_part
from argus3d.config import ArgusConfig
from argus3d.data import files
from argus3d.data.formats.occnet import read_sampled
from argus3d.data.stores import Folder, Packed, read_arrays
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.transformer import ShapeTransformer
from argus3d.train.state import trained
from benchmarks.fuzzing.bombs import pickle_bombs
from benchmarks.fuzzing.containers import inside_zip, safetensors_header
from benchmarks.fuzzing.mutate import BYTES, TEXT
from benchmarks.fuzzing.reader import Reader
from eval.clouds import load_clouds
from eval.features.network import load as load_network
from eval.sample_folder import read_parts
from tests.argus3d.mix_files import cloud, npz, queries
from tests.argus3d.released_files import stage_2
from tests.argus3d.sizes import CONFIG as OURS

ARRAYS = (*BYTES, *TEXT)
CLOUDS = np.random.default_rng(0).uniform(-0.4, 0.4, (2, 40, 3)).astype(np.float32)
PART = np.random.default_rng(1).uniform(-0.4, 0.4, (300, 3)).astype(np.float32)


def npy(array: Any) -> bytes:
    """The content of an .npy file."""
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def saved(value: Any, new: bool = True) -> bytes:
    """The content of a .pt file, of today's kind or of that before PyTorch 1.6."""
    out = io.BytesIO()
    torch.save(value, out, _use_new_zipfile_serialization=new)
    return out.getvalue()


class Runs:
    """Runs a program when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
        import os

        return os.system, ("true",)


def pickled_array() -> bytes:
    """An .npy of objects that run a program when they are unpickled."""
    out = io.BytesIO()
    np.save(out, np.array([Runs()], object), allow_pickle=True)
    return out.getvalue()


def zip_bomb(name: str, content: bytes, zeros: int = 3 << 29) -> bytes:
    """A .zip whose one member is `content` and then some zeros, deflated to a thousandth."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, archive.open(name, "w") as member:
        member.write(content)
        for _ in range(zeros >> 24):
            member.write(bytes(1 << 24))
    return out.getvalue()


def npy_head(shape: tuple[int, ...], dtype: str = "<f4") -> bytes:
    """The header of an .npy, whatever follows."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": dtype, "fortran_order": False, "shape": shape})
    return out.getvalue()


def wide_header() -> bytes:
    """An .npy whose header would be 4 GB."""
    return b"\x93NUMPY\x02\0" + b"\xf0" * 4 + b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 40, 3)}"


HUGE = (1 << 16, 2048, 3)  # 1.6 GB of float32


def _npz_bombs(name: str) -> Callable[[], list[bytes]]:
    member = f"{name}.npy"
    return lambda: [
        zip_bomb(member, npy_head(HUGE)),
        _archive({member: pickled_array()}),
        _archive({member: npy_head(HUGE)}),
        lzma_zip(member, npy(CLOUDS)),
    ]


def lzma_zip(name: str, content: bytes) -> bytes:
    """A .zip whose member is in LZMA with a dictionary of 3 GiB."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr(name, content)
    start = out.getvalue().index(b"\x05\0\x5d") + 3  # behind the size of the properties and the first of them
    return out.getvalue()[:start] + (3 << 30).to_bytes(4, "little") + out.getvalue()[start + 4 :]


def _npy_bombs() -> list[bytes]:
    return [
        pickled_array(),
        npy_head(HUGE),
        npy_head((1 << 62, 1 << 62, 3)),
        npy_head((-1, 40, 3)),
        wide_header(),
        pickle.dumps(Runs()),
    ]


def _archive(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def _pt_bombs() -> list[bytes]:
    wide = torch.zeros(1).expand(1 << 20, 2048, 3)
    values = [Runs(), {"model": Runs()}, wide, {"model": {"a": wide}}]
    return [
        *(_pickled_pt(value) for value in values[:2]),
        *(saved(value) for value in values[2:]),
        pickle.dumps(Runs()),
        *pickle_bombs(),
        lzma_zip("archive/data.pkl", pickle.dumps(Runs(), 2)),
    ]


def _pickled_pt(value: Any) -> bytes:
    whole = saved({"x": torch.zeros(1)})
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    key = next(name for name in members if name.endswith("data.pkl"))
    return _archive(members | {key: pickle.dumps(value, 2)})


def _released() -> list[bytes]:
    state = stage_2()
    few = {name: state[name] for name in list(state)[:3]}
    return [saved({"model": few, "it": 3, "loss_val_best": np.float64(0.5)}), saved({"model": few}, False)]


def _read_released(path: Path) -> object:
    return read_torch_file(path)


def _clouds(path: Path) -> object:
    return load_clouds(str(path), 32, 0)


def _part(path: Path) -> object:
    return read_part(path, 512, 0)


def _occupancy(path: Path) -> object:
    return read_sampled(path.read_bytes(), queries(), path.parent.name)


def _pack(path: Path) -> object:
    files._opened.cache_clear()
    place = Packed(path, "chair/a/")
    return place.names(), read_arrays(place, "cloud.npz", "points")


def _packs() -> list[bytes]:
    return [_archive({"chair/a/cloud.npz": npz(points=PART), "chair/a/record.json": b"{}"})]


def _network(path: Path) -> object:
    return load_network(path)


def _state(path: Path) -> object:
    return trained(path.parent)


def _states() -> list[bytes]:
    state = {"model": {"a": torch.zeros(3)}, "optimiser": {"b": [1, 2]}}
    return [saved({"done": 5, "seconds": 1.0, "best": None, "state": state})]


def _log(folder: Path) -> None:
    (folder / "log.jsonl").write_text('{"step": 5, "loss": 1.0}\n')


def _weights(stage: int) -> bytes:
    module = empty_stages(OURS)[stage].to_empty(device="cpu")
    return safetensors_bytes({name: torch.full_like(tensor, 0.5) for name, tensor in module.state_dict().items()})


def _checkpoint(folder: Path) -> None:
    (folder / "transformer.safetensors").write_bytes(_weights(1))


@functools.lru_cache(maxsize=32)
def stages(config: ArgusConfig) -> tuple[ShapeAutoencoder, ShapeTransformer]:
    """`empty_stages`, which takes 40 ms, kept: hardly a mutation is one of the configuration."""
    return empty_stages(config)


def _load_checkpoint(path: Path) -> object:
    """Read with an argus.json that speaks of these very bytes: what differs is found by the tensors alone."""
    facts = {}
    for file in sorted(path.parent.glob("*.safetensors")):
        content = file.read_bytes()
        facts[file.name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    store.About(OURS, ("a", "b", "c"), 0.5, 16, "float32", {}, {}).write(path.parent)
    about = json.loads((path.parent / "argus.json").read_text()) | {"files": facts}
    (path.parent / "argus.json").write_text(json.dumps(about))
    with patch.object(info, "empty_stages", stages), patch.object(store, "empty_stages", stages):
        return info.describe(path.parent), store.load(path.parent)


def _network_file() -> list[bytes]:
    from eval.features.network import WEIGHTS

    return [WEIGHTS.read_bytes()]


READERS = (
    Reader("clouds .npy", "x.npy", _clouds, lambda: [npy(CLOUDS), npy(CLOUDS.astype(">f8"))], TEXT, _npy_bombs),
    Reader(
        "clouds .npz",
        "x.npz",
        _clouds,
        lambda: [npz(clouds=CLOUDS, ids=["a", "b"])],
        (inside_zip(ARRAYS),) * 3,
        _npz_bombs("clouds"),
    ),
    Reader(
        "clouds .pt", "x.pt", _clouds, lambda: [saved(torch.from_numpy(CLOUDS))], (inside_zip(ARRAYS),) * 3, _pt_bombs
    ),
    Reader("part .npy", "x.npy", _part, lambda: [npy(PART)], TEXT, _npy_bombs),
    Reader("part .npz", "x.npz", _part, lambda: [npz(points=PART)], (inside_zip(ARRAYS),) * 3, _npz_bombs("points")),
    Reader(
        "pointcloud.npz",
        "a/pointcloud.npz",
        _occupancy,
        lambda: [cloud()],
        (inside_zip(ARRAYS),) * 3,
        _npz_bombs("points"),
    ),
    Reader(
        "prepared .npz",
        "a/cloud.npz",
        lambda path: read_arrays(Folder(path.parent), "cloud.npz", "points", "normals"),
        lambda: [npz(points=PART, normals=PART)],
        (inside_zip(ARRAYS),) * 3,
        _npz_bombs("points"),
    ),
    Reader("pack", "x.zip", _pack, _packs, (inside_zip((inside_zip(ARRAYS),)), inside_zip(ARRAYS)) * 2),
    Reader(
        "parts.npz",
        "parts.npz",
        lambda path: read_parts(path.parent, ["a"]),
        lambda: [npz(a=PART)],
        (inside_zip(ARRAYS),) * 3,
        _npz_bombs("a"),
    ),
    Reader("released .pt", "x.pt", _read_released, _released, (inside_zip(ARRAYS),) * 2, _pt_bombs),
    Reader("last.pt", "last.pt", _state, _states, (inside_zip(ARRAYS),) * 3, _pt_bombs, _log),
    Reader(
        "autoencoder.safetensors",
        "autoencoder.safetensors",
        _load_checkpoint,
        lambda: [_weights(0)],
        (safetensors_header,) * 3,
        around=_checkpoint,
    ),
    Reader("point network", "x.safetensors", _network, _network_file, (safetensors_header,) * 3),
)
