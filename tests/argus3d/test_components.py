"""The components source: what is taken out of KiCad's packages, under which licence, and which parts are alike."""

import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from argus3d.data import components
from argus3d.data.components import ComponentsCatalogue, fetch_components, series_of, spread
from argus3d.data.files import sha256_file
from argus3d.errors import UserError
from tests.argus3d.archives import tar, write_deb
from tests.argus3d.test_kicad import COPYRIGHT

MODELS = "usr/share/kicad/3dmodels"
FOOTPRINTS = "usr/share/kicad/footprints"


def model(width: float, depth: float, height: float, comment: str = "") -> bytes:
    """A box on the board with a plate through it, as KiCad writes models."""
    points = ", ".join(f"{x * width} {y * depth} {z * height}" for x in (0, 1) for y in (0, 1) for z in (0, 1))
    sides = "0,1,3,2,-1,4,6,7,5,-1,0,4,5,1,-1,2,3,7,6,-1,0,2,6,4,-1,1,5,7,3,-1"
    shape = f"geometry IndexedFaceSet {{ coordIndex [{sides}] coord Coordinate {{ point [{points}] }} }}"
    return f"#VRML V2.0 utf8\n# {comment}\nShape {{ {shape} }}\n".encode()


def footprint(description: str, path: str, tags: str = "") -> bytes:
    return (
        f'(footprint "x" (layer "F.Cu")\n  (descr "{description}")\n  (tags "{tags}")\n'
        f'  (model "${{KICAD6_3DMODEL_DIR}}/{path}"\n    (offset (xyz 0 0 0)))\n)\n'
    ).encode()


TREE = {
    "usr/share/doc/kicad-packages3d/copyright": COPYRIGHT.encode(),
    f"{MODELS}/Resistor_THT.3dshapes/R_Axial_L3.6mm.wrl": model(1, 2, 4),
    f"{MODELS}/Resistor_THT.3dshapes/R_Axial_L3.6mm.step": b"ISO-10303-21;",
    f"{MODELS}/Resistor_THT.3dshapes/R_Copy.wrl": model(1, 2, 4, "of another year"),
    f"{MODELS}/Capacitor_THT.3dshapes/CP_Axial.wrl": model(2, 2, 3),
    f"{MODELS}/Capacitor_THT.3dshapes/C_Disc.wrl": model(2, 5, 3),
    f"{MODELS}/LED.3dshapes/LED_Red_2,5mm.wrl": model(5, 1, 1),
    f"{MODELS}/MountingEquipment.3dshapes/Rail.wrl": model(9, 1, 1),
}
LIBRARY = {
    f"{FOOTPRINTS}/Resistor_THT.pretty/A_first.kicad_mod": footprint(
        "other", "Resistor_THT.3dshapes/R_Axial_L3.6mm.wrl"
    ),
    f"{FOOTPRINTS}/Resistor_THT.pretty/R_Axial_L3.6mm.kicad_mod": footprint(
        "Resistor, axial (see http://example.org/a_(b).pdf), generated with kicad-footprint-generator",
        "Resistor_THT.3dshapes/R_Axial_L3.6mm.step",
    ),
    f"{FOOTPRINTS}/Resistor_THT.pretty/S.kicad_mod": footprint("later", "Resistor_THT.3dshapes/R_Axial_L3.6mm.wrl"),
    f"{FOOTPRINTS}/Cap.pretty/C.kicad_mod": footprint(
        "http://e.org/c", "Capacitor_THT.3dshapes/CP_Axial.wrl", "CP axial"
    ),
}
IDS = ["capacitor-cp-axial", "led-led-red-2-5mm", "resistor-r-axial-l3-6mm"]


