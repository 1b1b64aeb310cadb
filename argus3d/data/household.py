"""The source `household`: 796 real objects of the Sweet Home 3D furniture libraries."""

import csv
import re
import shutil
import unicodedata
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from argus3d.data.catalogue import Item
from argus3d.data.files import beside, read_zip_member, sha256_file
from argus3d.data.formats.debian import fetch_package, unpack_members
from argus3d.data.formats.meshes import Mesh, checked_mesh, mesh_from_bytes
from argus3d.data.solid import MeshSolid
from argus3d.errors import UserError, raise_if_machine

PACKAGE = "sweethome3d-furniture"
VERSION = "1.8-1"
SHA256 = "3ccb90c63f9525e887a767b9cd5c8b6933b8b6b2973a615a5359ee68a2118668"
LICENCES = {
    "BlendSwap-CC-0": "CC0-1.0",
    "BlendSwap-CC-BY": "CC-BY-3.0",
    "KatorLegaz": "CC-BY-3.0-US",
    "Reallusion": "CC-BY-3.0-US",
    "Scopia": "CC-BY-3.0",
}
LIBRARY_SUFFIX = ".sh3f"
PROPERTIES = "PluginFurnitureCatalog.properties"
CLASS_TABLE = Path(__file__).with_name("household_classes.csv")
# Tags that name the collection, not the thing.
SOURCE_TAGS = frozenset({"Blend Swap", "SCPTS"})
WAYS_OUT = "run `argus3d data fetch household`, or give the .deb or the folder with --deb"


@dataclass(frozen=True)
class _Entry:
    """One catalogue entry: its item, and where its mesh and picture lie in which library."""

    item: Item
    library: Path
    model: str
    icon: str
    rotation: str


def fetch_household(data_root: Path, deb: Path | None = None) -> Path:
    """Put the five .sh3f libraries into `data_root`/raw/household and return that folder.

    deb : a sweethome3d-furniture .deb, or a folder that holds the .sh3f files; None downloads the package with apt-get

    Raises UserError when the download fails or what was given is not this package; earlier files stay as they were.
    """
    folder = data_root / "raw" / "household"
    if deb is not None and deb.is_dir():
        for name, source in _find_libraries(deb, sorted(LICENCES)).items():
            _copy(source, folder / f"{name}{LIBRARY_SUFFIX}")
        return folder
    if deb is None and _complete(folder):
        return folder
    package = deb or fetch_package(PACKAGE, VERSION, SHA256, data_root / "raw")
    if package.is_file() and sha256_file(package) != SHA256:
        raise UserError(
            f"{package} is not {PACKAGE} {VERSION}: it is truncated or another version; download it again, "
            "or unpack it yourself and give the folder."
        )
    unpack_members(package, folder, f"*{LIBRARY_SUFFIX}")
    return folder


def _complete(folder: Path) -> bool:
    return all(zipfile.is_zipfile(folder / f"{name}{LIBRARY_SUFFIX}") for name in LICENCES)


def _copy(source: Path, target: Path) -> None:
    if target.exists() and target.samefile(source):
        return
    with beside(target) as part:
        shutil.copyfile(source, part)


class HouseholdCatalogue:
    """The non-flat objects of the libraries below a folder, with the classes of a hand-checked table."""

    name = "household"

    def __init__(self, folder: Path, table: Path = CLASS_TABLE) -> None:
        """Read the libraries' lists; meshes and pictures are read when asked for.

        Raises UserError when a library is missing or does not hold what the table says.
        """
        rows = read_class_table(table)
        libraries = _find_libraries(folder, sorted({row["library"] for row in rows}))
        lists = {name: read_properties(path) for name, path in libraries.items()}
        entries = [_entry(row, lists[row["library"]], libraries[row["library"]]) for row in rows if row["flat"] == "no"]
        self._entries = {entry.item.id: entry for entry in sorted(entries, key=lambda entry: entry.item.id)}

    def items(self) -> list[Item]:
        """All items, sorted by id."""
        return [entry.item for entry in self._entries.values()]

    def picture(self, item_id: str) -> bytes:
        """The PNG icon of an item, 128 x 128 pixels."""
        entry = self._entry(item_id)
        return _read_member(entry.library, entry.icon)

    def mesh(self, item_id: str) -> Mesh:
        """Vertices (V, 3) float64 and faces (F, 3) int64 of an item, y up, front towards +z, in the library's units.

        Raises UserError for a mesh that cannot be a shape.
        """
        entry = self._entry(item_id)
        content = _read_member(entry.library, entry.model)
        vertices, faces = mesh_from_bytes(content, Path(entry.model).suffix[1:], item_id)
        if not entry.rotation:
            return vertices, faces
        try:
            rotation = np.array(entry.rotation.split(), dtype=np.float64).reshape(3, 3)
        except ValueError as error:
            raise UserError(f"{entry.library}: the rotation of {item_id} is no 3 x 3 numbers ({error}).") from error
        return checked_mesh(vertices @ rotation.T, faces, item_id)

    def shape(self, item_id: str) -> MeshSolid:
        """The item as a solid in [-0.5, 0.5]^3."""
        vertices, faces = self.mesh(item_id)
        return MeshSolid.from_mesh(vertices, faces, item_id)

    def _entry(self, item_id: str) -> _Entry:
        if item_id not in self._entries:
            raise UserError(f"household has no item {item_id}: `argus3d data list household` names all of them.")
        return self._entries[item_id]


