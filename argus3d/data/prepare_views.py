"""Pictures of prepared shapes from all around, for image conditions: drawn here, or the source's own."""

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from argus3d.data.catalogue import Archived, Catalogue, Item
from argus3d.data.files import write_json
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
from argus3d.data.prepared import PreparedData
from argus3d.data.shape_files import ShapeFiles
from argus3d.data.stores import VIEWS, VIEWS_RECORD, views_pack
from argus3d.data.views import view_files
from argus3d.engine import Engine, local
from argus3d.errors import UserError


def prepare_views(
    catalogue: Catalogue | Archived, root: Path, engine: Engine | None = None, max_failed: float = MAX_FAILED,
    only: Collection[str] | None = None, listing: str = "views.json",
) -> dict[str, Any]:  # fmt: skip
    """Put `img/000.png ...` beside every prepared shape of a source, and counts into `<root>/<name>/<listing>`.

    only : ids of the shapes to make pictures of, None for all; those of other sources are passed over

    Shapes of meshes are drawn from 12 sides, with `img/cameras.npz`; sources that come sampled bring their own
    pictures. What an interrupted run finished is kept. Shapes in packs have their views in a second pack.

    Returns the list. Raises: UserError when the source has not been prepared, too many shapes failed, or some shapes
    were asked for of a source in packs.
    """
    folder = root / catalogue.name
    shapes = PreparedData(root, [catalogue.name]).shapes
    packed = any("pack" in shape.record for shape in shapes.values())
    if packed and only is not None:
        raise UserError(f"{catalogue.name} lies in packs, which get the pictures of all their shapes; say --views.")
    wanted = shapes.keys() if only is None else shapes.keys() & set(only)
    every = portions_of(catalogue, catalogue.items(), packed)
    there = [Portion(part.name, tuple(item for item in part.items if item.id in wanted)) for part in every]
    portions = [portion for portion in there if portion.items]
    results = (engine or local()).map(partial(_start, catalogue, folder, packed), portions)
    records = collect(portions, results, max_failed, f"views of {catalogue.name}")
    listed = {"schema": 1, "source": catalogue.name} | counted(records)
    write_json(folder / listing, listed)
    return listed


def _start(catalogue: Catalogue | Archived, folder: Path, packed: bool) -> Callable[[Portion], list[Record]]:
    made = partial(_made, catalogue)
    if packed:
        return partial(fill_pack, made, folder, place=views_pack)
    drawn = not isinstance(catalogue, Archived)
    return partial(fill_folders, made, folder, whole=partial(_are_whole, drawn), record_name=VIEWS_RECORD)


def _are_whole(drawn: bool, folder: Path, record: Record) -> bool:
    """Whether the pictures of a shape are there, and the cameras of those that are drawn here."""
    there = {path.stem for path in (folder / VIEWS).glob("*")}
    wanted = [f"{index:03d}" for index in range(record["views"])] + ["cameras"] * drawn
    return there.issuperset(wanted)


def _made(catalogue: Catalogue | Archived, items: Sequence[Item]) -> Iterator[tuple[Item, ShapeFiles | str]]:
    """The views of each item, or why there are none."""
    if not isinstance(catalogue, Archived):
        yield from ((item, attempt(item, partial(_drawn, catalogue, item))) for item in items)
        return
    left = {item.id: item for item in items}
    for item_id, pictures in catalogue.views(list(left)) if left else ():
        item = left.pop(item_id)
        yield item, str(pictures) if isinstance(pictures, UserError) else _numbered(item, pictures)
    yield from ((item, f"{item.id}: {catalogue.name} has no pictures of it.") for item in left.values())


def _drawn(catalogue: Catalogue, item: Item) -> ShapeFiles:
    return _views(item, view_files(*catalogue.shape(item.id).mesh()))


def _numbered(item: Item, pictures: Sequence[bytes]) -> ShapeFiles:
    suffixes = [".png" if picture.startswith(b"\x89PNG") else ".jpg" for picture in pictures]
    pairs = enumerate(zip(pictures, suffixes, strict=True))
    return _views(item, {f"{VIEWS}{index:03d}{suffix}": picture for index, (picture, suffix) in pairs})


def _views(item: Item, files: dict[str, bytes]) -> ShapeFiles:
    return ShapeFiles(files, {"id": item.id, "views": sum(not name.endswith(".npz") for name in files)})
