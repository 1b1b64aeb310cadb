"""What a worker makes in one go, and where it puts it: folders of shapes, or a pack of many."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from argus3d.data.catalogue import Archived, Catalogue, Item
from argus3d.data.formats.mesh_files import NO_SUCH_FILE
from argus3d.data.shape_files import ShapeFiles
from argus3d.data.stores import (
    PACKS,
    RECORD,
    pack_writer,
    read_record,
    read_records,
    records_file,
    write_records,
    write_shape,
)
from argus3d.errors import AGAIN, UserError, is_machine, is_memory
from argus3d.meter import Meter

T = TypeVar("T")
Record = dict[str, Any]  # of a failed item: its id and `failed`, the reason
Made = Callable[[Sequence[Item]], Iterator[tuple[Item, ShapeFiles | str]]]  # the files of each, or why there are none

MAX_FAILED = 0.5
FEW_FAILED = 10  # so few stop no run, whatever their share, unless they are all
NO_MEMORY = "memory ran out; free some, or prepare again with fewer --workers."
PACK_SIZE = 256  # shapes of a pack, where the source does not come in archives


@dataclass(frozen=True)
class Portion:
    """What one worker prepares at a time: an archive's items, a pack's, or a single one."""

    name: str
    items: tuple[Item, ...]


def portions_of(catalogue: Catalogue | Archived, items: Sequence[Item], packed: bool) -> list[Portion]:
    """What is prepared in one go each: the items, as their source or its packs hold them together."""
    if isinstance(catalogue, Archived):
        by_id = {item.id: item for item in items}
        parts = [(name, tuple(by_id[key] for key in ids if key in by_id)) for name, ids in catalogue.portions()]
        return [Portion(name, part) for name, part in parts if part]
    size = PACK_SIZE if packed else 1
    slices = [tuple(items[start : start + size]) for start in range(0, len(items), size)]
    return [Portion(f"{index:05d}", part) for index, part in enumerate(slices)]


def fill_folders(
    made: Made, folder: Path, portion: Portion, whole: Callable[[Path, Record], bool], record_name: str = RECORD
) -> list[Record]:
    """Make what is not whole yet, each in `folder`/<category>/<id>; the records of all.

    whole : whether a shape's folder has all files that its record stands for
    """
    targets = {item.id: folder / item.category / item.id for item in portion.items}
    found = {item_id: read_record(target, record_name) for item_id, target in targets.items()}
    finished = {item_id: record for item_id, record in found.items() if record and whole(targets[item_id], record)}
    records = list(finished.values())
    for item, shape in made([item for item in portion.items if item.id not in finished]):
        if isinstance(shape, ShapeFiles):
            write_shape(targets[item.id], shape, record_name)
        records.append(_record(item, shape))
    return records


def fill_pack(made: Made, folder: Path, portion: Portion, place: Callable[[Path], Path] = Path) -> list[Record]:
    """Make all of a portion into the pack of its name, unless it is there; the records of all.

    place : the pack that is written, by that of the samples
    """
    samples = folder / PACKS / f"{portion.name}.zip"
    pack = place(samples)
    if pack.is_file() and records_file(pack).is_file():
        kept = read_records(pack)
        # What the machine lacked and a file that was away are not the shape's failure: the next run tries again.
        passing = any(str(record.get("failed")).endswith((NO_MEMORY, AGAIN, NO_SUCH_FILE)) for record in kept)
        if not passing and {record["id"] for record in kept} == {item.id for item in portion.items}:
            return kept
    records = []
    with pack_writer(pack) as writer:
        for item, shape in made(portion.items):
            if isinstance(shape, ShapeFiles):
                writer.add(f"{item.category}/{item.id}", shape.files)
                records.append(_record(item, shape) | {"pack": samples.name})
            else:
                records.append(_record(item, shape))
    if all("failed" in record for record in records):
        pack.unlink(missing_ok=True)  # an archive that is not there yet: the next run looks again
        return records
    write_records(pack, records)
    return records


def _record(item: Item, shape: ShapeFiles | str) -> Record:
    return {"id": item.id, "failed": shape} if isinstance(shape, str) else shape.record


def attempt(item: Item, work: Callable[[], T]) -> T | str:
    """What `work` gives, or in words why it gives nothing."""
    try:
        return work()
    except UserError as error:
        return str(error)
    except Exception as error:  # one shape in a million that no one has thought of must not stop the others
        if is_memory(error):
            return f"{item.id}: {NO_MEMORY}"
        again = f"; {AGAIN}" if is_machine(error) else ""
        return f"{item.id}: {type(error).__name__}: {error}{again}"


def collect(
    portions: Sequence[Portion], results: Iterator[list[Record]], max_failed: float, what: str
) -> list[Record]:
    """The records of all portions, sorted by id. Raises: UserError once too many failed."""
    records: list[Record] = []
    asked, failed = sum(len(portion.items) for portion in portions), 0
    with Meter(total=asked, desc=what, unit="shape") as bar:
        for portion, found in zip(portions, results, strict=True):
            records += found
            failed += sum("failed" in record for record in found)
            bar.update(len(portion.items))
            if failed > max(max_failed * asked, FEW_FAILED) or 0 < failed == asked:
                raise UserError(_summary(records, asked, failed))
    return sorted(records, key=lambda record: str(record["id"]))


def _summary(records: Sequence[Record], asked: int, failed: int) -> str:
    reasons = Counter(_reason(record) for record in records if "failed" in record)
    often = "; ".join(f"{count} times {reason!r}" for reason, count in reasons.most_common(3))
    return (
        f"{failed} of {len(records)} shapes failed ({asked} asked), most often: {often} "
        "Finished shapes are kept; mend the source, or allow more with --max-failed."
    )


def _reason(record: Record) -> str:
    """Why a shape failed, without its id, in which the reasons of many differ."""
    text, item = str(record["failed"]), str(record["id"])
    return text.removeprefix(f"{item}: ").replace(item, "it")


def counted(records: Sequence[Record]) -> dict[str, Any]:
    """`counts` and `failed` of a manifest."""
    failed = [[record["id"], record["failed"]] for record in records if "failed" in record]
    counts = {"asked": len(records), "found": len(records) - len(failed), "failed": len(failed)}
    return {"counts": counts, "failed": failed}
