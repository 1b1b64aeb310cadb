"""What is in a folder: is each file whole, is what a manifest names there, and is it what another folder holds."""

import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import trimesh
from PIL import Image
from safetensors import safe_open

from argus3d.checkpoint.store import About, verify
from argus3d.errors import UserError
from eval.distances.tiles import STORED

PARTIAL = re.compile(r"\..+\.part(\.[^.]+)?")
KEPT = "kept"  # folder of distances that runs add to
TIMES = ("seconds", "steps_per_second")  # all that may differ between equal runs


def is_partial(path: Path) -> bool:
    """Whether a file's name says that it is not whole."""
    return PARTIAL.fullmatch(path.name) is not None


def files(folder: Path) -> dict[str, Path]:
    """All files below a folder by their relative names."""
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def broken(folder: Path) -> list[str]:
    """Files that a reader would take for whole and that are not, and what manifests name that is not there."""
    found = []
    for name, path in files(folder).items():
        if is_partial(path):
            continue
        try:
            READERS[path.suffix](path)
        except Exception as error:  # each of the readers fails in its own way, and any failure is the finding
            found.append(f"{name}: {type(error).__name__}: {error}")
    for path in folder.rglob("manifest.json"):
        found += [f"{path.relative_to(folder)} names {one}" for one in _missing(path)]
    return found


def _agree_on_tiles(distances: dict[bytes, bytes], others: dict[bytes, bytes]) -> bool:
    """The same of lists of pairs, whose order is that in which workers ended."""
    known = distances.keys() & others.keys()
    return bool(known) and all(distances[pair] == others[pair] for pair in known)


