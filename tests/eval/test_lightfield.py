"""Light fields against loops, what they do not change with, and their distances and bounds."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.transform import Rotation

from argus3d.errors import UserError
from eval.distances.light_field import outline, region, views
from eval.distances.light_field.silhouettes import RESOLUTION, silhouettes
from eval.distances.lightfield import DOUBLE, SHAPE, LightFieldPairs, lfd_like, light_field
from eval.distances.neighbours import Neighbours
from eval.distances.sets import Sets
from eval.metrics.coverage import coverage
from eval.metrics.ecd import ecd
from eval.metrics.mmd import mmd
from eval.metrics.one_nna import one_nna
from tests.reference import lightfield as reference
from tests.reference.trees import spanning_trees

Matrix = npt.NDArray[np.float64]
Fields = npt.NDArray[np.uint8]
Mesh = tuple[Matrix, npt.NDArray[np.int64]]
quick = settings(max_examples=25, deadline=None)
few = settings(max_examples=4, deadline=None)
seeds = st.integers(0, 10_000)
CAMERAS = views.CAMERAS.reshape(-1, 2, 3)


def mesh_of(shape: trimesh.Trimesh) -> Mesh:
    return np.array(shape.vertices, np.float64), np.array(shape.faces, np.int64)


def chair() -> trimesh.Trimesh:
    """No symmetry but one mirror, panels along the axes."""
    boxes = [((0.8, 0.1, 0.8), (0, 0, 0)), ((0.8, 1.0, 0.1), (0, 0.5, -0.35))]
    boxes += [((0.1, 0.7, 0.1), (x, -0.35, z)) for x in (-0.35, 0.35) for z in (-0.35, 0.35)]
    return trimesh.util.concatenate([trimesh.creation.box(size).apply_translation(at) for size, at in boxes])


SHAPES: dict[str, Callable[[], trimesh.Trimesh]] = {
    "chair": chair,
    "torus": lambda: trimesh.creation.torus(1, 0.3),
    "cone": lambda: trimesh.creation.cone(0.4, 1),
    "rod": lambda: trimesh.creation.capsule(1, 0.15),
    "ellipsoid": lambda: trimesh.creation.icosphere(3).apply_scale((1, 0.7, 0.4)),
}


def random_fields(seed: int, size: int, levels: int = 256, copies: bool = False) -> Fields:
    """Light fields out of noise; of two levels many distances are equal, of one shape some are copies."""
    rng = np.random.default_rng(seed)
    out = (rng.integers(0, levels, (size, *SHAPE)) * (255 // max(1, levels - 1))).astype(np.uint8)
    if copies:
        out[-1], out[size // 2] = out[0], out[0]
    return out


def families(seed: int, kinds: int, size: int) -> Fields:
    """Light fields of a few kinds, each kind's alike."""
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 200, (kinds, 1, *SHAPE))
    return (base + rng.integers(0, 30, (kinds, size, *SHAPE))).reshape(-1, *SHAPE).astype(np.uint8)


