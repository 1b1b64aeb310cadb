"""From a catalogue to training and evaluation data: clouds, occupancy samples and pictures in the OccNet layout."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from argus3d.data.catalogue import Archived, Catalogue, Item
from argus3d.data.files import write_json
from argus3d.data.shape_files import PrepareConfig, ShapeFiles, files_of_sampled, files_of_solid
from argus3d.data.stores import (
    PACKS,
    pack_writer,
    read_record,
    read_records,
    records_file,
    write_records,
    write_shape,
)
from argus3d.engine import Engine, local
from argus3d.errors import UserError

Record = dict[str, Any]
T = TypeVar("T")
MAX_FAILED = 0.5
FEW_FAILED = 10  # so few stop no run, whatever their share
PACK_SIZE = 256  # shapes of a pack, where the source does not come in archives


@dataclass(frozen=True)
class Portion:
    """What one worker prepares at a time: an archive's items, a pack's, or a single one."""

    name: str
    items: tuple[Item, ...]


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
    write_json(folder / "manifest.json", manifest)
    return manifest


def _check_unique(items: Sequence[Item], name: str) -> None:
    twice = [item_id for item_id, uses in Counter(item.id for item in items).items() if uses > 1]
    if twice:
        raise UserError(f"{name} has {len(twice)} ids more than once, first {twice[0]}; every shape needs its own.")


def _check_settings(folder: Path, settings: dict[str, Any]) -> None:
    path = folder / "settings.json"
    wanted = json.loads(json.dumps(settings))
    if path.exists() and json.loads(path.read_text()) != wanted:
        raise UserError(f"{folder} was prepared with other settings (see {path}); remove it or name another root.")
    write_json(path, wanted)


def portions_of(catalogue: Catalogue | Archived, items: Sequence[Item], packed: bool) -> list[Portion]:
    """What is prepared in one go each: the items, as their source or its packs hold them together."""
    if isinstance(catalogue, Archived):
        by_id = {item.id: item for item in items}
        parts = [(name, tuple(by_id[key] for key in ids if key in by_id)) for name, ids in catalogue.portions()]
        return [Portion(name, part) for name, part in parts if part]
    size = PACK_SIZE if packed else 1
    slices = [tuple(items[start : start + size]) for start in range(0, len(items), size)]
    return [Portion(f"{index:05d}", part) for index, part in enumerate(slices)]


def _start(
    catalogue: Catalogue | Archived, folder: Path, config: PrepareConfig, packed: bool
) -> Callable[[Portion], list[Record]]:
    """What a worker does with a portion; a failed item's record has `failed`, the reason."""
    made = partial(_made, catalogue, config)
    return partial(_fill_pack if packed else _fill_folders, made, folder)


Made = Callable[[Sequence[Item]], Iterator[tuple[Item, ShapeFiles | str]]]


def _fill_folders(made: Made, folder: Path, portion: Portion) -> list[Record]:
    targets = {item.id: folder / item.category / item.id for item in portion.items}
    finished = {item_id: read_record(target) for item_id, target in targets.items()}
    records = [record for record in finished.values() if record]
    for item, shape in made([item for item in portion.items if not finished[item.id]]):
        if isinstance(shape, ShapeFiles):
            write_shape(targets[item.id], shape)
        records.append(_record(item, shape))
    return records


def _fill_pack(made: Made, folder: Path, portion: Portion) -> list[Record]:
    pack = folder / PACKS / f"{portion.name}.zip"
    if pack.is_file() and records_file(pack).is_file():
        kept = read_records(pack)
        if {record["id"] for record in kept} == {item.id for item in portion.items}:
            return kept
    records = []
    with pack_writer(pack) as writer:
        for item, shape in made(portion.items):
            if isinstance(shape, ShapeFiles):
                writer.add(f"{item.category}/{item.id}", shape.files)
                records.append(_record(item, shape) | {"pack": pack.name})
            else:
                records.append(_record(item, shape))
    if all("failed" in record for record in records):
        pack.unlink()  # an archive that is not there yet: the next run looks again
        return records
    write_records(pack, records)
    return records


def _record(item: Item, shape: ShapeFiles | str) -> Record:
    return {"id": item.id, "failed": shape} if isinstance(shape, str) else shape.record


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


def attempt(item: Item, work: Callable[[], T]) -> T | str:
    """What `work` gives, or in words why it gives nothing."""
    try:
        return work()
    except UserError as error:
        return str(error)
    except Exception as error:  # one shape in a million that no one has thought of must not stop the others
        return f"{item.id}: {type(error).__name__}: {error}"


def collect(
    portions: Sequence[Portion], results: Iterator[list[Record]], max_failed: float, what: str
) -> list[Record]:
    """The records of all portions, sorted by id. Raises: UserError once too many failed."""
    records: list[Record] = []
    asked, failed = sum(len(portion.items) for portion in portions), 0
    with tqdm(total=asked, desc=what, unit="shape", disable=None) as bar:
        for portion, found in zip(portions, results, strict=True):
            records += found
            failed += sum("failed" in record for record in found)
            bar.update(len(portion.items))
            if failed > max(max_failed * asked, FEW_FAILED):
                raise UserError(_summary(records, asked, failed))
    return sorted(records, key=lambda record: str(record["id"]))


def _summary(records: Sequence[Record], asked: int, failed: int) -> str:
    # Reasons differ in the ids that they name; what follows the first colon is the reason.
    texts = [str(record["failed"]) for record in records if "failed" in record]
    reasons = Counter(text.partition(": ")[2] or text for text in texts)
    often = "; ".join(f"{count} times {reason!r}" for reason, count in reasons.most_common(3))
    return (
        f"{failed} of {len(records)} shapes failed ({asked} asked), most often: {often} "
        "Finished shapes are kept; mend the source, or allow more with --max-failed."
    )


def _manifest(name: str, config: PrepareConfig, records: Sequence[Record]) -> dict[str, Any]:
    shapes = [record for record in records if "failed" not in record]
    failed = [[record["id"], record["failed"]] for record in records if "failed" in record]
    counts = {"asked": len(records), "found": len(shapes), "failed": len(failed)}
    return {
        "schema": 1,
        "source": name,
        "settings": asdict(config),
        "counts": counts,
        "failed": failed,
        "shapes": shapes,
    }


def _packs(folder: Path, portions: Sequence[Portion]) -> dict[str, Any]:
    """Of packs the manifest names the lists of records only, which hold the sums of all arrays."""
    packs = [folder / PACKS / f"{portion.name}.zip" for portion in portions]
    lists = {pack.name: records_file(pack) for pack in packs}
    sums = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in lists.items() if path.is_file()}
    return {"packs": sums, "shapes": []}
