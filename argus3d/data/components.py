"""The source `components`: real electronic parts of KiCad's 3D library, in 12 classes of at most 150."""

import hashlib
import json
import re
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from argus3d.data.catalogue import Item
from argus3d.data.files import beside, read_zip_member, sha256_file
from argus3d.data.formats.debian import data_archive, fetch_package
from argus3d.data.formats.kicad import add_caption, licences
from argus3d.data.formats.meshes import Mesh
from argus3d.data.formats.wrl import wrl_mesh
from argus3d.data.solid import MeshSolid
from argus3d.errors import UserError, raise_if_machine


@dataclass(frozen=True)
class Package:
    """A Debian package of one version."""

    name: str
    version: str
    sha256: str


PACKAGES = (
    Package("kicad-packages3d", "6.0.10-1", "e4ee3179c3935885a262e41543a675208ad5b3077d348728cac46f534d01109a"),
    Package("kicad-footprints", "6.0.11-1", "06c022eae7d40181238f86dc4d2d4d257364880ab89b9e41f553b690e5c502c1"),
)
# First word of KiCad's folder -> class: those with the most distinct models that may be passed on.
CLASSES = {
    "Button": "button",
    "Capacitor": "capacitor",
    "Connector": "connector",
    "Crystal": "crystal",
    "Diode": "diode",
    "Inductor": "inductor",
    "LED": "led",
    "Mounting": "mounting",
    "Package": "package",
    "Resistor": "resistor",
    "TerminalBlock": "terminal_block",
    "Varistor": "varistor",
}
CAP = 150
LICENCE = "CC-BY-SA"  # the files under the GPL are left out
ARCHIVE = "components.zip"
INDEX = "index.json"
WAYS_OUT = "run `argus3d data fetch components`, or give the folder with the two .deb files with --deb"

_MODEL = re.compile(r"(?:^|/)((([A-Za-z0-9]+)(?:_[^/]*)?\.3dshapes)/([^/]+)\.wrl)$")
_FOOTPRINT = re.compile(r"([^/]+)\.kicad_mod$")
_COPYRIGHT = re.compile(r"(?:^|/)kicad-packages3d/copyright$")
# A diameter makes another shape of a round part; other numbers count pins, or say how long, wide and far apart.
_DIAMETER_OR_NUMBER = re.compile(r"(?<![a-z0-9])d\d+(?:-\d+)?mm|\d+(?:-\d+)*")


@dataclass
class _Library:
    """What was found in the packages: models (path in the library -> deflated text), captions and licences."""

    models: dict[str, bytes] = field(default_factory=dict)
    captions: dict[str, str] = field(default_factory=dict)
    copyright: str = ""
    known: int = 0


def fetch_components(data_root: Path, deb: Path | None = None) -> Path:
    """Put the chosen models and their index into `data_root`/raw/components/components.zip; return that folder.

    deb : a folder with the .deb files of kicad-packages3d and kicad-footprints, or one where both were unpacked; None
    downloads them with apt-get

    Raises UserError when the download fails or what was given is not these packages; earlier files stay as they were.
    """
    target = data_root / "raw" / "components" / ARCHIVE
    if deb is None:
        if zipfile.is_zipfile(target):
            return target.parent
        debs = [fetch_package(p.name, p.version, p.sha256, data_root / "raw") for p in PACKAGES]
    else:
        debs = _given_packages(deb)
    origin = {p.name: p.sha256 for p in PACKAGES} if debs else {}
    if origin and zipfile.is_zipfile(target) and _read_index(target)["packages"] == origin:
        return target.parent
    members = chain.from_iterable(map(_package_members, debs)) if deb is None or debs else _tree_members(deb)
    _write_archive(_gather(members), origin, target, deb or data_root / "raw")
    return target.parent


def _given_packages(folder: Path) -> list[Path]:
    """The two .deb files of a folder, or none where it holds neither."""
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder: components come of two packages, give the folder that holds both.")
    found = {p: next(iter(sorted(folder.glob(f"{p.name}_*.deb"))), None) for p in PACKAGES}
    if not any(found.values()):
        return []
    for package, path in found.items():
        if path is None:
            raise UserError(f"{folder} holds no {package.name}_{package.version}_all.deb: put it beside the other.")
        if sha256_file(path) != package.sha256:
            raise UserError(
                f"{path} is not {package.name} {package.version}: it is truncated or another version; download it "
                "again, or unpack both yourself and give the folder."
            )
    return [path for path in found.values() if path]


def _wanted(name: str) -> bool:
    return any(pattern.search(name) for pattern in (_MODEL, _FOOTPRINT, _COPYRIGHT))


def _package_members(deb: Path) -> Iterator[tuple[str, bytes]]:
    """Path and content of the wanted files of a .deb whose sha256 was checked, without unpacking it."""
    with deb.open("rb") as stream, data_archive(stream, deb) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() and _wanted(member.name) else None
            if content is not None:
                yield member.name, content.read()


