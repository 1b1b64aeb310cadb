"""Tokens from a transformer: one token a step with a key-value cache, one random stream a sample."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from argus3d.errors import UserError
from argus3d.model.transformer import KeyValueCache, ShapeTransformer

# Matrix products of other shapes round otherwise, and one token in some millions would come out different. Rows are
# therefore always computed sixteen at a time, the last tile filled up, and a sample is the same in any batch.
TILE = 16

Choose = Callable[[Tensor, Tensor], Tensor]  # logits (B, V), uniform numbers (B,) -> tokens (B,)


def filter_logits(logits: Tensor, top_k: int | None, top_p: float | None) -> Tensor:
    """Logits (B, V) with everything but the likeliest set to -inf; ties with the k-th largest are kept.

    top_p keeps the fewest tokens whose probabilities sum to at least top_p (after top_k).
    """
    if top_k is not None and top_k < logits.shape[1]:
        kth = logits.topk(top_k, dim=1).values[:, -1:]
        logits = logits.masked_fill(logits < kth, -torch.inf)
    if top_p is not None:
        ordered, order = logits.softmax(1).sort(dim=1, descending=True)
        surplus = ordered.cumsum(1) - ordered >= top_p
        logits = logits.masked_fill(torch.zeros_like(surplus).scatter(1, order, surplus), -torch.inf)
    return logits


@torch.no_grad()
def sample_tokens(
    transformer: ShapeTransformer, condition: Tensor, *, seeds: Sequence[int], top_k: int | None = 250,
    top_p: float | None = None, temperature: float = 1.0, greedy: bool = False, known: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """One token grid for each row of `condition`.

    condition : (B,) int64 class indices, on the transformer's device
    seeds : B numbers; a row's tokens depend on its own seed and condition alone
    known : (B, T) int64 or None; tokens >= 0 are held fixed, -1 are sampled

    Returns (B, T) int64. Raises: UserError for a setting out of range, naming it.
    """
    config = transformer.config
    _check(config.vocabulary, config.classes, condition, seeds, top_k, top_p, temperature)
    # One number in [0, 1) a sample and step, drawn ahead: nothing else is random.
    streams = [np.random.default_rng([seed, 0xA26]).random(config.tokens) for seed in seeds]
    uniform = torch.from_numpy(np.stack(streams)).to(condition.device)  # (B, T) float64
    fixed = torch.full_like(uniform, -1, dtype=torch.int64) if known is None else known

    def choose(logits: Tensor, numbers: Tensor) -> Tensor:
        return logits.argmax(1) if greedy else _draw(logits, numbers, top_k, top_p, temperature)

    tiles = zip(condition.split(TILE), uniform.split(TILE), fixed.split(TILE), strict=True)
    return torch.cat([_sample_tile(transformer, *tile, choose) for tile in tiles])


def _sample_tile(
    transformer: ShapeTransformer, condition: Tensor, uniform: Tensor, known: Tensor, choose: Choose
) -> Tensor:
    """Tokens (B, T) of at most `TILE` rows."""
    rows = len(condition)
    condition, uniform, known = (_filled(part) for part in (condition, uniform, known))
    tokens = torch.empty_like(known)
    cache = KeyValueCache.empty(transformer.config, TILE, transformer.emb.weight)
    logits = transformer.start(condition, cache)
    for step in range(tokens.shape[1]):
        choice = torch.where(known[:, step] >= 0, known[:, step], choose(logits, uniform[:, step]))
        tokens[:, step] = choice
        if step + 1 < tokens.shape[1]:
            logits = transformer.advance(choice, cache)
    return tokens[:rows]


def _filled(part: Tensor) -> Tensor:
    """`TILE` rows: those of `part`, then copies of its first."""
    return torch.cat([part, part[:1].expand(TILE - len(part), *part.shape[1:])])


def _draw(logits: Tensor, uniform: Tensor, top_k: int | None, top_p: float | None, temperature: float) -> Tensor:
    """The token at which the cumulative probability passes `uniform` (B,)."""
    probability = filter_logits(logits.double() / temperature, top_k, top_p).softmax(1)
    cumulative = probability.cumsum(1)
    # Scaling by the last entry keeps the search inside the table whatever the rounding of the sum.
    return torch.searchsorted(cumulative, (uniform * cumulative[:, -1])[:, None], right=True)[:, 0]


def _check(
    vocabulary: int, classes: int, condition: Tensor, seeds: Sequence[int],
    top_k: int | None, top_p: float | None, temperature: float,
) -> None:  # fmt: skip
    if len(seeds) != len(condition):
        raise UserError(f"{len(condition)} conditions need as many seeds, not {len(seeds)}.")
    if len(condition) == 0 or int(condition.min()) < 0 or int(condition.max()) >= classes:
        raise UserError(f"class indices must lie in 0 .. {classes - 1}; got {condition.tolist()}.")
    if top_k is not None and not 1 <= top_k <= vocabulary:
        raise UserError(f"top_k {top_k} must lie in 1 .. {vocabulary}, the size of the vocabulary.")
    if top_p is not None and not 0 < top_p <= 1:
        raise UserError(f"top_p {top_p} must lie in (0, 1].")
    if temperature <= 0:
        raise UserError(f"temperature {temperature} must be positive; use greedy for the likeliest tokens.")
