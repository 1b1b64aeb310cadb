"""What is known of Objaverse's objects: classes, chunks, captions, names, licences and creators."""

import csv
import gzip
import json
import re
import zlib
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from argus3d.errors import UserError, raise_if_machine

LVIS = "lvis-annotations.json.gz"
OBJECT_PATHS = "object-paths.json.gz"
METADATA = "metadata/{chunk}.json.gz"
CAPTIONS = ("Cap3D_automated_Objaverse_full.csv", "Cap3D_automated_Objaverse_no3Dword.csv")
CACHE = "hf-objaverse-v1"  # the folder of the package `objaverse`, mostly within ~/.objaverse
LICENCES = ("by", "by-sa", "by-nd", "by-nc", "by-nc-sa", "by-nc-nd", "cc0")
MAX_JSON = 1 << 28  # bytes unpacked; the largest file, of all paths, has 72 million
MAX_VALUES = 8_000_000  # in a file, by its commas: each takes some 60 bytes of memory
UID = re.compile(r"[0-9a-f]{32}")
CHUNK = re.compile(r"\d{3}-\d{3}")
_GLB = re.compile(rf"glbs/({CHUNK.pattern})/({UID.pattern})\.glb")


@dataclass(frozen=True)
class Annotation:
    """Name, licence and creator of an object; "" where they are not known."""

    name: str
    licence: str
    creator: str


def find(folder: Path, *names: str) -> Path | None:
    """The first of the files that is in an annotations folder, or there in the cache of the package `objaverse`."""
    places = (place / name for name in names for place in (folder, folder / CACHE))
    return next((path for path in places if path.is_file()), None)


def read_lvis(path: Path) -> dict[str, list[str]]:
    """Category -> uids of Objaverse-LVIS. Raises UserError for a damaged file, or one that is no list of classes."""
    found = _read_json(path)
    for category, uids in found.items():
        if not isinstance(uids, list) or not all(isinstance(uid, str) and UID.fullmatch(uid) for uid in uids):
            raise UserError(f"{path}: {category!r} is no list of Objaverse uids; fetch the file again.")
    return found


def class_slugs(lvis: Mapping[str, Sequence[str]]) -> tuple[dict[str, str], list[str]]:
    """uid -> class in lower case with underscores, and the uids listed in several classes, which keep the first.

    Raises UserError when two categories would have one name.
    """
    classes: dict[str, str] = {}
    names: dict[str, str] = {}
    twice = set()
    for category in sorted(lvis):
        slug = re.sub(r"[^a-z0-9]+", "_", category.lower()).strip("_")
        if not slug or names.setdefault(slug, category) != category:
            raise UserError(f"the categories {names.get(slug, '')!r} and {category!r} are both {slug!r}; rename one.")
        for uid in lvis[category]:
            if classes.setdefault(uid, slug) != slug:
                twice.add(uid)
    return classes, sorted(twice)


def read_object_paths(path: Path) -> dict[str, str]:
    """uid -> chunk ("000-012") of all of Objaverse 1.0. Raises UserError for a damaged file, or another one."""
    chunks = {}
    for uid, place in _read_json(path).items():
        match = _GLB.fullmatch(place) if isinstance(place, str) else None
        if match is None or match[2] != uid:
            raise UserError(f"{path}: {uid!r} is not at glbs/CHUNK/{uid}.glb but at {place!r}; fetch the file again.")
        chunks[uid] = match[1]
    return chunks


def read_metadata(path: Path) -> dict[str, Annotation]:
    """uid -> what a chunk's metadata say. Raises UserError for a damaged file, or one of another form."""
    found = {}
    for uid, entry in _read_json(path).items():
        if not isinstance(entry, dict):
            raise UserError(f"{path}: the entry of {uid!r} is no record; fetch the file again.")
        user = entry.get("user")
        creator = (user.get("displayName") or user.get("username")) if isinstance(user, dict) else user
        found[uid] = Annotation(_text(entry.get("name")), _text(entry.get("license")).lower(), _text(creator))
    return found


def read_captions(path: Path, wanted: Container[str]) -> tuple[dict[str, str], list[int]]:
    """uid -> caption of the wanted objects in a Cap3D table, and the lines that are not an id and a caption.

    The table has no header; of two captions the first is kept. Raises UserError for a file that is no such table.
    """
    captions: dict[str, str] = {}
    bad = []
    with path.open(encoding="utf-8", newline="") as stream:
        # Strict: else a missing closing quote would swallow all the lines behind it.
        reader = csv.reader(stream, strict=True)
        try:
            for row in reader:
                if len(row) != 2:
                    bad.append(reader.line_num)
                elif row[0] in wanted:
                    captions.setdefault(row[0], row[1].strip())
        except (csv.Error, UnicodeDecodeError) as error:
            raise UserError(f"{path} is damaged after line {reader.line_num} ({error}); fetch it again.") from error
    return captions, bad


def licence_list(text: str) -> tuple[str, ...]:
    """The licences of a list such as "by,by-sa,cc0". Raises UserError for one that Objaverse does not use."""
    licences = tuple(part.strip().lower() for part in text.split(","))
    for licence in licences:
        if licence not in LICENCES:
            raise UserError(f"{licence!r} is no licence of Objaverse; it has {', '.join(LICENCES)}.")
    return licences


def allowed(licence: str, wanted: Collection[str] | None) -> bool:
    """Whether an object of `licence` ("" where it has no record) is kept; None wants all, records or not."""
    return wanted is None or licence in wanted


def _read_json(path: Path) -> dict[str, Any]:
    try:
        with gzip.open(path) as stream:
            content = stream.read(MAX_JSON + 1)
        if len(content) > MAX_JSON:
            raise UserError(f"{path} unpacks to more than {MAX_JSON} bytes; it is not read.")
        if content.count(b",") + content.count(b"[") > MAX_VALUES:
            raise UserError(f"{path} holds more than {MAX_VALUES:,} values; it is not read.")
        found = json.loads(content)
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
        raise_if_machine(error, path)
        raise UserError(f"{path} cannot be read ({error}); fetch it again.") from error
    if not isinstance(found, dict):
        raise UserError(f"{path} holds no table by name; fetch it again.")
    return found


def _text(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""
