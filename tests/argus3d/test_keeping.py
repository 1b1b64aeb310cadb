import numpy as np
import pytest
import torch
import trimesh
from scipy.spatial import cKDTree

from argus3d.data.procedural import ProceduralCatalogue
from argus3d.generator import ArgusGenerator, SamplingConfig
from argus3d.keeping import LEAST, NEAR, keep_part, lay_over
from argus3d.meshing import meshes_of_tokens
from argus3d.meshing.cubes import Mesh
from argus3d.prompts import Request


def cloud(points: int, seed: int, scale: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (points, 3)) * [1, scale, 1]


def rows(points: np.ndarray) -> set[tuple[float, ...]]:
    return {tuple(row) for row in points.astype(np.float32).tolist()}


@pytest.mark.parametrize("part_points", [40, 2000])
def test_the_part_takes_the_place_of_what_was_drawn_near_it(part_points: int) -> None:
    drawn, part = cloud(1000, 0), cloud(part_points, 1, 0.1)
    both = lay_over(drawn, part, 1000, np.random.default_rng(2))
    assert both.shape == (1000, 3) and both.dtype == np.float32
    own = np.array([tuple(row) in rows(part) for row in both.tolist()])
    assert own.mean() >= LEAST
    assert rows(both[~own]) <= rows(drawn)
    distances = np.linalg.norm(both[~own][:, None].astype(np.float64) - part[None], axis=2).min(1)
    assert distances.min() > NEAR - 1e-6


def test_drawn_points_away_from_the_part_stay() -> None:
    drawn, part = cloud(500, 0) * 0.1 + 0.4, cloud(300, 1) * 0.1 - 0.4
    both = lay_over(drawn, part, 1000, np.random.default_rng(2))
    assert rows(drawn) <= rows(both) and rows(part) <= rows(both)


def test_where_nothing_was_drawn_the_part_is_all() -> None:
    part = cloud(300, 1)
    assert rows(lay_over(np.empty((0, 3)), part, 1000, np.random.default_rng(2))) == rows(part)


@pytest.fixture(scope="module")
def nano() -> ArgusGenerator:
    return ArgusGenerator.load("nano")


def kept_share(part: np.ndarray, mesh: Mesh) -> float:
    """Share of the part's points within 0.05 of the surface of a mesh."""
    surface = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    points = trimesh.sample.sample_surface(surface, 16384, seed=0)[0]
    return float((cKDTree(points).query(part)[0] < 0.05).mean())


def test_a_completion_comes_nearer_to_its_part(nano: ArgusGenerator) -> None:
    model, catalogue, threshold = nano.argus.autoencoder, ProceduralCatalogue(), nano.argus.threshold
    for wanted, drawn in (("table-00000", "bottle-00001"), ("chair-00003", "airplane-00002")):
        whole = catalogue.shape(wanted).surface(4096, np.random.default_rng(0))[0]
        part = whole[whole[:, 1] < 0].astype(np.float32)
        other = trimesh.Trimesh(*catalogue.shape(drawn).mesh(), process=False)
        wrong = Mesh(np.asarray(other.vertices, np.float32), np.asarray(other.faces, np.int32))
        tokens = keep_part(model, wrong, part, seed=3)
        kept = next(iter(meshes_of_tokens(model, tokens[None], 64, threshold)))
        before, after = kept_share(part, wrong), kept_share(part, kept)
        assert after > before + 0.25, (wanted, before, after)
        assert (keep_part(model, wrong, part, seed=3) == tokens).all()


def test_surfaces_of_completions_go_through_their_parts(nano: ArgusGenerator) -> None:
    cut = []
    for name in ("chair-00003", "lamp-00002"):
        whole = ProceduralCatalogue().shape(name).surface(4096, np.random.default_rng(0))[0]
        cut.append(whole[whole[:, 1] < 0].astype(np.float32))
    tokens = torch.zeros((2, nano.argus.config.transformer.tokens), dtype=torch.int64)  # of anything at all
    wanted = [Request(str(number), part=part) for number, part in enumerate(cut)]
    for part, sample in zip(cut, nano.shapes(wanted, tokens, 0, SamplingConfig(resolution=64)), strict=True):
        surface = trimesh.Trimesh(sample.vertices, sample.faces, process=False)
        points = trimesh.sample.sample_surface(surface, 30_000, seed=0)[0]
        assert cKDTree(points).query(part)[0].max() < 0.03


def test_a_part_alone_is_a_shape(nano: ArgusGenerator) -> None:
    whole = ProceduralCatalogue().shape("sofa-00000").surface(4096, np.random.default_rng(0))[0]
    nothing = Mesh(np.empty((0, 3), np.float32), np.empty((0, 3), np.int32))
    tokens = keep_part(nano.argus.autoencoder, nothing, whole.astype(np.float32), seed=0)
    mesh = next(iter(meshes_of_tokens(nano.argus.autoencoder, tokens[None], 64, nano.argus.threshold)))
    assert kept_share(whole, mesh) > 0.95