def _tree_members(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Path and content of the wanted files below a folder."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and _wanted(name):
            yield name, path.read_bytes()


def _gather(members: Iterable[tuple[str, bytes]]) -> _Library:
    library = _Library()
    for name, content in members:
        if model := _MODEL.search(name):
            library.known += 1
            if model[3] in CLASSES:
                library.models[model[1]] = zlib.compress(content, 1)  # all of them at once fit only deflated
        elif footprint := _FOOTPRINT.search(name):
            add_caption(library.captions, footprint[1], content.decode("utf-8", "replace"))
        else:
            library.copyright = content.decode("utf-8", "replace")
    return library


def series_of(item_id: str) -> str:
    """A name that near-duplicates share: the id without counts of pins, pitches and sizes other than diameters.

    Such parts differ too little to be on two sides of a split: "connector-pinheader-1x02-p2-54mm-vertical" and
    "connector-pinheader-2x40-p1-00mm-vertical" are "connector-pinheader-#x#-p#mm-vertical".
    """
    series = _DIAMETER_OR_NUMBER.sub(lambda match: match[0] if match[0][0] == "d" else "#", item_id)
    return re.sub(r"-#(?=-|$)", "", series)


def spread(ids: Iterable[str], cap: int) -> list[str]:
    """At most `cap` of the ids, sorted: one of each series, then a second of each, in the order of a hash."""
    members: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for item_id in ids:
        members[series_of(item_id)].append((hashlib.sha256(item_id.encode()).hexdigest(), item_id))
    turns = [(turn, *entry) for group in members.values() for turn, entry in enumerate(sorted(group))]
    return sorted(item_id for _, _, item_id in sorted(turns)[:cap])


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _choose(library: _Library) -> tuple[dict[str, Item], dict[str, int]]:
    """Path -> item of the models that are taken, and how many were left out for which reason."""
    paragraphs = licences(library.copyright)
    counts = Counter(found=library.known, in_classes=len(library.models))
    items: dict[str, tuple[str, Item]] = {}
    seen: set[bytes] = set()
    for path in sorted(library.models):
        licence, creator = paragraphs.of(path)
        if not licence.startswith(LICENCE):
            counts["left_out_licence"] += 1
            continue
        # Copies of one model differ in nothing but the comments above it.
        digest = hashlib.sha256(re.sub(rb"#[^\r\n]*", b"", zlib.decompress(library.models[path]))).digest()
        if digest in seen:
            counts["left_out_copies"] += 1
            continue
        seen.add(digest)
        item = _item(path, library.captions.get(path, ""), licence, creator)
        if item.id in items:
            raise UserError(f"{path} and {items[item.id][0]} would both be {item.id}: rename one of the files.")
        items[item.id] = (path, item)
    taken = [
        item_id
        for category in CLASSES.values()
        for item_id in spread((key for key, (_, item) in items.items() if item.category == category), CAP)
    ]
    counts["left_out_cap"] = len(items) - len(taken)
    counts["taken"] = len(taken)
    return dict(items[item_id] for item_id in sorted(taken)), dict(counts)


def _item(path: str, caption: str, licence: str, creator: str) -> Item:
    match = _MODEL.search(path)
    assert match is not None  # only such paths are kept
    category, name = CLASSES[match[3]], match[4]
    return Item(
        id=f"{_slug(category)}-{_slug(name)}",
        category=category,
        caption=caption or name.replace("_", " "),
        source=ComponentsCatalogue.name,
        licence=licence,
        creator=creator,
    )


def _write_archive(library: _Library, packages: dict[str, str], target: Path, origin: Path) -> None:
    if not library.copyright:
        raise UserError(f"{origin} holds no kicad-packages3d/copyright, which names the licences: {WAYS_OUT}.")
    items, counts = _choose(library)
    if not items:
        raise UserError(f"{origin} holds no model of a class that is taken: {WAYS_OUT}.")
    index = {"schema": 1, "packages": packages, "counts": counts, "items": [asdict(item) for item in items.values()]}
    with beside(target) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, item in items.items():
            archive.writestr(_member(f"{item.id}.wrl"), zlib.decompress(library.models[path]))
        archive.writestr(_member(INDEX), json.dumps(index, indent=1, sort_keys=True, ensure_ascii=False))


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)  # dated 1980: equal contents give equal bytes
    member.compress_type = zipfile.ZIP_DEFLATED
    return member


class ComponentsCatalogue:
    """The models of an archive that `fetch_components` made."""

    name = "components"

    def __init__(self, folder: Path) -> None:
        """Read the index of `folder`/components.zip; meshes are read when asked for.

        Raises UserError when the archive is missing or damaged.
        """
        self._archive = folder / ARCHIVE
        if not self._archive.is_file():
            raise UserError(f"{folder} holds no {ARCHIVE}: {WAYS_OUT}.")
        index = _read_index(self._archive)
        try:
            self.counts: dict[str, int] = dict(index["counts"])
            self._items = {item.id: item for item in (Item(**entry) for entry in index["items"])}
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{self._archive} has a damaged list ({error!r}): delete it and {WAYS_OUT}.") from error

    def items(self) -> list[Item]:
        """All items, sorted by id."""
        return list(self._items.values())

    def picture(self, item_id: str) -> None:
        """None: the library has no pictures."""
        self._check(item_id)

    def mesh(self, item_id: str) -> Mesh:
        """Vertices (V, 3) float64 and faces (F, 3) int64 of an item, y up from the board, in tenths of an inch.

        Raises UserError for a mesh that cannot be a shape.
        """
        self._check(item_id)
        vertices, faces = wrl_mesh(_read_member(self._archive, f"{item_id}.wrl"), item_id)
        return vertices[:, [0, 2, 1]] * np.array([1.0, 1.0, -1.0]), faces  # KiCad's z is up

    def shape(self, item_id: str) -> MeshSolid:
        """The item as a solid in [-0.5, 0.5]^3."""
        return MeshSolid.from_mesh(*self.mesh(item_id), item_id)

    def _check(self, item_id: str) -> None:
        if item_id not in self._items:
            raise UserError(f"components has no item {item_id}: `argus3d data list components` counts all of them.")


def _read_index(archive: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(_read_member(archive, INDEX)))
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{archive} is damaged ({error}): delete it and {WAYS_OUT}.") from error


def _read_member(archive: Path, member: str) -> bytes:
    try:
        return read_zip_member(archive, member)
    except (ValueError, OSError) as error:
        raise_if_machine(error, archive)
        raise UserError(f"{archive} is damaged ({error}): delete it and {WAYS_OUT}.") from error
