"""Pictures of prepared shapes from all around, for image conditions: drawn here, or the source's own."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from argus3d.data.catalogue import Archived, Catalogue, Item
from argus3d.data.files import write_json
from argus3d.data.prepare import MAX_FAILED, Portion, Record, attempt, collect, portions_of
from argus3d.data.prepared import PreparedData
from argus3d.data.stores import (
    PACKS,
    VIEWS,
    VIEWS_RECORD,
    pack_writer,
    read_record,
    read_records,
    records_file,
    views_pack,
    write_records,
    write_views,
)
from argus3d.data.views import view_files
from argus3d.engine import Engine, local
from argus3d.errors import UserError

Pictures = dict[str, bytes]


def prepare_views(
    catalogue: Catalogue | Archived, root: Path, engine: Engine | None = None, max_failed: float = MAX_FAILED
) -> dict[str, Any]:
    """Put `img/000.png ...` beside every prepared shape of a source, and counts into `<root>/<name>/views.json`.

    Shapes of meshes are drawn from 12 sides, with `img/cameras.npz`; sources that come sampled bring their own
    pictures. What an interrupted run finished is kept. Shapes in packs have their views in a second pack.

    Returns the list. Raises: UserError when the source has not been prepared, or too many shapes failed.
    """
    folder = root / catalogue.name
    shapes = PreparedData(root, [catalogue.name]).shapes
    packed = any("pack" in shape.record for shape in shapes.values())
    every = portions_of(catalogue, catalogue.items(), packed)
    there = [Portion(part.name, tuple(item for item in part.items if item.id in shapes)) for part in every]
    portions = [portion for portion in there if portion.items]
    results = (engine or local()).map(partial(_start, catalogue, folder, packed), portions)
    records = collect(portions, results, max_failed, f"views of {catalogue.name}")
    failed = [[record["id"], record["failed"]] for record in records if "failed" in record]
    counts = {"asked": len(records), "found": len(records) - len(failed), "failed": len(failed)}
    listed = {"schema": 1, "source": catalogue.name, "counts": counts, "failed": failed}
    write_json(folder / "views.json", listed)
    return listed


def _start(catalogue: Catalogue | Archived, folder: Path, packed: bool) -> Callable[[Portion], list[Record]]:
    return partial(_fill_pack if packed else _fill_folders, catalogue, folder)


def _fill_folders(catalogue: Catalogue | Archived, folder: Path, portion: Portion) -> list[Record]:
    targets = {item.id: folder / item.category / item.id for item in portion.items}
    finished = {item_id: read_record(target, VIEWS_RECORD) for item_id, target in targets.items()}
    records = [record for record in finished.values() if record]
    for item, pictures in _made(catalogue, [item for item in portion.items if not finished[item.id]]):
        records.append(_record(item, pictures))
        if not isinstance(pictures, str):
            write_views(targets[item.id], records[-1], pictures)
    return records


def _fill_pack(catalogue: Catalogue | Archived, folder: Path, portion: Portion) -> list[Record]:
    pack = views_pack(folder / PACKS / f"{portion.name}.zip")
    if pack.is_file() and records_file(pack).is_file():
        kept = read_records(pack)
        if {record["id"] for record in kept} == {item.id for item in portion.items}:
            return kept
    records = []
    with pack_writer(pack) as writer:
        for item, pictures in _made(catalogue, portion.items):
            records.append(_record(item, pictures))
            if not isinstance(pictures, str):
                writer.add(f"{item.category}/{item.id}", pictures)
    if all("failed" in record for record in records):
        pack.unlink()
        return records
    write_records(pack, records)
    return records


def _record(item: Item, pictures: Pictures | str) -> Record:
    if isinstance(pictures, str):
        return {"id": item.id, "failed": pictures}
    return {"id": item.id, "views": sum(not name.endswith(".npz") for name in pictures)}


def _made(catalogue: Catalogue | Archived, items: Sequence[Item]) -> Iterator[tuple[Item, Pictures | str]]:
    """The views of each item, or why there are none."""
    if not isinstance(catalogue, Archived):
        yield from ((item, attempt(item, partial(_drawn, catalogue, item))) for item in items)
        return
    left = {item.id: item for item in items}
    for item_id, pictures in catalogue.views(list(left)) if left else ():
        yield left.pop(item_id), str(pictures) if isinstance(pictures, UserError) else _numbered(pictures)
    yield from ((item, f"{item.id}: {catalogue.name} has no pictures of it.") for item in left.values())


def _drawn(catalogue: Catalogue, item: Item) -> Pictures:
    return view_files(*catalogue.shape(item.id).mesh())


def _numbered(pictures: Sequence[bytes]) -> Pictures:
    suffixes = [".png" if picture.startswith(b"\x89PNG") else ".jpg" for picture in pictures]
    pairs = enumerate(zip(pictures, suffixes, strict=True))
    return {f"{VIEWS}{index:03d}{suffix}": picture for index, (picture, suffix) in pairs}
