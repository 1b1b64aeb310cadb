"""The household source: libraries are found, read and checked against the class table."""

import pickle
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from argus3d.data import household
from argus3d.data.files import sha256_file
from argus3d.data.formats.meshes import checked_mesh, mesh_from_bytes
from argus3d.data.household import HouseholdCatalogue, fetch_household, read_class_table
from argus3d.errors import UserError
from tests.argus3d.archives import CUBE, library, tar, write_deb

NAMES = sorted(household.LICENCES)
TABLE = """library,index,name,category,flat
KatorLegaz,1,Puff,chair,no
Scopia,1,Armchair,chair,no
Scopia,2,Rug,carpet,yes
Scopia,3,Frame Hôi An 10€,picture,no
"""
SCOPIA = [
    {"name": "Armchair", "tags": "Seat, Modern, \\\n    LCD, Arm, Blend Swap", "modelRotation": "1 0 0 0 0 1 0 -1 0"},
    {"name": "Rug", "tags": ""},
    {"name": "Frame Hôi An 10\\u20ac", "tags": "", "creator": "Zo\\u00eb \\: Co"},
]


def write_libraries(folder: Path, meshes: dict[str, str] | None = None) -> Path:
    """The five libraries, of which Scopia and KatorLegaz hold what TABLE says."""
    folder.mkdir(parents=True)
    for name in NAMES:
        entries = SCOPIA if name == "Scopia" else [{"name": "Puff", "tags": "Seat"}]
        (folder / f"{name}.sh3f").write_bytes(library(name.lower(), entries, meshes or {}))
    return folder


def write_package(tmp_path: Path) -> Path:
    folder = write_libraries(tmp_path / "package" / "furniture")
    return write_deb(
        tmp_path / "p.deb", tar({f"./usr/share/{path.name}": path.read_bytes() for path in folder.iterdir()})
    )


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "table.csv").write_text(TABLE, encoding="utf-8")
    return tmp_path / "table.csv"


def test_items_are_sorted_named_and_licensed(tmp_path: Path, table: Path) -> None:
    catalogue = HouseholdCatalogue(write_libraries(tmp_path / "a" / "deep"), table)
    items = catalogue.items()
    assert [item.id for item in items] == ["katorlegaz-001-puff", "scopia-001-armchair", "scopia-003-frame-hoi-an-10"]
    assert [item.licence for item in items] == ["CC-BY-3.0-US", "CC-BY-3.0", "CC-BY-3.0"]
    assert [item.caption for item in items] == ["Puff: seat", "Armchair: seat, modern, LCD", "Frame Hôi An 10€"]
    assert items[2].creator == "Zoë : Co"
    assert {item.source for item in items} == {"household"}
    assert pickle.loads(pickle.dumps(catalogue)).items() == items  # workers get the catalogue by pickling


def test_mesh_and_picture_of_an_item(tmp_path: Path, table: Path) -> None:
    catalogue = HouseholdCatalogue(write_libraries(tmp_path / "a"), table)
    vertices, faces = catalogue.mesh("katorlegaz-001-puff")
    assert vertices.dtype == np.float64
    assert faces.dtype == np.int64
    assert faces.shape == (12, 3)
    np.testing.assert_allclose(np.ptp(vertices, axis=0), [2, 1, 3])
    assert catalogue.picture("katorlegaz-001-puff") == b"\x89PNG 1"


def test_the_rotation_of_the_list_is_applied(tmp_path: Path, table: Path) -> None:
    catalogue = HouseholdCatalogue(write_libraries(tmp_path / "a"), table)
    vertices, _ = catalogue.mesh("scopia-001-armchair")  # (x, y, z) -> (x, z, -y): a z-up model stands up
    np.testing.assert_allclose(vertices.min(axis=0), [0, 0, -1])
    np.testing.assert_allclose(vertices.max(axis=0), [2, 3, 0])


def test_shape_is_a_normalised_solid(tmp_path: Path, table: Path) -> None:
    catalogue = HouseholdCatalogue(write_libraries(tmp_path / "a"), table)
    solid = catalogue.shape("katorlegaz-001-puff")
    inside = solid.contains(np.array([[0.01, 0.02, 0.03], [0.01, 0.3, 0.03], [0.2, 0.1, 0.45]]))
    assert inside.tolist() == [True, False, True]


def test_unknown_ids_and_bad_meshes_name_the_item(tmp_path: Path, table: Path) -> None:
    flat = "v 0 0 0\nv 0 0 0\nv 0 0 0\nf 1 2 3"
    catalogue = HouseholdCatalogue(write_libraries(tmp_path / "a", {"1": flat, "3": "v 0 0 0\nv 1 0 0"}), table)
    with pytest.raises(UserError, match="no item scopia-999"):
        catalogue.mesh("scopia-999")
    with pytest.raises(UserError, match="katorlegaz-001-puff: all vertices"):
        catalogue.mesh("katorlegaz-001-puff")
    with pytest.raises(UserError, match="scopia-003-frame-hoi-an-10: "):
        catalogue.mesh("scopia-003-frame-hoi-an-10")


def test_missing_and_foreign_libraries_are_refused(tmp_path: Path, table: Path) -> None:
    folder = write_libraries(tmp_path / "a")
    table.write_text(TABLE.replace("Armchair", "Sofa"), encoding="utf-8")
    with pytest.raises(UserError, match="entry 1 is 'Armchair', not 'Sofa'; this is another version"):
        HouseholdCatalogue(folder, table)
    (folder / "Scopia.sh3f").write_bytes(b"PK cut short")
    with pytest.raises(UserError, match=r"Scopia\.sh3f is damaged"):
        HouseholdCatalogue(folder, table)
    (folder / "Scopia.sh3f").unlink()
    with pytest.raises(UserError, match=r"holds no Scopia\.sh3f"):
        HouseholdCatalogue(folder, table)


