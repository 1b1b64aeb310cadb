"""The source `objaverse`: BAAI/Objaverse-MIX as it lies on the hub, packed or unpacked, whole or in part."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from argus3d.data.annotations import (
    CAPTIONS,
    LVIS,
    METADATA,
    OBJECT_PATHS,
    Annotation,
    allowed,
    class_slugs,
    find,
    read_captions,
    read_lvis,
    read_metadata,
)
from argus3d.data.catalogue import Item, Sampled
from argus3d.data.chunks import Place, find_places, uid_folders
from argus3d.data.formats.occnet import CLOUD, QUERIES, by_number, checked_pictures, is_picture, read_sampled
from argus3d.errors import UserError

CHUNKS = tuple(f"000-{number:03d}" for number in range(160))
SHAPES, PICTURES, ANNOTATIONS = "occupancies", "rendered_images", "annotations"
UNCLASSED = "unclassed"  # of objects that are not in Objaverse-LVIS
SPLIT = "objaverse-v1"
PARTS = ("train", "val", "test")
CORE = 2000
_SHAPE_FILES = {CLOUD, QUERIES}

Reports = list[tuple[str, str]]
Groups = dict[str, list[str]]


class ObjaverseCatalogue:
    """The objects of a folder with `occupancies/` and, where pictures are wanted, `rendered_images/`.

    A chunk is an archive 000-012.7z, its volumes 000-012.7z.001 ..., or a folder 000-012 with <uid>/ or 000-012/<uid>/
    in it. An object that is there several times is taken once: rather whole than lacking a file, rather unpacked than
    packed, rather from the lower chunk. Listing reads the headers of archives only.

    counts : of chunks, objects and annotations
    missing_chunks : those asked for that are not there, or cannot be read
    reports : (file or object, why) of all that is left out or not known
    """

    name = "objaverse"

    def __init__(
        self,
        folder: Path,
        annotations: Path | None = None,
        chunks: Sequence[str] | None = None,
        licences: Sequence[str] | None = None,
    ) -> None:
        """List what is there.

        annotations : folder of the annotation files (default: `folder`/annotations)
        chunks : to read, such as "000-012" (default: all 160)
        licences : to keep, such as "by" and "cc0"; objects without a record are then left out (default: keep all)

        Raises UserError when no object can be read, or an annotation file is damaged.
        """
        self.folder = folder
        self.annotations = annotations or folder / ANNOTATIONS
        self.reports: Reports = []
        self.counts: Counter[str] = Counter()
        asked = CHUNKS if chunks is None else tuple(dict.fromkeys(chunks))
        found = self._list(asked)
        there = {place.chunk for place in found}
        self.missing_chunks = [chunk for chunk in asked if chunk not in there]
        if not any(found.values()):
            reasons = "; ".join(why for _, why in self.reports[:3]) or f"fetch {SHAPES}/000-000.7z.001 and so on."
            raise UserError(f"{folder} holds no object of Objaverse-MIX that can be read: {reasons}")
        items, reports, known = _describe(self.annotations, found)
        self.reports += reports
        kept = {uid: item for uid, item in items.items() if allowed(item.licence, licences)}
        self.counts.update(known)
        self.counts.update(
            chunks_asked=len(asked),
            chunks_found=len(there),
            objects_found=len(items),
            left_out_licence=len(items) - len(kept),
            taken=len(kept),
        )
        self._items: dict[str, Item] | None = kept
        self._places = {place: [uid for uid in ids if uid in kept] for place, ids in found.items()}

    def __getstate__(self) -> dict[str, Any]:
        """Without the items, which would be most of the bytes: workers read samples and pictures only."""
        return self.__dict__ | {"_items": None}

    def items(self) -> list[Item]:
        """All items, sorted by id."""
        if self._items is None:
            self._items = _describe(self.annotations, self._places)[0]
        return [self._items[uid] for uid in sorted(self._items)]

    def portions(self) -> list[tuple[str, list[str]]]:
        """Chunk, or chunk-unpacked, and its ids in the order of the archive."""
        return [(place.name, list(ids)) for place, ids in self._places.items() if ids]

    def samples(self, ids: Sequence[str]) -> Iterator[tuple[str, Sampled | UserError]]:
        """The samples of ids of one portion, each once, in the order of the archive."""
        for uid, contents in _read(self._place_of(ids), ids, _shape_groups) if ids else ():
            if isinstance(contents, UserError):
                yield uid, contents
                continue
            try:
                yield uid, read_sampled(contents[0], contents[1], uid)
            except UserError as error:
                yield uid, error

    def views(self, ids: Sequence[str]) -> Iterator[tuple[str, tuple[bytes, ...] | UserError]]:
        """The pictures of ids of one portion, by name; none at all where the chunk has no pictures."""
        chunks = [self._place_of(ids).chunk] if ids else []
        failed: dict[str, UserError] = {}
        left = list(ids)
        for place in find_places(self.folder / PICTURES, chunks)[0]:
            failed = {}
            for uid, contents in _read(place, left, _picture_groups):
                checked = contents if isinstance(contents, UserError) else checked_pictures(contents, uid)
                if isinstance(checked, UserError):
                    failed[uid] = checked
                else:
                    yield uid, checked
            left = list(failed)
        yield from failed.items()

    def _place_of(self, ids: Sequence[str]) -> Place:
        for place, own in self._places.items():
            if ids[0] in own:
                if strange := set(ids).difference(own):
                    raise UserError(f"{min(strange)} is not in the portion {place.name}; ask for one at a time.")
                return place
        raise UserError(f"{self.folder} has no object {ids[0]}; `argus3d data list objaverse` counts what it has.")

    def _list(self, chunks: Sequence[str]) -> dict[Place, list[str]]:
        """The uids to read from each place, in its order."""
        places, strange = find_places(self.folder / SHAPES, chunks)
        self.reports += [(f"{SHAPES}/{name}", "It is of no chunk, and was not read.") for name in strange]
        listed: dict[Place, dict[str, bool]] = {}
        for place in places:
            try:
                listed[place] = self._list_place(place)
            except UserError as error:
                self.reports.append((f"{SHAPES}/{place.path.name}", str(error)))
                self.counts["chunks_failed"] += 1
        best: dict[str, tuple[bool, int]] = {}
        for rank, objects in enumerate(listed.values()):
            for uid, whole in objects.items():
                best[uid] = min(best.get(uid, (True, rank)), (not whole, rank))
        kept: dict[Place, list[str]] = {}
        for rank, (place, objects) in enumerate(listed.items()):
            kept[place] = [uid for uid in objects if best[uid][1] == rank]
            self._report_twice(place, [uid for uid in objects if best[uid][1] != rank])
        return kept

    def _list_place(self, place: Place) -> dict[str, bool]:
        """uid -> whether none of its files is missing."""
        files, twice = place.files()
        held = uid_folders(files, _SHAPE_FILES.__contains__)
        self._report_twice(place, [*twice, *(uid for uid, folders in held.items() if len(folders) > 1)])
        return {uid: any(names == _SHAPE_FILES for names in folders.values()) for uid, folders in held.items()}

    def _report_twice(self, place: Place, what: Sequence[str]) -> None:
        if what:
            why = f"{len(what)} objects or files in it are there twice and were not read from here, first {what[0]}."
            self.reports.append((f"{SHAPES}/{place.path.name}", why))
            self.counts["objects_twice"] += len(what)


def _describe(annotations: Path, found: Mapping[Place, Sequence[str]]) -> tuple[dict[str, Item], Reports, Counter[str]]:
    """uid -> item of all objects found, what is not known of them, and counts."""
    reports: Reports = []
    uids = {uid for ids in found.values() for uid in ids}
    classes: dict[str, str] = {}
    if lvis := find(annotations, LVIS):
        classes, several = class_slugs(read_lvis(lvis))
        if several:
            reports.append((LVIS, f"{len(several)} objects are in several classes and got the first, as {several[0]}."))
        if not uids & classes.keys():
            reports.append((LVIS, "None of its objects is here: the list and the data do not belong together."))
    else:
        reports.append((LVIS, f"It is not in {annotations}: all objects are {UNCLASSED}."))
    captions: dict[str, str] = {}
    if table := find(annotations, *CAPTIONS):
        captions, bad = read_captions(table, uids)
        if bad:
            reports.append((table.name, f"{len(bad)} lines are not an id and a caption, first line {bad[0]}."))
    else:
        reports.append((CAPTIONS[0], f"It is not in {annotations}: captions are names."))
    records = _records(annotations, {place.chunk for place in found}, reports)
    items = {uid: _item(uid, classes.get(uid), captions.get(uid), records.get(uid)) for uid in sorted(uids)}
    lacking = [uid for uid, item in items.items() if not item.licence]
    if lacking:
        reports.append((lacking[0], f"It has no licence record, nor have {len(lacking) - 1} more."))
    counts = Counter(classed=len(uids & classes.keys()), captioned=len(captions), without_licence=len(lacking))
    return items, reports, counts


def _records(annotations: Path, chunks: Iterable[str], reports: Reports) -> dict[str, Annotation]:
    records: dict[str, Annotation] = {}
    missing = []
    for chunk in sorted(chunks):
        if path := find(annotations, METADATA.format(chunk=chunk)):
            records |= read_metadata(path)
        else:
            missing.append(chunk)
    if missing:
        why = f"It is not in {annotations}, with {len(missing) - 1} more: licences and creators there are not known."
        reports.append((METADATA.format(chunk=missing[0]), why))
    return records


def _item(uid: str, category: str | None, caption: str | None, record: Annotation | None) -> Item:
    record = record or Annotation("", "", "")
    category = category or UNCLASSED
    words = caption or record.name or ("" if category == UNCLASSED else category.replace("_", " "))
    return Item(uid, category, words, ObjaverseCatalogue.name, record.licence, record.creator)


def _read(
    place: Place, ids: Sequence[str], groups_of: Callable[[Iterable[str]], Groups]
) -> Iterator[tuple[str, tuple[bytes, ...] | UserError]]:
    """The files of each object together, each id once."""
    left = dict.fromkeys(ids)
    try:
        groups = groups_of(place.files()[0])
        for uid, contents in place.read({uid: groups[uid] for uid in ids if uid in groups}):
            del left[uid]
            yield uid, contents
    except UserError as error:
        yield from ((uid, error) for uid in left)
        return
    yield from ((uid, UserError(f"{place.path} holds nothing of {uid}; fetch it again.")) for uid in left)


def _shape_groups(files: Iterable[str]) -> Groups:
    groups = {}
    for uid, folders in uid_folders(files, _SHAPE_FILES.__contains__).items():
        folder = max(folders, key=lambda name: len(folders[name]))  # the first whole one, or the first
        groups[uid] = [f"{folder}/{CLOUD}", f"{folder}/{QUERIES}"]
    return groups


def _picture_groups(files: Iterable[str]) -> Groups:
    found = uid_folders(files, is_picture)
    firsts = ((uid, *next(iter(folders.items()))) for uid, folders in found.items())
    return {uid: [f"{folder}/{name}" for name in sorted(names, key=by_number)] for uid, folder, names in firsts}


def part_of(uid: str) -> str:
    """The part of an object, train, val or test (70 / 10 / 20 %), by a hash of its uid and of nothing else."""
    place = int(_digest(uid), 16)  # a fraction of 2^256
    return PARTS[0] if 10 * place < 7 << 256 else PARTS[1] if 10 * place < 8 << 256 else PARTS[2]


def derive_objaverse(lvis: Mapping[str, Sequence[str]], chunks: Mapping[str, str] | None) -> dict[str, list[str]]:
    """The parts of split objaverse-v1, sorted: train, val and test of all objects, and lvis-train, lvis-val, lvis-test.

    test-core has the first 2,000 of lvis-test, chunks in the order of their hashes and uids within a chunk too: it
    needs the fewest chunks. train-core has as many of lvis-train in the same order, out of some of the same chunks.

    lvis : category -> uids, see `annotations.read_lvis`
    chunks : uid -> chunk of all of Objaverse, see `annotations.read_object_paths`

    Raises UserError where `chunks` is None, or lacks an object of `lvis`.
    """
    if chunks is None:
        raise UserError(f"which object is in which chunk is not known: put {OBJECT_PATHS} beside {LVIS}.")
    classed = sorted({uid for uids in lvis.values() for uid in uids})
    strange = [uid for uid in classed if uid not in chunks]
    if strange:
        raise UserError(f"{LVIS} has {len(strange)} objects that {OBJECT_PATHS} lacks, first {strange[0]}: fetch both.")
    parts: dict[str, list[str]] = {part: [] for part in PARTS}
    for uid in sorted(chunks):
        parts[part_of(uid)].append(uid)
    for part in PARTS:
        parts[f"lvis-{part}"] = [uid for uid in classed if part_of(uid) == part]
    for part in ("test", "train"):
        ranked = sorted(parts[f"lvis-{part}"], key=lambda uid: (_digest(chunks[uid]), chunks[uid], _digest(uid)))
        parts[f"{part}-core"] = sorted(ranked[:CORE])
    return parts


def _digest(text: str) -> str:
    return hashlib.sha256(f"{SPLIT}:{text}".encode()).hexdigest()