def write_tree(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def write_packages(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for package, files in zip(components.PACKAGES, (TREE, LIBRARY), strict=True):
        write_deb(folder / f"{package.name}_1_all.deb", tar({f"./{name}": text for name, text in files.items()}))
    return folder


def trust(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the packages of a folder pass for the real ones."""
    sums = [sha256_file(folder / f"{package.name}_1_all.deb") for package in components.PACKAGES]
    known = tuple(replace(package, sha256=value) for package, value in zip(components.PACKAGES, sums, strict=True))
    monkeypatch.setattr(components, "PACKAGES", known)


@pytest.fixture
def catalogue(tmp_path: Path) -> ComponentsCatalogue:
    return ComponentsCatalogue(fetch_components(tmp_path / "data", write_tree(tmp_path / "tree", TREE | LIBRARY)))


def test_items_are_sorted_captioned_and_licensed(catalogue: ComponentsCatalogue) -> None:
    items = catalogue.items()
    assert [item.id for item in items] == IDS
    assert [item.category for item in items] == ["capacitor", "led", "resistor"]
    assert [item.caption for item in items] == ["CP axial", "LED Red 2,5mm", "Resistor, axial"]
    assert {item.licence for item in items} == {"CC-BY-SA-4.0-with-exception"}
    assert [item.creator for item in items] == ["Ann Other <ann@example.org>, Ben", "Some Community", "Some Community"]
    assert {item.source for item in items} == {"components"}
    assert catalogue.picture(IDS[0]) is None
    assert pickle.loads(pickle.dumps(catalogue)).items() == items  # workers get the catalogue by pickling


def test_every_model_is_counted(catalogue: ComponentsCatalogue) -> None:
    counts = catalogue.counts
    assert counts == {
        "found": 6,
        "in_classes": 5,
        "left_out_licence": 1,
        "left_out_copies": 1,
        "left_out_cap": 0,
        "taken": 3,
    }


def test_models_stand_on_the_board_and_are_normalised(catalogue: ComponentsCatalogue) -> None:
    vertices, faces = catalogue.mesh("resistor-r-axial-l3-6mm")
    np.testing.assert_allclose(vertices.min(axis=0), [0, 0, -2])  # KiCad's 1 x 2 board below, 4 high
    np.testing.assert_allclose(vertices.max(axis=0), [1, 4, 0])
    assert faces.shape == (12, 3)
    solid = catalogue.shape("resistor-r-axial-l3-6mm")
    np.testing.assert_allclose(np.ptp(solid.mesh()[0], axis=0), [0.25, 1, 0.5])
    assert solid.contains(np.array([[0.1, 0.45, 0.2], [0.2, 0.1, 0.1]])).tolist() == [True, False]


def test_packages_give_what_their_files_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalogue: ComponentsCatalogue
) -> None:
    packages = write_packages(tmp_path / "packages")
    with pytest.raises(
        UserError, match=r"kicad-packages3d_1_all\.deb is not kicad-packages3d 6\.0\.10-1: it is truncated"
    ):
        fetch_components(tmp_path / "other", packages)
    trust(packages, monkeypatch)
    folder = fetch_components(tmp_path / "other", packages)
    assert ComponentsCatalogue(folder).items() == catalogue.items()
    assert sorted(path.name for path in folder.iterdir()) == ["components.zip"]
    before = (folder / "components.zip").stat().st_mtime_ns
    monkeypatch.setenv("PATH", "")
    assert fetch_components(tmp_path / "other") == folder  # what is there already needs no apt
    assert fetch_components(tmp_path / "other", packages) == folder
    assert (folder / "components.zip").stat().st_mtime_ns == before


def test_the_archive_has_the_same_bytes_every_time(tmp_path: Path, catalogue: ComponentsCatalogue) -> None:
    again = fetch_components(tmp_path / "again", tmp_path / "tree")
    assert sha256_file(again / "components.zip") == sha256_file(tmp_path / "data/raw/components/components.zip")


def test_what_is_no_pair_of_packages_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = write_packages(tmp_path / "packages")
    trust(packages, monkeypatch)
    with pytest.raises(UserError, match=r"_all\.deb is no folder: components come of two packages"):
        fetch_components(tmp_path / "data", next(packages.iterdir()))
    (packages / "kicad-footprints_1_all.deb").unlink()
    with pytest.raises(UserError, match=r"holds no kicad-footprints_6\.0\.11-1_all\.deb"):
        fetch_components(tmp_path / "data", packages)
    with pytest.raises(UserError, match="holds no kicad-packages3d/copyright"):
        fetch_components(tmp_path / "data", write_tree(tmp_path / "bare", {"a/LED.3dshapes/a.wrl": model(1, 1, 1)}))
    rails = {name: content for name, content in TREE.items() if "Mounting" in name or "copyright" in name}
    with pytest.raises(UserError, match="holds no model of a class that is taken"):
        fetch_components(tmp_path / "data", write_tree(tmp_path / "rails", rails))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="apt-get is not on this machine"):
        fetch_components(tmp_path / "data")
    assert not (tmp_path / "data" / "raw" / "components" / "components.zip").exists()


def test_a_truncated_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = write_packages(tmp_path / "packages")
    trust(packages, monkeypatch)
    for package in packages.iterdir():
        whole = package.read_bytes()
        package.write_bytes(whole[:-100])
        with pytest.raises(UserError, match=rf"{package.name} is not .* truncated or another version"):
            fetch_components(tmp_path / "data", packages)
        package.write_bytes(whole)
    assert not (tmp_path / "data").exists()


def test_two_files_of_one_id_are_refused(tmp_path: Path) -> None:
    twice = TREE | {f"{MODELS}/LED_SMD.3dshapes/LED_Red_2.5mm.wrl": model(7, 1, 1)}
    with pytest.raises(
        UserError, match=r"LED_Red_2\.5mm\.wrl and .*LED_Red_2,5mm\.wrl would both be led-led-red-2-5mm"
    ):
        fetch_components(tmp_path / "data", write_tree(tmp_path / "tree", twice))


def test_bad_models_unknown_ids_and_damaged_archives_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no components\.zip"):
        ComponentsCatalogue(tmp_path)
    bad = TREE | {f"{MODELS}/LED.3dshapes/bad.wrl": b"#VRML V2.0 utf8\nShape {"}
    folder = fetch_components(tmp_path / "data", write_tree(tmp_path / "tree", bad))
    catalogue = ComponentsCatalogue(folder)
    with pytest.raises(UserError, match=r"^led-bad: .*cut short"):
        catalogue.shape("led-bad")
    with pytest.raises(UserError, match="no item led-none"):
        catalogue.mesh("led-none")
    (folder / "components.zip").write_bytes((folder / "components.zip").read_bytes()[:100])
    with pytest.raises(UserError, match=r"components\.zip is damaged"):
        ComponentsCatalogue(folder)
    with zipfile.ZipFile(folder / "components.zip", "w") as archive:
        archive.writestr("index.json", '{"counts"')
    with pytest.raises(UserError, match=r"components\.zip is damaged"):
        ComponentsCatalogue(folder)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("connector-pinheader-1x02-p2-54mm-vertical", "connector-pinheader-2x40-p1-00mm-vertical"),
        ("package-tssop-8-4-4x3mm-p0-65mm", "package-tssop-48-6-1x12-5mm-p0-5mm"),
        ("terminal-block-phoenix-mkds-1-5-2-5-08-1x02-p5-08mm", "terminal-block-phoenix-mkds-3-4-5-08-1x04-p5-08mm"),
        ("led-led-d5-0mm-3", "led-led-d5-0mm"),
        ("varistor-rv-disc-d7mm-w3-4mm-p5mm", "varistor-rv-disc-d7mm-w5-7mm-p5mm"),
    ],
)
def test_parts_that_differ_in_pins_pitch_or_length_are_one_series(one: str, other: str) -> None:
    assert series_of(one) == series_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("connector-pinheader-1x02-p2-54mm-vertical", "connector-pinheader-1x02-p2-54mm-horizontal"),
        ("connector-pinheader-1x02-p2-54mm-vertical", "connector-pinsocket-1x02-p2-54mm-vertical"),
        ("varistor-rv-disc-d7mm-w3-4mm-p5mm", "varistor-rv-disc-d9mm-w3-4mm-p5mm"),
        ("led-led-d5-0mm-3", "led-led-d3-0mm-3"),
        ("package-qfn-16-1ep-3x3mm", "package-dfn-16-1ep-3x3mm"),
    ],
)
def test_other_families_and_diameters_are_other_series(one: str, other: str) -> None:
    assert series_of(one) != series_of(other)


def test_the_cap_takes_of_every_series_in_turn() -> None:
    ids = [f"connector-a-1x{pins:02d}" for pins in range(50)] + [f"connector-b-1x{pins:02d}" for pins in range(3)]
    taken = spread([*ids, "connector-c"], 10)
    assert taken == sorted(taken)
    series = [series_of(item_id) for item_id in taken]
    assert {name: series.count(name) for name in series} == {
        "connector-a-#x#": 6,
        "connector-b-#x#": 3,
        "connector-c": 1,
    }
    assert taken == spread(reversed([*ids, "connector-c"]), 10)
    assert set(taken) < set(spread([*ids, "connector-c"], 20))
    assert spread(ids, 1000) == sorted(ids)


def test_classes_are_twelve_slugs() -> None:
    assert len(components.CLASSES) == 12
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", category) for category in components.CLASSES.values())