def test_fetch_from_a_given_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deb = write_package(tmp_path)
    with pytest.raises(UserError, match=r"p\.deb is not sweethome3d-furniture 1\.8-1: it is truncated"):
        fetch_household(tmp_path / "data", deb)
    monkeypatch.setattr(household, "SHA256", sha256_file(deb))
    folder = fetch_household(tmp_path / "data", deb)
    assert sorted(path.stem for path in folder.glob("*.sh3f")) == NAMES
    monkeypatch.setenv("PATH", "")
    assert fetch_household(tmp_path / "data") == folder  # what is there already needs no apt


def test_fetch_from_a_given_folder(tmp_path: Path) -> None:
    given = write_libraries(tmp_path / "given" / "usr" / "share")
    folder = fetch_household(tmp_path / "data", tmp_path / "given")
    assert sorted(path.stem for path in folder.glob("*.sh3f")) == NAMES
    assert fetch_household(tmp_path / "data", folder) == folder
    (given / "Scopia.sh3f").unlink()
    with pytest.raises(UserError, match=r"holds no Scopia\.sh3f"):
        fetch_household(tmp_path / "other", tmp_path / "given")
    assert not (tmp_path / "other").exists()


def test_fetch_without_apt_or_file_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="apt-get is not on this machine"):
        fetch_household(tmp_path / "data")
    with pytest.raises(UserError, match=r"none\.deb does not exist"):
        fetch_household(tmp_path / "data", tmp_path / "none.deb")


def test_class_table_is_whole() -> None:
    rows = read_class_table(household.CLASS_TABLE)
    assert Counter(row["library"] for row in rows) == {
        "BlendSwap-CC-0": 175,
        "BlendSwap-CC-BY": 135,
        "KatorLegaz": 90,
        "Reallusion": 25,
        "Scopia": 395,
    }
    assert len({(row["library"], row["index"]) for row in rows}) == 820
    assert all(row.keys() == {"library", "index", "name", "category", "flat"} and all(row.values()) for row in rows)
    assert Counter(row["flat"] for row in rows) == {"yes": 24, "no": 796}
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", row["category"]) for row in rows)


@pytest.mark.parametrize(
    ("library_name", "name", "category"),
    [
        ("Scopia", "Seat Leon", "car"),
        ("Scopia", "Tablet", "electronics"),
        ("BlendSwap-CC-0", "Biplane", "airplane"),
        ("BlendSwap-CC-0", "Bedside table", "cabinet"),
        ("BlendSwap-CC-0", "Table fan", "appliance"),
        ("BlendSwap-CC-0", "Child swing", "toy"),
        ("BlendSwap-CC-BY", "Abdominal bench", "sport"),
        ("BlendSwap-CC-BY", "Glass", "kitchenware"),  # on a stem
        ("KatorLegaz", "Glass", "mug"),  # without one
        ("KatorLegaz", "Keyboard", "musical_instrument"),
        ("Scopia", "Socket", "clothing"),  # a sock
        ("Scopia", "Indoor bike", "sport"),
        ("Scopia", "Puff", "chair"),
        ("Scopia", "Little bank", "bench"),
        ("Scopia", "Cooker", "appliance"),
    ],
)
def test_names_that_mislead_have_the_right_class(library_name: str, name: str, category: str) -> None:
    rows = read_class_table(household.CLASS_TABLE)
    assert {row["category"] for row in rows if (row["library"], row["name"]) == (library_name, name)} == {category}


TRIANGLE = [[0, 0, 0], [1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize(
    ("vertices", "faces", "reason"),
    [
        (TRIANGLE, np.empty((0, 3)), "no faces"),
        ([[0, 0, 0], [1, 0, np.nan], [0, 1, 0]], [[0, 1, 2]], "NaN or infinite"),
        ([[0, 0, 0], [1, 0, np.inf], [0, 1, 0]], [[0, 1, 2]], "NaN or infinite"),
        ([[1, 1, 1]] * 3, [[0, 1, 2]], "one point"),
        (TRIANGLE, [[0, 1, 3]], "names vertex 3"),
        (TRIANGLE, [[0, 1, -1]], "names vertex -1"),
    ],
)
def test_meshes_that_are_no_shape_are_refused(vertices: list[list[float]], faces: list[list[int]], reason: str) -> None:
    with pytest.raises(UserError, match=f"^thing: .*{reason}"):
        checked_mesh(vertices, faces, "thing")


def test_unused_vertices_are_dropped_even_where_they_are_nan() -> None:
    vertices, faces = checked_mesh([[np.nan] * 3, *TRIANGLE], [[1, 2, 3]], "thing")
    assert vertices.tolist() == TRIANGLE
    assert faces.tolist() == [[0, 1, 2]]


def test_contents_of_mesh_files_are_read_and_bad_ones_named() -> None:
    assert mesh_from_bytes(CUBE.encode(), "obj", "cube")[1].shape == (12, 3)
    for file_type, content in {"ply": "ply\nformat", "xyzzy": "?", "obj": ""}.items():
        with pytest.raises(UserError, match=f"^odd.{file_type}: "):
            mesh_from_bytes(content.encode(), file_type, f"odd.{file_type}")
