"""Tokens of planes apart and of grids of cells, beside the coupled ones."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from argus3d import checkpoint
from argus3d.config import ArgusConfig, AutoencoderConfig
from argus3d.errors import UserError
from argus3d.generator import ArgusGenerator, SamplingConfig
from argus3d.meshing import dense_occupancy, logit, occupancy_grid
from argus3d.meshing.volume import VolumeField
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.coordinates import plane_coordinates
from argus3d.model.representations import GridDecoder, grid_cells
from argus3d.model.transformer import ShapeTransformer
from tests.argus3d.sizes import AUTOENCODER, CLASSES, TRANSFORMER
from tests.reference import representations as reference

TRIPLANE = replace(AUTOENCODER, representation="triplane")
GRID = replace(AUTOENCODER, representation="grid")
APART = pytest.mark.parametrize("config", [TRIPLANE, GRID], ids=["triplane", "grid"])


def model_of(config: AutoencoderConfig) -> ShapeAutoencoder:
    torch.manual_seed(0)
    model = ShapeAutoencoder(config).eval()
    torch.nn.init.normal_(model.quantizer.codebook.weight)
    return model


def cloud(count: int = 60, rows: int = 2) -> torch.Tensor:
    return torch.rand(rows, count, 3, generator=torch.Generator().manual_seed(1)) - 0.5


@pytest.mark.parametrize(
    ("config", "tokens", "planes"),
    [(AUTOENCODER, 64, (3, 4, 16, 16)), (TRIPLANE, 192, (3, 4, 16, 16)), (GRID, 512, (4, 16, 16, 16))],
    ids=["coupled", "triplane", "grid"],
)
def test_shapes_of_every_step(config: AutoencoderConfig, tokens: int, planes: tuple[int, ...]) -> None:
    model, queries = model_of(config), cloud(30)
    found = model.encode(cloud())
    assert config.tokens == tokens and found.shape == (2, tokens) and found.dtype == torch.int64
    assert model.latents(cloud()).shape == (2, 8, *config.token_shape)
    assert model.decode(found).shape == (2, *planes)
    assert model.occupancy(model.decode(found), queries).shape == (2, 30)


def test_only_the_coupled_one_has_the_weights_of_the_released_model() -> None:
    coupled, triplane = model_of(AUTOENCODER).state_dict(), model_of(TRIPLANE).state_dict()
    assert "uncoupler.split.0.weight" in coupled and coupled.keys() != triplane.keys()
    assert AutoencoderConfig(**{k: v for k, v in asdict(AUTOENCODER).items() if k != "representation"}) == AUTOENCODER


def test_tokens_of_planes_apart_are_those_of_the_loop() -> None:
    model = model_of(TRIPLANE)
    planes = model.encoder(cloud())
    for row, tokens in enumerate(model.encode(cloud()).tolist()):
        assert tokens == reference.triplane_tokens(model, planes[row])


def test_tokens_of_a_plane_touch_that_plane_alone() -> None:
    model = model_of(TRIPLANE)
    tokens = torch.randint(16, (1, 192), generator=torch.Generator().manual_seed(2))
    before = model.decode(tokens)[0]
    for plane in range(3):
        changed = tokens.clone()
        changed[:, plane * 64 : (plane + 1) * 64] = (changed[:, plane * 64 : (plane + 1) * 64] + 1) % 16
        moved = (model.decode(changed)[0] != before).flatten(1).any(1)
        assert moved.tolist() == [other == plane for other in range(3)]


def test_planes_apart_see_points_of_their_own_coordinates_alone() -> None:
    # Moved along y, only the plane xz keeps its cells, and the features of points change: compare occupied cells.
    model, points = model_of(TRIPLANE), cloud(40, 1)
    moved = points.clone()
    moved[..., 1] = -moved[..., 1]
    before, after = ((model.encoder(one)[0] != 0).any(1) for one in (points, moved))
    assert torch.equal(before[0], after[0])
    assert not torch.equal(before[1], after[1])


def test_every_plane_goes_through_the_same_weights() -> None:
    model = model_of(TRIPLANE)
    plane = torch.randn(1, 1, 4, 16, 16)
    latent = model.coupler(plane.expand(-1, 3, -1, -1, -1))
    assert torch.equal(latent[:, :, 0], latent[:, :, 1]) and torch.equal(latent[:, :, 0], latent[:, :, 2])
    planes = model.uncoupler(latent)
    assert torch.equal(planes[:, 0], planes[:, 1]) and torch.equal(planes[:, 0], planes[:, 2])


def test_cells_of_space_are_those_of_the_loop_also_outside_the_box() -> None:
    points = (torch.rand(1, 200, 3) - 0.5) * 1.4
    cells = grid_cells(plane_coordinates(points, 0.1), 16)
    assert cells[0].tolist() == [reference.grid_cell(point, 16, 0.1) for point in points[0].numpy()]


def test_tokens_of_a_grid_begin_at_low_z_with_x_fastest() -> None:
    model = model_of(GRID)
    empty = model.coupler(torch.zeros(1, 4, 16, 16, 16))
    volume = torch.zeros(1, 4, 16, 16, 16)
    volume[0, :, 0, 0, 15] = 100.0  # the lowest z and y, the highest x
    changed = (model.quantizer.project(model.coupler(volume)) != model.quantizer.project(empty)).any(2)[0]
    assert 7 in torch.nonzero(changed).flatten().tolist()  # 8 cells of tokens a side
    assert changed[8 * 8 * 4 :].sum() == 0


@pytest.mark.parametrize("aligned", [False, True])
def test_samples_of_a_grid_are_trilinear(aligned: bool) -> None:
    model = model_of(replace(GRID, aligned=aligned))
    volume, queries = torch.randn(1, 4, 16, 16, 16), (torch.rand(1, 20, 3) - 0.5) * 1.3
    found = model.decoder.sample_planes(volume, queries)[0].detach().numpy()
    unit = plane_coordinates(queries[0], 0.1).double().numpy()
    places = 16 * unit - 0.5 if aligned else 15 * unit
    expected = [reference.trilinear(volume[0].double().numpy(), place) for place in places]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@APART
def test_gradients_reach_all_weights(config: AutoencoderConfig) -> None:
    model = model_of(config)
    for parameter in model.parameters():  # residual blocks begin at zero, which stops gradients behind them
        torch.nn.init.normal_(parameter, std=0.3)
    logits, losses = model(cloud(), cloud(30))
    (logits.square().mean() + model.quantization_loss(losses)).backward()
    silent = [name for name, one in model.named_parameters() if one.grad is None or not one.grad.abs().sum() > 0]
    assert silent == []


@APART
def test_forward_is_decode_of_encode(config: AutoencoderConfig) -> None:
    model, points, queries = model_of(config), cloud(), cloud(30)
    logits, _ = model(points, queries)
    torch.testing.assert_close(logits, model.occupancy(model.decode(model.encode(points)), queries))


@APART
def test_shapes_of_a_batch_do_not_mix_and_points_have_no_order(config: AutoencoderConfig) -> None:
    model, points = model_of(config), cloud(rows=3)
    alone = torch.cat([model.codes(row[None, torch.randperm(60)]) for row in points])
    torch.testing.assert_close(model.codes(points), alone)


@pytest.mark.parametrize("resolution", [12, 64])
def test_meshes_of_grids_are_of_the_decoder_at_every_sample(resolution: int) -> None:
    model = model_of(GRID)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    volume = torch.randn(4, 16, 16, 16, generator=torch.Generator().manual_seed(3))
    values = dense_occupancy(model, volume, resolution).numpy()
    lattice = np.stack(np.meshgrid(*[np.arange(resolution + 1)] * 3, indexing="ij"), 3).reshape(-1, 3)[::37]
    places = torch.from_numpy((1.1 * (lattice / resolution - 0.5)).astype(np.float32))
    with torch.no_grad():
        expected = model.occupancy(volume[None], places[None])[0].numpy()
    assert np.abs(values[tuple(lattice.T)] - expected).max() <= 1e-5 * np.abs(expected).max()
    # What refinement leaves out lies on the same side of the surface.
    threshold = 0.4
    near = occupancy_grid(model, volume, resolution, threshold).numpy()
    assert np.mean((near > logit(threshold)) == (values > logit(threshold))) > 0.99


def test_a_logit_of_a_grid_does_not_depend_on_what_is_asked_with_it() -> None:
    model, volume = model_of(GRID), torch.randn(4, 16, 16, 16, generator=torch.Generator().manual_seed(3))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    decoder = model.decoder
    assert isinstance(decoder, GridDecoder)
    index = np.random.default_rng(0).permutation(25**3)
    whole = VolumeField(decoder, volume, 24).logits(index)
    for count in (1, 5, 4097):
        assert np.array_equal(VolumeField(decoder, volume, 24).logits(index[:count]), whole[:count])
    with pytest.raises(UserError, match="logits that are not finite"):
        VolumeField(decoder, volume * torch.nan, 24).logits(index[:3])


def test_parts_are_described_plane_by_plane() -> None:
    model, points = model_of(TRIPLANE), cloud()
    latents, described = model.latents(points), model.describe_part(points)
    assert described.shape == (2, TRIPLANE.part_condition.length, TRIPLANE.part_condition.features) == (2, 48, 32)
    for plane in range(3):
        patch = latents[:, :, plane, 2:4, 4:6]  # row 1, column 2 of 4 x 4 patches
        torch.testing.assert_close(described[:, 16 * plane + 4 + 2], patch.flatten(1))


def test_what_a_representation_cannot_is_refused() -> None:
    with pytest.raises(UserError, match="'octree' is none of coupled, triplane, grid"):
        replace(AUTOENCODER, representation="octree")
    with pytest.raises(UserError, match=r"encoder_unet 'used' is a U-Net over planes"):
        replace(GRID, encoder_unet="used")
    with pytest.raises(UserError, match="a grid does not describe parts"):
        model_of(GRID).describe_part(cloud())


@APART
def test_checkpoints_come_back_and_sample_meshes(config: AutoencoderConfig, tmp_path: Path) -> None:
    transformer = replace(TRANSFORMER, tokens=config.tokens, positions=config.tokens)
    sizes = ArgusConfig(config, transformer)
    argus = checkpoint.Argus(sizes, model_of(config), ShapeTransformer(transformer).eval(), CLASSES, 0.5)
    checkpoint.save(argus, tmp_path / "model")
    loaded = ArgusGenerator.load(str(tmp_path / "model"))
    assert loaded.argus.config == sizes
    tokens = loaded.argus.autoencoder.encode(cloud())
    assert torch.equal(tokens, argus.autoencoder.encode(cloud()))
    made = [
        one.sample("lamp", 2, config=SamplingConfig(top_k=16, resolution=8)) for one in (loaded, ArgusGenerator(argus))
    ]
    for ours, theirs in zip(*made, strict=True):
        assert ours.tokens.shape == (config.tokens,)
        assert np.array_equal(ours.tokens, theirs.tokens) and np.array_equal(ours.vertices, theirs.vertices)
