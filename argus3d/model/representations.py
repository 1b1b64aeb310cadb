"""What stands between a cloud and its tokens: planes that are coupled, planes apart, or a grid of cells.

The papers compare these three; tokens of a shape are S^2, 3 S^2 and S^3. What each module takes and gives is in its
docstring; the quantiser and the layers of the occupancy decoder are common to all.
"""

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from argus3d.config import AutoencoderConfig
from argus3d.model.coordinates import plane_coordinates
from argus3d.model.coupler import Convolution, Coupler, Uncoupler, downsampling, upsampling
from argus3d.model.decoder import OccupancyDecoder
from argus3d.model.encoder import PointEncoder
from argus3d.model.unet import UNet


class PlaneDownsampler(nn.Module):
    """planes (B, 3, C, R, R) -> latent (B, E, 3, S, S), each plane alone and by the same weights."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.mix = _mixing(config, nn.Conv2d)
        self.down = downsampling(config, nn.Conv2d)

    def forward(self, planes: Tensor) -> Tensor:
        latents = self.down(self.mix(planes.flatten(0, 1)))  # (B*3, E, S, S)
        return latents.unflatten(0, planes.shape[:2]).transpose(1, 2)


class PlaneUpsampler(nn.Module):
    """latent (B, E, 3, S, S) -> planes (B, 3, C, R, R), each plane alone and by the same weights."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.net = _Upsampler(config, nn.Conv2d, 2)

    def forward(self, latent: Tensor) -> Tensor:
        apart = latent.transpose(1, 2)  # (B, 3, E, S, S)
        return self.net(apart.flatten(0, 1)).unflatten(0, apart.shape[:2])


class GridEncoder(PointEncoder):
    """points (B, N, 3) -> volume (B, C, R, R, R) float32, axes z, y, x; empty cells are 0.

    Source: Convolutional Occupancy Networks (Peng et al. 2020), where points are pooled into a grid.
    """

    def forward(self, points: Tensor) -> Tensor:
        side = self.resolution
        cells = grid_cells(plane_coordinates(points, self.padding), side)
        flat = self.features_of_cells(points, cells[None], side**3)[:, 0]  # (B, R^3, C)
        return flat.unflatten(1, (side,) * 3).permute(0, 4, 1, 2, 3)


class GridDownsampler(nn.Module):
    """volume (B, C, R, R, R) -> latent (B, E, S, S, S)."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.mix = _mixing(config, nn.Conv3d)
        self.down = downsampling(config, nn.Conv3d)

    def forward(self, volume: Tensor) -> Tensor:
        return self.down(self.mix(volume))


class GridUpsampler(nn.Module):
    """latent (B, E, S, S, S) -> volume (B, C, R, R, R)."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.net = _Upsampler(config, nn.Conv3d, 3)

    def forward(self, latent: Tensor) -> Tensor:
        return self.net(latent)


class GridDecoder(OccupancyDecoder):
    """volume (B, C, R, R, R), queries (B, Q, 3) -> logits (B, Q), of trilinear samples."""

    def sample_planes(self, planes: Tensor, queries: Tensor) -> Tensor:
        """Trilinear samples of a volume (B, C, R, R, R) at `queries`, edges repeated: (B, Q, C)."""
        places = 2 * plane_coordinates(queries, self.padding) - 1
        sampled = F.grid_sample(
            planes, places[:, :, None, None], padding_mode="border", align_corners=not self.aligned
        )  # (B, C, Q, 1, 1)
        return sampled[..., 0, 0].transpose(1, 2)


def grid_cells(unit: Tensor, resolution: int) -> Tensor:
    """Flat cell of each point of `unit` (..., 3) in [0, 1): x + resolution * (y + resolution * z), int64."""
    x, y, z = (unit * resolution).long().unbind(-1)
    return x + resolution * (y + resolution * z)


class _Upsampler(nn.Module):
    """A U-Net over tokens, up to the cells, and a U-Net over these: what `Uncoupler` does but for its splitting."""

    def __init__(self, config: AutoencoderConfig, convolution: Convolution, dimensions: int) -> None:
        super().__init__()
        channels, latent, depth = config.plane_channels, config.latent_channels, config.unet_depth
        self.unet = UNet(latent, latent, depth, config.latent_filters or config.unet_filters, dimensions)
        self.up = upsampling(config, convolution)
        self.split = _mixing(config, convolution)
        self.cell_unet = UNet(channels, channels, depth, config.unet_filters, dimensions)

    def forward(self, latent: Tensor) -> Tensor:
        cells: Tensor = self.cell_unet(self.split(self.up(self.unet(latent))))
        return cells


def _mixing(config: AutoencoderConfig, convolution: Convolution) -> nn.Sequential:
    channels = config.plane_channels
    return nn.Sequential(
        convolution(channels, channels, 3, padding=1), nn.ReLU(),
        convolution(channels, channels, 3, padding=1), nn.ReLU(),
        convolution(channels, channels, 1),
    )  # fmt: skip


class Modules(NamedTuple):
    """The four that differ from one representation to another."""

    encoder: type[PointEncoder]
    coupler: type[nn.Module]
    uncoupler: type[nn.Module]
    decoder: type[OccupancyDecoder]


MODULES = {
    "coupled": Modules(PointEncoder, Coupler, Uncoupler, OccupancyDecoder),
    "triplane": Modules(PointEncoder, PlaneDownsampler, PlaneUpsampler, OccupancyDecoder),
    "grid": Modules(GridEncoder, GridDownsampler, GridUpsampler, GridDecoder),
}
