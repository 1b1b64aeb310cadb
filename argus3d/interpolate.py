"""From the tokens of one shape to those of another, through codes that lie between."""

import torch
from torch import Tensor

from argus3d.errors import UserError
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.threads import one_thread


def interpolate_codes(autoencoder: ShapeAutoencoder, first: Tensor, last: Tensor, steps: int) -> Tensor:
    """Token grids on the way from one shape to another: at each place the code nearest to the mixture of both.

    first, last : (T,) int64, from the same autoencoder
    returns : (steps, T) int64, in equal steps from `first` to `last`, both included, each up to codes that are equal

    Raises: UserError for grids of another length or an unknown token, or fewer than 2 steps
    """
    size, length = autoencoder.config.codebook_size, autoencoder.config.tokens
    for tokens in (first, last):
        if tuple(tokens.shape) != (length,):
            raise UserError(f"a token grid of this autoencoder is ({length},), not {tuple(tokens.shape)}.")
        if int(tokens.min()) < 0 or int(tokens.max()) >= size:
            raise UserError(f"tokens must lie in 0 .. {size - 1}.")
    if steps < 2:
        raise UserError(f"{steps} steps lead nowhere; take 2 or more.")
    with torch.no_grad(), one_thread():
        start, end = autoencoder.quantizer.codebook(torch.stack([first, last]))  # (T, D) each
        share = torch.linspace(0, 1, steps, device=start.device)[:, None, None]
        return autoencoder.quantizer.nearest(torch.lerp(start[None], end[None], share))
