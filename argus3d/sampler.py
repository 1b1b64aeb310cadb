"""Tokens from a transformer: which are likely enough, which is drawn, one random stream a sample."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from argus3d.config import TransformerConfig
from argus3d.decoding import StepDecoder, tile_of
from argus3d.errors import UserError
from argus3d.model.transformer import ShapeTransformer

Progress = Callable[[float], None]  # told how many shapes' worth of tokens are done since it was last told


@dataclass(frozen=True)
class Draw:
    """How a token is drawn from logits; `greedy` takes the likeliest and leaves the rest without effect."""

    top_k: int | None = 250
    top_p: float | None = None
    temperature: float = 1.0
    greedy: bool = False

    def check(self, vocabulary: int) -> None:
        """Raises: UserError for a setting out of range that has an effect, naming it."""
        if self.greedy:
            return
        if self.top_k is not None and not 1 <= self.top_k <= vocabulary:
            raise UserError(f"top_k {self.top_k} must lie in 1 .. {vocabulary}, the size of the vocabulary.")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise UserError(f"top_p {self.top_p} must lie in (0, 1].")
        if not 0 < self.temperature < float("inf"):
            raise UserError(f"temperature {self.temperature} must be positive; use greedy for the likeliest tokens.")

    def choose(self, logits: Tensor, uniform: Tensor) -> Tensor:
        """Tokens (B,) int64 of logits (B, V) and numbers (B,) float64 in [0, 1)."""
        if self.greedy:
            return logits.argmax(1)
        kept = filter_logits(logits / self.temperature, self.top_k, self.top_p)
        cumulative = kept.double().softmax(1).cumsum(1)
        # The token at which the cumulative probability passes the number. Scaling by the last entry keeps the search
        # inside the table whatever the rounding of the sum.
        return torch.searchsorted(cumulative, (uniform * cumulative[:, -1])[:, None], right=True)[:, 0]


def filter_logits(logits: Tensor, top_k: int | None, top_p: float | None) -> Tensor:
    """Logits (B, V) with everything but the likeliest set to -inf; ties with the k-th largest are kept.

    top_p keeps the fewest tokens whose probabilities sum to at least top_p (after top_k).
    """
    if top_k is not None and top_k < logits.shape[1]:
        kth = logits.topk(top_k, dim=1, sorted=False).values.amin(1, keepdim=True)
        logits = logits.masked_fill(logits < kth, -torch.inf)
    if top_p is not None:
        ordered, order = logits.double().softmax(1).sort(dim=1, descending=True)
        surplus = ordered.cumsum(1) - ordered >= top_p
        logits = logits.masked_fill(torch.zeros_like(surplus).scatter(1, order, surplus), -torch.inf)
    return logits


class Sampler:
    """Token grids from one transformer under one way of drawing; what it sets up once serves every batch."""

    def __init__(self, transformer: ShapeTransformer, draw: Draw) -> None:
        """Raises: UserError for a setting of `draw` out of range."""
        draw.check(transformer.config.vocabulary)
        self.transformer, self.draw = transformer, draw
        self._decoder: StepDecoder | None = None

    def tokens(
        self, condition: Tensor, seeds: Sequence[int], known: Tensor | None = None, progress: Progress | None = None
    ) -> Tensor:  # fmt: skip
        """One token grid for each row of `condition`.

        condition : (B,) int64 class indices
        seeds : B numbers; a row's tokens depend on its own seed, condition and known tokens alone
        known : (B, T) int64 or None; tokens >= 0 are held fixed, -1 are sampled

        Returns (B, T) int64 on the transformer's device. Raises: UserError for arguments out of range.
        """
        config = self.transformer.config
        device = self.transformer.value_start.device
        _check(config, condition, seeds, known)
        # One number in [0, 1) a sample and step, drawn ahead: nothing else is random.
        streams = [np.random.default_rng([seed, 0xA26]).random(config.tokens) for seed in seeds]
        uniform = torch.from_numpy(np.stack(streams))  # (B, T) float64
        fixed = torch.full(uniform.shape, -1) if known is None else known
        tile = tile_of(device)
        parts = [part.to(device).split(tile) for part in (condition, uniform, fixed)]
        with _evaluating(self.transformer):
            return torch.cat([self._batch(c, u, k, progress) for c, u, k in zip(*parts, strict=True)])

    def _batch(self, condition: Tensor, uniform: Tensor, known: Tensor, progress: Progress | None) -> Tensor:
        """Tokens (B, T) of at most a tile of rows."""
        rows, steps = uniform.shape
        decoder = self._decoder_for(rows)
        # A last batch with fewer rows fills up with copies: a decoder of other size would have to be captured anew.
        spare = [part[:1].expand(decoder.rows - rows, *part.shape[1:]) for part in (condition, uniform, known)]
        filled = [torch.cat(pair) for pair in zip((condition, uniform, known), spare, strict=True)]
        tell = None if progress is None else lambda done: progress(rows * done / steps)
        return decoder.run(filled[0], filled[1], filled[2], steps, tell)[:rows]

    def _decoder_for(self, rows: int) -> StepDecoder:
        """A decoder of at least so many rows."""
        if self._decoder is None or self._decoder.rows < rows:
            self._decoder = None  # its cache is let go before the next one is allocated
            self._decoder = StepDecoder(self.transformer, rows, self.draw.choose)
        return self._decoder


def sample_tokens(
    transformer: ShapeTransformer, condition: Tensor, *, seeds: Sequence[int], top_k: int | None = 250,
    top_p: float | None = None, temperature: float = 1.0, greedy: bool = False, known: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """One token grid for each row of `condition`: `Sampler.tokens` for a single call."""
    return Sampler(transformer, Draw(top_k, top_p, temperature, greedy)).tokens(condition, seeds, known)


@contextmanager
def _evaluating(transformer: ShapeTransformer) -> Iterator[None]:
    """Without dropout, whatever the mode before and after."""
    training = transformer.training
    transformer.eval()
    try:
        yield
    finally:
        transformer.train(training)


def _check(config: TransformerConfig, condition: Tensor, seeds: Sequence[int], known: Tensor | None) -> None:
    if len(seeds) != len(condition):
        raise UserError(f"{len(condition)} conditions need as many seeds, not {len(seeds)}.")
    if len(condition) == 0 or int(condition.min()) < 0 or int(condition.max()) >= config.classes:
        raise UserError(f"class indices must lie in 0 .. {config.classes - 1}; got {condition.tolist()}.")
    if known is None:
        return
    if tuple(known.shape) != (len(condition), config.tokens):
        raise UserError(f"known tokens must be ({len(condition)}, {config.tokens}), not {tuple(known.shape)}.")
    if int(known.min()) < -1 or int(known.max()) >= config.vocabulary:
        raise UserError(f"known tokens must lie in 0 .. {config.vocabulary - 1}, or be -1 where one is to be sampled.")