def read_class_table(path: Path) -> list[dict[str, str]]:
    """Rows of the class table: library, index, name, category, and flat ("yes" or "no")."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def read_properties(library: Path) -> dict[str, str]:
    """The catalogue list of one .sh3f file: Java properties in Latin-1, with escapes and continued lines."""
    text = _read_member(library, PROPERTIES).decode("latin-1")
    text = re.sub(r"\\\r?\n[ \t]*", "", text)  # a line that ends in a backslash goes on in the next one
    lines = (line.lstrip() for line in text.splitlines())
    pairs = (line.split("=", 1) for line in lines if "=" in line and line[0] not in "#!")
    return {key.strip(): _unescape(value.strip()) for key, value in pairs}


def _unescape(text: str) -> str:
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text)
    return re.sub(r"\\(.)", r"\1", text)


def _entry(row: dict[str, str], properties: dict[str, str], library: Path) -> _Entry:
    index = row["index"]
    name = properties.get(f"name#{index}")
    if name != row["name"]:
        raise UserError(
            f"{library}: entry {index} is {name!r}, not {row['name']!r}; this is another version of {PACKAGE} than "
            f"{VERSION}: {WAYS_OUT}."
        )
    tags = [tag.strip() for tag in properties.get(f"tags#{index}", "").split(",")]
    absent = [key for key in ("model", "icon") if f"{key}#{index}" not in properties]
    if absent:
        raise UserError(f"{library}: entry {index} has no {absent[0]}; delete the file and {WAYS_OUT}.")
    item = Item(
        id=f"{_slug(row['library'])}-{int(index):03d}-{_slug(name)}",
        category=row["category"],
        caption=_caption(name, tags),
        source=HouseholdCatalogue.name,
        licence=LICENCES[row["library"]],
        creator=properties.get(f"creator#{index}", ""),
    )
    return _Entry(
        item=item,
        library=library,
        model=properties[f"model#{index}"].lstrip("/"),
        icon=properties[f"icon#{index}"].lstrip("/"),
        rotation=properties.get(f"modelRotation#{index}", ""),
    )


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def _caption(name: str, tags: list[str]) -> str:
    """Name and tags in plain words, such as "Armchair: seat, leather"."""
    words = [tag if tag.isupper() else tag.lower() for tag in tags if tag and tag not in SOURCE_TAGS]
    words = [word for word in dict.fromkeys(words) if word.lower() not in name.lower()]
    return f"{name}: {', '.join(words)}" if words else name


def _find_libraries(folder: Path, names: list[str]) -> dict[str, Path]:
    found = {name: next(iter(sorted(folder.rglob(f"{name}{LIBRARY_SUFFIX}"))), None) for name in names}
    missing = [f"{name}{LIBRARY_SUFFIX}" for name, path in found.items() if path is None]
    if missing:
        raise UserError(f"{folder} holds no {', '.join(missing)}: {WAYS_OUT}.")
    return {name: path for name, path in found.items() if path is not None}


def _read_member(library: Path, member: str) -> bytes:
    try:
        return read_zip_member(library, member)
    except (ValueError, OSError) as error:
        raise_if_machine(error, library)
        raise UserError(f"{library} is damaged ({error}): delete it and {WAYS_OUT}.") from error
