"""Vector quantisation: the nearest of a table of codes."""

import torch
from torch import Tensor, nn

from argus3d.config import AutoencoderConfig


class Quantizer(nn.Module):
    """Latents are taken to `code_dim` numbers, replaced by the nearest code, and taken back.

    Source: VQ-VAE (van den Oord et al. 2017) with the low-dimensional look-up of ViT-VQGAN, as in the released model.
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.token_shape = config.token_shape
        self.to_code = nn.Linear(config.latent_channels, config.code_dim)
        self.codebook = nn.Embedding(config.codebook_size, config.code_dim)
        self.from_code = nn.Linear(config.code_dim, config.latent_channels)
        nn.init.uniform_(self.codebook.weight, -1 / config.codebook_size, 1 / config.codebook_size)

    def project(self, latent: Tensor) -> Tensor:
        """latent (B, E, *token_shape) -> (B, T, D), row-major."""
        return self.to_code(latent.flatten(2).transpose(1, 2))

    def nearest(self, codes: Tensor) -> Tensor:
        """Index of the nearest code, the lowest on a tie: (..., D) -> (...) int64. float32 whatever the input."""
        flat = codes.detach().reshape(-1, codes.shape[-1]).float()
        table = self.codebook.weight.detach().float()
        # Pieces bound the memory: 16 shapes against 8,192 codes would be a matrix of 0.5 GB.
        pieces = [
            (piece.square().sum(1, keepdim=True) + table.square().sum(1) - 2 * piece @ table.T).argmin(1)
            for piece in flat.split(4096)
        ]
        return torch.cat(pieces).view(codes.shape[:-1])

    def expand(self, codes: Tensor) -> Tensor:
        """codes (B, T, D) -> latent (B, E, *token_shape)."""
        return self.from_code(codes).transpose(1, 2).unflatten(2, self.token_shape)

    def lookup(self, tokens: Tensor) -> Tensor:
        """tokens (B, T) int64 -> latent (B, E, *token_shape)."""
        return self.expand(self.codebook(tokens))