def _tiles(path: Path) -> dict[bytes, bytes]:
    """Bits of distances by those of their pairs."""
    content, size = path.read_bytes(), STORED.itemsize
    whole = (content[start : start + size] for start in range(0, len(content) // size * size, size))
    return {one[:16]: one[16:] for one in whole}


def leftovers(folder: Path) -> list[str]:
    """Scratch files."""
    return [name for name in files(folder) if is_partial(Path(name))]


def differences(folder: Path, other: Path) -> list[str]:
    """Names of files that only one of two folders has, or that differ in more than what a clock says."""
    mine, theirs = files(folder), files(other)
    alike = {name for name in mine.keys() & theirs.keys() if _alike(mine[name], theirs[name])}
    return sorted((mine.keys() | theirs.keys()) - alike)


def _alike(path: Path, other: Path) -> bool:
    if path.parent.name == KEPT and path.suffix == ".npy":
        return _agree(np.load(path, allow_pickle=False), np.load(other, allow_pickle=False))
    if path.suffix == ".tiles":
        return _agree_on_tiles(_tiles(path), _tiles(other))
    return _timeless(path) == _timeless(other)


def _agree(distances: Any, others: Any) -> bool:
    """Whether two matrices are of the same size and of the same bits wherever both know a distance.

    Which ones a run needs, and adds to those that were kept, depends on what was known when it began.
    """
    if distances.shape != others.shape:
        return False
    known = ~(np.isnan(distances) | np.isnan(others))
    return bool(known.any() and np.array_equal(distances[known], others[known]))


def _read_npz(path: Path) -> None:
    with np.load(path, allow_pickle=False) as stored:
        for name in stored:
            stored[name]


def _read_zip(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None, "a member is damaged"


def _read_png(path: Path) -> None:
    with Image.open(path) as image:
        image.load()


def _read_lines(path: Path) -> None:
    for line in path.read_text().splitlines():
        json.loads(line)


def _read_tensors(path: Path) -> None:
    with safe_open(path, framework="pt") as stored:
        for name in stored.keys():  # noqa: SIM118 - it is no dict
            stored.get_tensor(name)


def _read_tiles(path: Path) -> None:
    """Whatever is behind the last whole distance is dropped by its reader."""
    assert path.stat().st_size >= 0


def _ends_with(end: bytes) -> Callable[[Path], None]:
    def read(path: Path) -> None:
        assert path.read_bytes().rstrip().endswith(end), "it ends early"

    return read


READERS: dict[str, Callable[[Path], Any]] = {
    ".json": lambda path: json.loads(path.read_text()),
    ".jsonl": _read_lines,
    ".npz": _read_npz,
    ".npy": lambda path: np.load(path, allow_pickle=False),
    ".ply": lambda path: trimesh.load_mesh(path),
    ".png": _read_png,
    ".zip": _read_zip,
    ".pt": lambda path: torch.load(path, weights_only=True),
    ".safetensors": _read_tensors,
    ".tiles": _read_tiles,
    ".html": _ends_with(b"</html>"),
    ".tex": _ends_with(b"}"),
    ".md": lambda path: path.read_text()[0],
    ".csv": _ends_with(b""),
}


def _missing(manifest: Path) -> Iterator[str]:
    """What a manifest names and is not there, or is other than it says."""
    content, folder = json.loads(manifest.read_text()), manifest.parent
    for shape in content.get("shapes", ()):
        place = folder / shape["category"] / shape["id"]
        if not (place / "record.json").is_file():
            yield f"{shape['id']}, which has no record"
        yield from _other_arrays(shape, lambda name, place=place: (place / name).read_bytes())  # type: ignore[misc]
    for name, sha256 in content.get("packs", {}).items():
        yield from _missing_of_pack(folder / "packs" / name, sha256)
    for sample in content.get("samples", ()):
        named = [f"tokens/{sample['id']}.npy", f"records/{sample['id']}.json"]
        named += [sample["file"], f"pictures/{sample['id']}.png"] if sample["file"] else []
        yield from (name for name in named if not (folder / name).is_file())


def _missing_of_pack(pack: Path, sha256: str) -> Iterator[str]:
    records = pack.with_suffix(".jsonl")
    if hashlib.sha256(records.read_bytes()).hexdigest() != sha256:
        yield f"{records.name}, which is another"
    with zipfile.ZipFile(pack) as archive:
        for line in records.read_text().splitlines():
            record = json.loads(line)
            if "failed" in record:
                continue
            prefix = f"{record['category']}/{record['id']}/"
            yield from _other_arrays(record, lambda name, prefix=prefix: archive.read(prefix + name))  # type: ignore[misc]


def _other_arrays(record: dict[str, Any], read: Callable[[str], bytes]) -> Iterator[str]:
    for name, sha256 in record["sha256"].items():
        try:
            if hashlib.sha256(read(name)).hexdigest() != sha256:
                yield f"{name} of {record['id']}, which is another"
        except (OSError, KeyError) as error:
            yield f"{name} of {record['id']}, which cannot be read ({error})"


def broken_checkpoint(folder: Path) -> list[str]:
    """What is wrong with a checkpoint that says it is one."""
    if not (folder / "argus.json").is_file():
        return []
    try:
        verify(folder, About.read(folder).files)
    except UserError as error:
        return [str(error)]
    return []


def _timeless(path: Path) -> bytes:
    if path.suffix == ".pt":
        return _flat(_without_times(torch.load(path, weights_only=True)))
    if path.name.endswith(".run.json") or path.name == "argus.json":
        return json.dumps(_without_times(json.loads(path.read_text())), sort_keys=True).encode()
    if path.name == "log.jsonl":
        return json.dumps([_without_times(json.loads(line)) for line in path.read_text().splitlines()]).encode()
    return path.read_bytes()


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(entry) for key, entry in value.items() if key not in TIMES}
    return value


def _flat(value: Any) -> bytes:
    """Every number of a nested state; what torch writes names the file that it was written to."""
    if isinstance(value, torch.Tensor):
        plain = value.clone(memory_format=torch.contiguous_format).reshape(-1)
        return repr((value.dtype, value.shape)).encode() + plain.numpy().tobytes()
    if isinstance(value, dict):
        return b"{" + b",".join(repr(key).encode() + b":" + _flat(entry) for key, entry in value.items()) + b"}"
    if isinstance(value, list | tuple):
        return b"[" + b",".join(map(_flat, value)) + b"]"
    return repr(value).encode()
