"""VRML files: what is read of them, where it ends up, and what is refused."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from argus3d.data.formats import wrl, wrl_scene
from argus3d.data.formats.wrl import read_wrl, wrl_mesh
from argus3d.data.formats.wrl_scene import fans
from argus3d.errors import UserError

TRIANGLE = (
    "Shape { geometry IndexedFaceSet { coordIndex [0,1,2,-1] coord Coordinate { point [0 0 0, 1 0 0, 0 1 0] } } }"
)
CORNERS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])


def mesh(text: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    return wrl_mesh(f"#VRML V2.0 utf8\n{text}".encode(), "thing")


def box(size: tuple[float, float, float]) -> str:
    """A box with a corner at the origin, its six sides as polygons turned outwards."""
    points = " ".join(f"{x * size[0]} {y * size[1]} {z * size[2]}," for x in (0, 1) for y in (0, 1) for z in (0, 1))
    sides = "0,1,3,2,-1,4,6,7,5,-1,0,4,5,1,-1,2,3,7,6,-1,0,2,6,4,-1,1,5,7,3"  # the last -1 may be missing
    return f"Shape {{ geometry IndexedFaceSet {{ coordIndex [{sides}] coord Coordinate {{ point [{points}] }} }} }}"


def volume(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> float:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return float(np.einsum("fi,fi->", a, np.cross(b, c)) / 6)


def fans_by_loops(corners: list[int]) -> list[list[int]]:
    """The slow, obvious twin of `fans`."""
    triangles: list[list[int]] = []
    polygon: list[int] = []
    for corner in [*corners, -1]:
        if corner >= 0:
            polygon.append(corner)
            continue
        triangles += [[polygon[0], polygon[k], polygon[k + 1]] for k in range(1, len(polygon) - 1)]
        polygon = []
    return triangles


@given(st.lists(st.integers(-1, 9), max_size=40))
def test_fans_agree_with_loops(corners: list[int]) -> None:
    assert fans(np.array(corners, np.int64)).tolist() == fans_by_loops(corners)


def test_a_box_of_polygons_is_closed_and_outward() -> None:
    vertices, faces = mesh(box((2, 3, 4)))
    assert vertices.dtype == np.float64
    assert faces.dtype == np.int64
    assert faces.shape == (12, 3)
    assert volume(vertices, faces) == pytest.approx(24)


def test_shapes_follow_one_another_and_materials_are_skipped() -> None:
    vertices, faces = mesh(
        """# a comment with [ { " in it
        WorldInfo { title "a } # no comment [" info ["x", "y]"] }
        Shape { appearance Appearance { material DEF PIN-01 Material { diffuseColor 0.8 0.8 0.8 shininess .1 } } }
        Shape { geometry IndexedFaceSet { creaseAngle 0.50 solid FALSE coordIndex [0,1,2,-1] # a comment ]
          color Color { color [1 0 0, 0 1 0] } texCoord NULL
          coord Coordinate { point [0 0 0 # here too
            1 0 0,0 1.0e0 0] } }
          appearance Appearance{material USE PIN-01 } }
        Shape{geometry IndexedFaceSet{coordIndex[0 1 2 -1]coord Coordinate{point[0 0 5,1 0 5,0 1 5]}}}
        """
    )
    np.testing.assert_array_equal(vertices, np.concatenate([CORNERS, CORNERS + np.array([0, 0, 5])]))
    assert faces.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_def_and_use_put_one_shape_in_several_places() -> None:
    vertices, faces = mesh(
        f"""Group {{ children [
          DEF part-1 {TRIANGLE}
          Transform {{ translation 0 0 2 children USE part-1 }}
          Transform {{ translation 0 0 3 children [ USE part-1, Group {{ children USE part-1 }} ] }}
        ] }}"""
    )
    assert faces.shape == (4, 3)
    assert vertices[:, 2].reshape(4, 3).tolist() == [[0] * 3, [2] * 3, [3] * 3, [3] * 3]


def test_points_of_a_line_set_can_be_used_by_a_face_set() -> None:
    vertices, _ = mesh(
        """Shape { geometry IndexedLineSet {
          coord DEF o1 Coordinate { point [0 0 0, 1 0 0, 0 1 0] } coordIndex [0 1 -1] } }
        Shape { geometry IndexedFaceSet { coord USE o1 coordIndex [0 1 2 -1] } }"""
    )
    np.testing.assert_array_equal(vertices, CORNERS)


@pytest.mark.parametrize(("choice", "height"), [(0, 0), (1, 7)])
def test_a_switch_shows_its_choice(choice: int, height: float) -> None:
    other = f"Transform {{ translation 0 0 7 children {TRIANGLE} }}"
    vertices, faces = mesh(f"Switch {{ whichChoice {choice} choice [ {TRIANGLE} {other} ] }}")
    assert faces.shape == (1, 3)
    assert set(vertices[:, 2]) == {height}


def test_a_skipped_choice_of_a_switch_keeps_its_number() -> None:
    assert mesh(f"Switch {{ whichChoice 1 choice [ Sound {{ }} {TRIANGLE} ] }}")[1].shape == (1, 3)


def test_nested_transforms_scale_then_turn_then_move() -> None:
    inner = f"Transform {{ scale 2 3 1 rotation 0 0 2 1.5707963267948966 translation 10 0 0 children {TRIANGLE} }}"
    vertices, _ = mesh(
        f"Transform {{ rotation 1 0 0 1.5707963267948966 children [ Group {{ children [ {inner} ] }} ] }}"
    )
    # inner: (x, y, z) -> (10 - 3 y, 2 x, z); outer: (x, y, z) -> (x, -z, y)
    np.testing.assert_allclose(vertices, [[10, 0, 0], [10, 0, 2], [7, 0, 0]], atol=1e-12)


def test_centre_and_scale_orientation() -> None:
    vertices, _ = mesh(f"Transform {{ center 1 0 0 scale 3 3 3 children {TRIANGLE} }}")
    np.testing.assert_allclose(vertices, [[-2, 0, 0], [1, 0, 0], [-2, 3, 0]])
    turned = f"Transform {{ scaleOrientation 0 0 1 1.5707963267948966 scale 5 1 1 children {TRIANGLE} }}"
    np.testing.assert_allclose(mesh(turned)[0], [[0, 0, 0], [1, 0, 0], [0, 5, 0]], atol=1e-12)


numbers = st.floats(-3, 3, allow_nan=False).map(lambda x: round(x, 3))


@settings(max_examples=40, deadline=None)
@given(st.tuples(numbers, numbers, numbers), st.tuples(numbers, numbers, numbers), numbers)
def test_turning_and_moving_back_is_the_same_mesh(
    move: tuple[float, ...], axis: tuple[float, ...], angle: float
) -> None:
    def words(values: tuple[float, ...]) -> str:
        return " ".join(map(repr, values))

    away = words(tuple(-x for x in move))
    start = f"Transform {{ translation {away} children {box((1, 2, 3))} }}"
    there = f"Transform {{ translation {words(move)} rotation {words(axis)} {angle!r} children {start} }}"
    moved = f"Transform {{ translation {away} children {there} }}"
    home = f"Transform {{ rotation {words(axis)} {-angle!r} children {moved} }}"
    np.testing.assert_allclose(mesh(home)[0], mesh(start)[0], atol=1e-9)


def test_mirrors_and_clockwise_faces_stay_outward() -> None:
    assert volume(*mesh(f"Transform {{ scale -1 1 1 children {box((1, 2, 3))} }}")) == pytest.approx(6)
    clockwise = box((1, 2, 3)).replace("IndexedFaceSet {", "IndexedFaceSet { ccw FALSE")
    assert volume(*mesh(clockwise)) == pytest.approx(-6)


def test_unknown_nodes_are_skipped_whole() -> None:
    hidden = f'Foo {{ bar [ {TRIANGLE} ] {{ }} "}}" }}'
    assert mesh(f"DEF a {hidden} {TRIANGLE} Group {{ children [ USE a {hidden} NULL ] bboxSize 1 2 3 }}")[1].shape == (
        1,
        3,
    )


FACES = "Shape {{ geometry IndexedFaceSet {{ coordIndex [{}] coord Coordinate {{ point [{}] }} }} }}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no faces"),
        ("Shape { }", "no faces"),
        (TRIANGLE[:-2], "cut short"),
        (TRIANGLE[:60], "cut short"),
        ('Group { children [ "', "cut short"),
        (FACES.format("0 1 3 -1", "0 0 0 1 0 0 0 1 0"), "names vertex 3, but its face set has only 3"),
        (FACES.format("0 1 -2 -1", "0 0 0 1 0 0 0 1 0"), "coordIndex holds something else"),
        (FACES.format("0 1 1.5 -1", "0 0 0 1 0 0 0 1 0"), "coordIndex holds something else"),
        (FACES.format("0 1 2 -1", "0 0 0 1 0 0 0 1"), "8 numbers cannot be values of 3"),
        (FACES.format("0 1 2 -1", "0 0 0 1 0 0 0 one 0"), "holds something else"),
        (FACES.format("0 1 2 -1", "0 0 0 1 0 0 0 1.2.3 0"), "holds something else"),
        (FACES.format("0 1 2 -1", "0 0 0 1 0 0 0 nan 0"), "NaN or infinity"),
        (FACES.format("0 1 2 -1", "0 0 0 1e999 0 0 0 1 0"), "NaN or infinity"),
        (
            f"Transform {{ scale 1e308 1 1 children Transform {{ scale 1e9 1 1 children {TRIANGLE} }} }}",
            "NaN",
        ),
        (f"Transform {{ translation [1 2 3 4 5 6] children {TRIANGLE} }}", "translation is not 3 numbers"),
        (f"Transform {{ translation 1 2 children {TRIANGLE} }}", "holds something else"),
        ("Shape { geometry USE cube }", "USE cube comes before any DEF cube"),
        ("DEF a Group { children USE a }", "USE a comes before any DEF a"),
        (f"{TRIANGLE} Shape {{ geometry Box {{ size 1 1 1 }} }}", "holds a Box"),
        ("Foo { [ } ]", "closes another bracket"),
        ("Group Group", "after Group comes 'Group', not '{'"),
        ("Group { children [ } ]", "after }"),
        ("Group { wide } ", "field wide has no value"),
        ("Group { children " * 70, "nested more than 64 deep"),
    ],
)
def test_malformed_files_are_one_sentence_with_the_name(text: str, reason: str) -> None:
    with pytest.raises(UserError, match=f"^thing: .*{re.escape(reason)}"):
        mesh(text)


def test_the_line_of_an_error_is_named() -> None:
    with pytest.raises(UserError, match=r"USE x comes before any DEF x \(line 4\)"):
        mesh("# one\n# two\nGroup { children USE x }")


def test_a_few_lines_cannot_stand_for_endless_faces_or_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrl, "MAX_FACES", 1000)
    monkeypatch.setattr(wrl_scene, "MAX_NODES", 5000)
    doubled = "".join(f"DEF a{k + 1} Group {{ children [ USE a{k} USE a{k} ] }}\n" for k in range(40))
    with pytest.raises(UserError, match="more than 1,000 faces"):
        mesh(f"DEF a0 {TRIANGLE}\n{doubled}")
    with pytest.raises(UserError, match=r"more than 5,\d{3} nodes"):
        mesh(f"DEF a0 Group {{ }}\n{doubled}")


def test_parts_may_be_placed_often_but_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrl, "FREE_FACES", 100)
    used = f"DEF a {TRIANGLE}" + "\nUSE a" * 200  # some bytes for each
    assert len(mesh(used)[1]) == 201
    whole = f"DEF b Group {{ children [ DEF a {TRIANGLE}" + " USE a" * 30 + " ] }\n"
    with pytest.raises(UserError, match=r"^thing: it has more than \d{3} faces or vertices, counted as often"):
        mesh(whole + "USE b\n" * 40)


def test_points_that_a_face_set_uses_again_and_again_are_counted_before_they_are_there() -> None:
    points = "DEF p Coordinate { point [" + " 0 0 1" * 3000 + "] }" + " USE p" * 3000
    with pytest.raises(UserError, match=r"more than 2,\d{3},\d{3} faces or vertices"):
        mesh(f"Shape {{ geometry IndexedFaceSet {{ coord [ {points} ] coordIndex [0 1 2] }} }}")


def test_files_are_read_and_others_named(tmp_path: Path) -> None:
    (tmp_path / "a.wrl").write_text(f"#VRML V2.0 utf8\r\n{TRIANGLE}")
    np.testing.assert_array_equal(read_wrl(tmp_path / "a.wrl")[0], CORNERS)
    (tmp_path / "b.wrl").write_text("#VRML V1.0 ascii\nSeparator { }")
    with pytest.raises(UserError, match=r"b\.wrl: it does not begin with #VRML V2\.0"):
        read_wrl(tmp_path / "b.wrl")
    with pytest.raises(UserError, match=r"c\.wrl does not exist"):
        read_wrl(tmp_path / "c.wrl")