def blob(seed: int, roughness: float) -> npt.NDArray[np.uint8]:
    """A silhouette of smoothed noise: parts, holes and thin bridges."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(RESOLUTION, RESOLUTION)), roughness)
    out = (noise > np.quantile(noise, 0.6)).astype(np.uint8)
    keep = np.zeros_like(out)
    keep[100:150, 90:150] = 1
    return out * keep


# --- views -----------------------------------------------------------------------------------------------------------


def test_the_sixty_alignments_are_the_rotations_of_a_dodecahedron() -> None:
    axes = views.VERTICES[: views.VIEWS]
    expected = {tuple(np.abs(axes @ matrix.T @ axes.T).argmax(axis=1)) for matrix in reference.rotations()}
    found = {tuple(permutation) for permutation in views.PERMUTATIONS}
    assert len(views.PERMUTATIONS) == len(found) == 60 and found == expected
    assert tuple(range(views.VIEWS)) in found
    for one in found:
        assert tuple(np.argsort(one)) in found, "inverses"
        assert all(tuple(one[to] for to in other) in found for other in found), "products"


def test_rotations_move_axes_as_their_permutations_say() -> None:
    axes = views.VERTICES[: views.VIEWS]
    for rotation, permutation in zip(views.ROTATIONS, views.PERMUTATIONS, strict=True):
        assert np.linalg.det(rotation) == pytest.approx(1) and rotation @ rotation.T == pytest.approx(np.eye(3))
        assert np.abs((axes @ rotation.T * axes[permutation]).sum(axis=1)) == pytest.approx(1)


def test_orientations_lie_far_apart_and_look_along_no_panel() -> None:
    for one in range(views.ORIENTATIONS):
        for other in range(one):
            turns = views.TURNS[other].T @ views.TURNS[one] @ views.ROTATIONS
            assert np.degrees(Rotation.from_matrix(turns).magnitude()).min() > 29
    directions = np.cross(CAMERAS[:, 0], CAMERAS[:, 1])
    assert np.linalg.norm(directions, axis=1) == pytest.approx(1)
    assert np.degrees(np.arcsin(np.abs(directions).min())) > 1.8


# --- silhouettes -----------------------------------------------------------------------------------------------------


@quick
@given(seeds, st.sampled_from([0.02, 0.2, 1.0]))
def test_silhouettes_are_those_of_every_pixel_and_triangle(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    middle = rng.uniform(-0.3, 0.3, (6, 1, 3))
    vertices = np.clip(middle + rng.uniform(-0.5, 0.5, (6, 3, 3)) * size, -0.5, 0.5).reshape(-1, 3)
    faces = np.arange(18).reshape(6, 3)
    camera = CAMERAS[seed % len(CAMERAS)]
    assert (silhouettes(vertices, faces, camera[None])[0] == reference.silhouette(vertices, faces, camera)).all()


def test_a_fine_closed_surface_leaves_no_crack() -> None:
    vertices, faces = mesh_of(trimesh.creation.icosphere(5, radius=0.5))
    seen = silhouettes(vertices, faces, CAMERAS)
    assert all((ndimage.binary_fill_holes(one) == one).all() for one in seen)
    assert (seen.sum(axis=(1, 2)) - np.pi * 64**2 < 40).all()


@few
@given(seeds)
def test_silhouettes_are_unions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vertices, faces = mesh_of(chair())
    expected = silhouettes(vertices / 1.5, faces, CAMERAS)
    mixed = rng.permutation(np.concatenate([faces, faces[::3]]))
    mixed = np.where(rng.random(len(mixed))[:, None] < 0.5, mixed, mixed[:, ::-1])
    assert (silhouettes(vertices / 1.5, mixed, CAMERAS) == expected).all(), "order, winding and copies of faces"
    parts = [silhouettes(vertices / 1.5, some, CAMERAS) for some in np.array_split(faces, 3)]
    assert (np.max(parts, axis=0) == expected).all()


# --- region and outline ----------------------------------------------------------------------------------------------


@few
@given(seeds, st.sampled_from([1.5, 6.0]))
def test_region_numbers_are_those_of_loops(seed: int, roughness: float) -> None:
    pixels = blob(seed, roughness)
    found = region.measure(pixels[None])[0]
    expected = reference.measure(pixels)
    assert found == pytest.approx(expected)
    some = pixels * 0
    some[100:108, 90:102] = pixels[100:108, 90:102] | np.eye(8, 12, dtype=np.uint8)
    measured = region.measure(some[None])
    reach = measured[:, region.REACH] * 1.3
    coefficients = region.region_coefficients(some[None], measured, reach)[0]
    _, row, column, *_ = measured[0]
    assert coefficients == pytest.approx(reference.region(some, row, column, reach[0]), abs=1e-9)


def test_numbers_of_plain_silhouettes() -> None:
    row, column = np.mgrid[:RESOLUTION, :RESOLUTION]
    disc = (np.hypot(row - 120, column - 130) <= 60.2).astype(np.uint8)
    line = ((row == 100) & (np.abs(column - 128) < 50)).astype(np.uint8)
    empty = np.zeros_like(disc)
    measured = region.measure(np.stack([disc, line, empty]))
    assert measured[0, :4] == pytest.approx((np.pi * 60.2**2, 120, 130, 60.1), rel=0.01)
    assert measured[0, region.CIRCULARITY] > 4 * measured[1, region.CIRCULARITY] > 0
    assert measured[0, region.ECCENTRICITY] == pytest.approx(0, abs=1e-6)
    assert measured[1, [region.AREA, region.ECCENTRICITY]].tolist() == [99, 1] and not measured[2].any()
    coefficients = region.region_coefficients(np.stack([disc, empty]), measured[[0, 2]], np.array([61.0, 0.0]))
    assert (coefficients[0, 2:] < 0.02).all(), "a disc has no angular frequencies"
    assert not coefficients[1].any()
    around = outline.contour_coefficients(np.stack([disc, line, empty]), measured[:, 1:3])
    assert (around[0] < 0.01).all() and around[1, 1] > 0.3 and not around[2].any()


@quick
@given(seeds, st.sampled_from([1.0, 2.0, 5.0]))
def test_an_outline_goes_around_what_touches_the_outside(seed: int, roughness: float) -> None:
    pixels = blob(seed, roughness)
    labels = ndimage.label(pixels, structure=np.ones((3, 3)))[0]
    largest = 1 + np.argmax(np.bincount(labels.ravel())[1:])
    part = (labels == largest).astype(np.uint8)
    around = outline.outline(part)
    assert {(int(row), int(column)) for row, column in around} == reference.border(part)
    steps = np.abs(np.diff(np.concatenate([around, around[:1]]), axis=0)).max(axis=1)
    assert (steps == 1).all() or len(around) == 1
    centre = np.array([[120.3, 131.7]])
    expected = reference.contour(around, *centre[0]) if len(around) >= 8 else np.zeros(10)
    assert outline.contour_coefficients(part[None], centre)[0] == pytest.approx(expected)


def test_parts_of_a_silhouette() -> None:
    def drawn(*boxes: tuple[int, int, int, int]) -> npt.NDArray[np.uint8]:
        out = np.zeros((RESOLUTION, RESOLUTION), np.uint8)
        for top, bottom, left, right in boxes:
            out[top:bottom, left:right] = 1
        return out

    def box(pixels: npt.NDArray[np.uint8]) -> tuple[int, int, int, int]:
        around = outline.outline(pixels)
        return tuple(int(v) for axis in (0, 1) for v in (around[:, axis].min(), around[:, axis].max()))  # type: ignore

    main = (100, 140, 100, 140)
    assert box(drawn(main, (60, 64, 100, 110))) == (100, 139, 100, 139), "a crumb does not count"
    ring = drawn(main)
    ring[105:135, 105:135] = 0
    hub = ring.copy()
    hub[115:125, 115:125] = 1
    assert np.array_equal(outline.outline(ring), outline.outline(hub)), "a hub is within its ring"
    assert box(drawn(main, (100, 140, 142, 170))) == (99, 140, 99, 170), "a gap of two pixels is bridged"
    assert box(drawn(main, (100, 140, 145, 170))) == (97, 142, 97, 172), "so is one of five"
    far = outline.outline(drawn(main, (60, 80, 180, 200)))
    assert len(far) == 2 * (79 + 99) and {60, 139} == set(far[np.isin(far[:, 1], (101, 150))][:, 0].tolist())
    assert outline.outline(drawn((7, 8, 9, 10))).tolist() == [[7, 9]]


# --- light fields ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fields() -> dict[str, Fields]:
    return {name: light_field(*mesh_of(make())) for name, make in SHAPES.items()}


def test_where_a_mesh_lies_and_its_size_change_nothing(fields: dict[str, Fields]) -> None:
    vertices, faces = mesh_of(chair())
    assert (light_field(vertices * 1024 + np.array((4096.0, -512.0, 8.0)), faces) == fields["chair"]).all()
    unused = np.concatenate([vertices, [[50.0, 50.0, 50.0], [np.nan, 0.0, 0.0]]])
    assert (light_field(unused, faces) == fields["chair"]).all(), "vertices of no face"
    assert lfd_like(light_field(vertices * 0.3 + 0.7, faces), fields["chair"]) < 100


@pytest.mark.parametrize("name", ["chair", "cone", "ellipsoid"])
def test_rotated_copies_are_near(fields: dict[str, Fields], name: str) -> None:
    vertices, faces = mesh_of(SHAPES[name]())
    others = min(lfd_like(fields[name], field) for other, field in fields.items() if other != name)
    # A rotation of the first dodecahedron moves its views onto each other, so that only pixels differ.
    turn = views.TURNS[0] @ views.ROTATIONS[17] @ views.TURNS[0].T
    assert lfd_like(light_field(vertices @ turn.T, faces), fields[name]) < 0.15 * others
    any_turn = Rotation.random(random_state=3).as_matrix()
    assert lfd_like(light_field(vertices @ any_turn.T, faces), fields[name]) < 0.4 * others
    mirrored = vertices * (-1, 1, 1)
    assert lfd_like(light_field(mirrored, faces), fields[name]) < 0.4 * others, "no looks tell a mirror image"


def test_a_view_without_a_pixel_has_zeros() -> None:
    along = np.cross(*views.CAMERAS[0, 0])
    across = views.CAMERAS[0, 0, 0]
    sheet = np.array([-along - across, along - across, along + across, -along + across])
    field = light_field(sheet, np.array([[0, 1, 2], [0, 2, 3]]))
    assert field.shape == SHAPE and field.dtype == np.uint8
    assert lfd_like(field, light_field(sheet[:3], np.array([[0, 1, 2]]))) > 0, "one triangle has looks, too"
    flat = light_field(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0.0]]), np.array([[0, 1, 2]]))
    assert flat.any(axis=2).all(), "a sheet along the axes is seen from everywhere"


@pytest.mark.parametrize(
    ("vertices", "faces", "reason"),
    [
        (np.zeros((0, 3)), np.zeros((0, 3), int), "without faces"),
        (np.eye(3), np.zeros((0, 3), int), "without faces"),
        (np.array([[0, 0, 0], [1, 0, 0], [0, np.nan, 0]]), [[0, 1, 2]], "not finite"),
        (np.array([[0, 0, 0], [1, 0, 0], [0, np.inf, 0]]), [[0, 1, 2]], "not finite"),
        (np.ones((3, 3)), [[0, 1, 2]], "one place"),
        (np.eye(3), [[0, 1, 3]], "names vertex 3"),
        (np.eye(3), [[0, 1, -1]], "names vertex -1"),
        (np.eye(3), [[0, 1, 2, 0]], "triangles"),
        (np.eye(3), [[0.0, 1.0, 2.0]], "triangles"),
        (np.eye(2), [[0, 1, 0]], "vertices of shape"),
        (np.outer((0.0, 0.37, 1.0), (0.31, 0.57, 0.83)), [[0, 1, 2]], "no surface is seen"),
    ],
)
def test_what_is_no_shape_is_named(vertices: Matrix, faces: npt.ArrayLike, reason: str) -> None:
    with pytest.raises(UserError, match=f"lamp-7: .*{reason}"):
        light_field(vertices, faces, "lamp-7")


# --- distances -------------------------------------------------------------------------------------------------------


@few
@given(seeds, st.sampled_from([2, 256]))
def test_distances_are_those_of_loops(seed: int, levels: int) -> None:
    a, b = random_fields(seed, 2, levels)
    assert lfd_like(a, b) == reference.lfd_like(a, b, views.PERMUTATIONS)


def test_the_largest_distance_fits(fields: dict[str, Fields]) -> None:
    black, white = np.zeros(SHAPE, np.uint8), np.full(SHAPE, 255, np.uint8)
    assert lfd_like(black, white) == views.VIEWS * 255 * int(DOUBLE.sum() + len(DOUBLE)) == 147_900
    assert lfd_like(black, black) == 0 and all(lfd_like(field, field) == 0 for field in fields.values())


@quick
@given(seeds, st.sampled_from([2, 5, 256]), st.booleans())
def test_distances_are_symmetric_and_bounds_hold(seed: int, levels: int, alike: bool) -> None:
    a = families(seed, 3, 2) if alike else random_fields(seed, 6, levels, copies=True)
    rows, columns = np.mgrid[:6, :6].reshape(2, -1)
    pairs = LightFieldPairs(a)
    exact = pairs.exact(rows, columns)
    assert (exact == pairs.exact(columns, rows)).all() and (exact == exact.round()).all()
    assert (exact == LightFieldPairs(a, a.copy()).exact(rows, columns)).all()
    lower, upper = pairs.bounds(rows, columns)
    assert (lower >= 0).all() and (lower <= exact).all() and (exact <= upper).all()
    # A copy whose dodecahedra come in another order, each turned, is the same shape.
    rng = np.random.default_rng(seed)
    turned = a[0][rng.permutation(10)][:, views.PERMUTATIONS[rng.integers(60)]]
    assert lfd_like(a[0], turned) == 0 and lfd_like(turned, a[1]) == exact[1]


@quick
@given(seeds, st.sampled_from([2, 256]), st.booleans())
def test_answers_are_those_of_the_matrix(seed: int, levels: int, alike: bool) -> None:
    every = families(seed, 4, 4) if alike else random_fields(seed, 16, levels, copies=True)
    a, b = every[:9], every[9:]
    full = LightFieldPairs(a, b).exact(*np.mgrid[:9, :7].reshape(2, -1)).reshape(9, 7)
    between = Neighbours(LightFieldPairs(a, b))
    for axis in (0, 1):
        index, distance = between.nearest(axis)
        assert (index == full.argmin(axis=axis)).all() and (distance == full.min(axis=axis)).all()
    own = Neighbours(LightFieldPairs(a))
    edges, trees = own.spanning_trees(2)
    found = [sorted(map(tuple, edges[tree * 8 : tree * 8 + 8].tolist())) for tree in range(trees)]
    assert found == spanning_trees(own.matrix(), 2)


@few
@given(seeds, st.booleans())
def test_set_metrics_work_on_light_fields(seed: int, alike: bool) -> None:
    every = families(seed, 4, 5) if alike else random_fields(seed, 20, 256, copies=True)
    full = LightFieldPairs(every).exact(*np.mgrid[:20, :20].reshape(2, -1)).reshape(20, 20)
    lazy, known = Sets(LightFieldPairs(every), 10), Sets.of_matrices(full[:10, 10:], full[:10, :10], full[10:, 10:])
    assert mmd(lazy) == mmd(known) and coverage(lazy) == coverage(known)
    assert one_nna(lazy) == one_nna(known) and ecd(lazy, 2) == ecd(known, 2)


def test_few_pairs_of_families_are_solved() -> None:
    own = Neighbours(LightFieldPairs(families(0, 12, 10)))
    own.nearest()
    assert own.solved < 120 * 119 // 2 // 4


@pytest.mark.parametrize(
    "wrong",
    [np.zeros(SHAPE, np.uint8), np.zeros((3, *SHAPE)), np.zeros((0, *SHAPE), np.uint8), np.zeros((2, 3), np.uint8)],
)
def test_other_arrays_are_refused(wrong: Fields) -> None:
    good = np.zeros((2, *SHAPE), np.uint8)
    with pytest.raises(ValueError, match="reference: expected"):
        LightFieldPairs(good, wrong)
    with pytest.raises(ValueError, match="generated: expected"):
        LightFieldPairs(wrong)
