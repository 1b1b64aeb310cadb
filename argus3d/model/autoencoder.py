"""Stage 1: a shape to tokens and back to occupancy."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from argus3d.config import AutoencoderConfig
from argus3d.model.initial import he_normal
from argus3d.model.places import into_patches
from argus3d.model.quantizer import Quantizer
from argus3d.model.representations import MODULES


class AutoencoderLosses(NamedTuple):
    """The two terms of the quantisation loss, unweighted: codes towards latents, and latents towards codes."""

    codebook: Tensor
    commitment: Tensor


class ShapeAutoencoder(nn.Module):
    """Point cloud -> planes -> tokens -> planes -> occupancy.

    Shapes are those of the representations "coupled" and "triplane"; a "grid" has a volume (B, C, R, R, R) of cells
    z, y, x where these have planes.

    Source: ImAM (arXiv 2303.14700) section 3.1 and Argus-3D (arXiv 2402.12225), in the form of the released model.
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        modules = MODULES[config.representation]
        self.encoder = modules.encoder(config)
        self.coupler = modules.coupler(config)
        self.quantizer = Quantizer(config)
        self.uncoupler = modules.uncoupler(config)
        self.decoder = modules.decoder(config)
        he_normal(self)

    def codes(self, points: Tensor) -> Tensor:
        """What gets quantised: points (B, N, 3) in [-0.55, 0.55] -> (B, T, D), T row-major over `token_shape`."""
        return self.quantizer.project(self.latents(points))

    def latents(self, points: Tensor) -> Tensor:
        """points (B, N, 3) in [-0.55, 0.55] -> (B, E, *token_shape), before they are quantised."""
        # The PointNet stays in float32: sums over cells and coordinates of a thousandth lose too much in bfloat16.
        with torch.autocast(points.device.type, enabled=False):
            planes = self.encoder(points)
        latents: Tensor = self.coupler(planes)
        return latents

    def describe_part(self, points: Tensor) -> Tensor:
        """What a part (B, N, 3) says to stage 2: its latents in patches of 2 x 2 cells, (B, T / 4, 4 E) float32.

        Raises: UserError for a grid, see `AutoencoderConfig.part_condition`.
        """
        sizes = self.config.part_condition
        latents = self.latents(points).float()
        planes = latents.reshape(len(points), self.config.latent_channels, -1, *latents.shape[-2:]).transpose(1, 2)
        return into_patches(planes).reshape(len(points), sizes.length, sizes.features)

    def encode(self, points: Tensor) -> Tensor:
        """points (B, N, 3) -> tokens (B, T) int64 in [0, codebook_size)."""
        return self.quantizer.nearest(self.codes(points))

    def decode(self, tokens: Tensor) -> Tensor:
        """tokens (B, T) int64 -> planes (B, 3, C, R, R), order xz, xy, yz."""
        return self.uncoupler(self.quantizer.lookup(tokens))

    def occupancy(self, planes: Tensor, queries: Tensor) -> Tensor:
        """planes (B, 3, C, R, R), queries (B, Q, 3) -> logits (B, Q); probability = sigmoid."""
        return self.decoder(planes, queries)

    def forward(self, points: Tensor, queries: Tensor) -> tuple[Tensor, AutoencoderLosses]:
        """Logits (B, Q) through the quantiser with straight-through gradients, and the quantisation losses."""
        codes = self.codes(points)
        nearest = self.quantizer.codebook(self.quantizer.nearest(codes))
        losses = AutoencoderLosses(F.mse_loss(nearest, codes.detach()), F.mse_loss(codes, nearest.detach()))
        straight = codes + (nearest - codes).detach()
        return self.occupancy(self.uncoupler(self.quantizer.expand(straight)), queries), losses

    def quantization_loss(self, losses: AutoencoderLosses) -> Tensor:
        """The released weighting: `codebook_weight` on the codebook term and 1 on the commitment term."""
        return losses.commitment + self.config.codebook_weight * losses.codebook
