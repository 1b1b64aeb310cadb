"""From a catalogue to training and evaluation data: clouds, occupancy samples and pictures in the OccNet layout."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from argus3d.data.catalogue import Archived, Catalogue, Item
from argus3d.data.files import read_json_object, update_json, write_json
from argus3d.data.portions import (
    MAX_FAILED,
    Portion,
    Record,
    attempt,
    collect,
    counted,
    fill_folders,
    fill_pack,
    portions_of,
)
from argus3d.data.shape_files import (
    CLOUD,
    PICTURE,
    RENDER,
    PrepareConfig,
    ShapeFiles,
    files_of_sampled,
    files_of_solid,
)
from argus3d.data.stores import PACKS, Folder, read_arrays, records_file
from argus3d.engine import Engine, local
from argus3d.errors import UserError


def prepare(
    catalogue: Catalogue | Archived,
    root: Path,
    config: PrepareConfig | None = None,
    engine: Engine | None = None,
    packed: bool = False,
    max_failed: float = MAX_FAILED,
) -> dict[str, Any]:
    """Prepare every item of `catalogue` under `root/<name>/` and write the manifest last.

    Finished items of an interrupted run are kept. An item that fails is listed in the manifest with its reason and
    stops nothing, until more than `max_failed` of all items did.

    engine : where the work is done, by default on all cores here; no byte depends on it
    packed : uncompressed .zip files of many shapes, in place of `<category>/<id>/` folders

    Returns the manifest. Raises: UserError when the folder holds other settings, or too many items failed.
    """
    config = config or PrepareConfig()
    folder = root / catalogue.name
    items = catalogue.items()
    _check_unique(items, catalogue.name)
    _check_settings(folder, asdict(config) | {"packed": packed})
    portions = portions_of(catalogue, items, packed)
    start = partial(_start, catalogue, folder, config, packed)
    results = (engine or local()).map(start, portions)
    records = collect(portions, results, max_failed, f"prepare {catalogue.name}")
    manifest = _manifest(catalogue.name, config, records) | (_packs(folder, portions) if packed else {})
    update_json(folder / "manifest.json", manifest)
    return manifest


def _check_unique(items: Sequence[Item], name: str) -> None:
    twice = [item_id for item_id, uses in Counter(item.id for item in items).items() if uses > 1]
    if twice:
        raise UserError(f"{name} has {len(twice)} ids more than once, first {twice[0]}; every shape needs its own.")


def _check_settings(folder: Path, settings: dict[str, Any]) -> None:
    path = folder / "settings.json"
    wanted = json.loads(json.dumps(settings))
    way_out = f"remove {folder} or name another root"
    if path.exists() and read_json_object(path, way_out) != wanted:
        raise UserError(f"{folder} was prepared with other settings (see {path}); {way_out}.")
    write_json(path, wanted)


def _start(
    catalogue: Catalogue | Archived, folder: Path, config: PrepareConfig, packed: bool
) -> Callable[[Portion], list[Record]]:
    """What a worker does with a portion."""
    made = partial(_made, catalogue, config)
    if packed:
        return partial(fill_pack, made, folder)
    return partial(fill_folders, made, folder, whole=partial(_is_whole, config.pictures))


def _is_whole(pictures: bool, folder: Path, record: Record) -> bool:
    """Whether the files of a shape are there; a cloud without normals has no pictures."""
    if not all((folder / name).is_file() for name in record.get("sha256") or ()):
        return False
    if not pictures or all((folder / name).is_file() for name in (RENDER, PICTURE)):
        return True
    return read_arrays(Folder(folder), CLOUD, "normals")[0] is None


def _made(
    catalogue: Catalogue | Archived, config: PrepareConfig, items: Sequence[Item]
) -> Iterator[tuple[Item, ShapeFiles | str]]:
    """The files of each item, or why there are none."""
    if not items:
        return
    if isinstance(catalogue, Archived):
        by_id = {item.id: item for item in items}
        for item_id, sampled in catalogue.samples([item.id for item in items]):
            item = by_id[item_id]
            if isinstance(sampled, UserError):
                yield item, str(sampled)
            else:
                yield item, attempt(item, partial(files_of_sampled, item, sampled, config))
    else:
        for item in items:
            yield item, attempt(item, partial(_files_of_mesh, catalogue, config, item))


def _files_of_mesh(catalogue: Catalogue, config: PrepareConfig, item: Item) -> ShapeFiles:
    picture = catalogue.picture(item.id) if config.pictures else None
    return files_of_solid(item, catalogue.shape(item.id), config, picture)


def _manifest(name: str, config: PrepareConfig, records: Sequence[Record]) -> dict[str, Any]:
    shapes = [record for record in records if "failed" not in record]
    return {"schema": 1, "source": name, "settings": asdict(config), "shapes": shapes} | counted(records)


def _packs(folder: Path, portions: Sequence[Portion]) -> dict[str, Any]:
    """Of packs the manifest names the lists of records only, which hold the sums of all arrays."""
    packs = [folder / PACKS / f"{portion.name}.zip" for portion in portions]
    lists = {pack.name: records_file(pack) for pack in packs}
    sums = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in lists.items() if path.is_file()}
    return {"packs": sums, "shapes": []}
