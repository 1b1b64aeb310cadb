"""Tokens from a transformer: which are likely enough, which is drawn, one random stream a sample."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from argus3d.config import TransformerConfig
from argus3d.decoding import StepDecoder, samples_of
from argus3d.errors import UserError
from argus3d.model.conditions import Conditions
from argus3d.model.transformer import ShapeTransformer
from argus3d.threads import one_thread

MOST = 1e6  # times what logits are, so that single precision still holds them

Progress = Callable[[float], None]  # told how many shapes' worth of tokens are done since it was last told


@dataclass(frozen=True)
class Draw:
    """How a token is drawn from logits; `greedy` takes the likeliest and leaves the rest but guidance without effect.

    guidance : how many times what the conditions add to the logits counts: 1 for the conditional logits as they are,
        more for samples that are truer to the conditions and less various. Source: Ho and Salimans 2022
    """

    top_k: int | None = 250
    top_p: float | None = None
    temperature: float = 1.0
    greedy: bool = False
    guidance: float = 1.0

    def check(self, config: TransformerConfig) -> None:
        """Raises: UserError for a setting out of range that has an effect, naming it."""
        vocabulary = config.vocabulary
        if not 0 <= self.guidance <= MOST:
            raise UserError(f"guidance {self.guidance} must lie in 0 .. {MOST:g}; 1 is none.")
        if self.guidance != 1 and not config.droppable:
            raise UserError("this model never learned to go without conditions, so it cannot be guided; leave it at 1.")
        if self.greedy:
            return
        if self.top_k is not None and not 1 <= self.top_k <= vocabulary:
            raise UserError(f"top_k {self.top_k} must lie in 1 .. {vocabulary}, the size of the vocabulary.")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise UserError(f"top_p {self.top_p} must lie in (0, 1].")
        if not 1 / MOST <= self.temperature <= MOST:
            raise UserError(
                f"temperature {self.temperature} must lie in {1 / MOST:g} .. {MOST:g}; use greedy for the likeliest "
                "tokens."
            )

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
        draw.check(transformer.config)
        self.transformer, self.draw = transformer, draw
        self.guidance = None if draw.guidance == 1 else draw.guidance
        self._decoder: StepDecoder | None = None

    def tokens(
        self, condition: Tensor | Conditions, seeds: Sequence[int], known: Tensor | None = None,
        progress: Progress | None = None,
    ) -> Tensor:  # fmt: skip
        """One token grid for each row of `condition`.

        condition : class indices (B,) int64, or more, see `Conditions`
        seeds : B numbers; a row's tokens depend on its own seed, condition and known tokens alone
        known : (B, T) int64 or None; tokens >= 0 are held fixed, -1 are sampled

        Returns (B, T) int64 on the transformer's device. Raises: UserError for arguments out of range.
        """
        config, conditions = self.transformer.config, Conditions.of(condition)
        device = self.transformer.value_start.device
        self.transformer.conditions.check(conditions)
        _check(config, conditions, seeds, known)
        # One number in [0, 1) a sample and step, drawn ahead: nothing else is random.
        streams = [np.random.default_rng([seed, 0xA26]).random(config.tokens) for seed in seeds]
        uniform = torch.from_numpy(np.stack(streams))  # (B, T) float64
        fixed = torch.full(uniform.shape, -1) if known is None else known
        conditions, uniform, fixed = conditions.to(device), uniform.to(device), fixed.to(device)
        tile = samples_of(device, self.guidance is not None)
        # Products and attention round by how many threads share them, and one token in some thousands would differ.
        with _evaluating(self.transformer), one_thread():
            batches = torch.arange(len(seeds), device=device).split(tile)
            return torch.cat([self._batch(conditions.rows(b), uniform[b], fixed[b], progress) for b in batches])

    def _batch(self, conditions: Conditions, uniform: Tensor, known: Tensor, progress: Progress | None) -> Tensor:
        """Tokens (B, T) of at most a tile of rows."""
        rows, steps = uniform.shape
        decoder = self._decoder_for(rows, frozenset(conditions.features))
        # A last batch with fewer rows fills up with copies: a decoder of other size would have to be captured anew.
        filled = torch.arange(decoder.samples, device=uniform.device)
        filled = filled.where(filled < rows, 0)
        tell = None if progress is None else lambda done: progress(rows * done / steps)
        return decoder.run(conditions.rows(filled), uniform[filled], known[filled], steps, tell)[:rows]

    def _decoder_for(self, rows: int, kinds: frozenset[str]) -> StepDecoder:
        """A decoder of at least so many rows, for conditions of `kinds`."""
        kept = self._decoder
        if kept is None or kept.samples < rows or kept.kinds != kinds:
            self._decoder = kept = None  # its cache is let go before the next one is allocated
            self._decoder = kept = StepDecoder(self.transformer, rows, self.draw.choose, kinds, self.guidance)
        return kept


def sample_tokens(
    transformer: ShapeTransformer, condition: Tensor | Conditions, *, seeds: Sequence[int], top_k: int | None = 250,
    top_p: float | None = None, temperature: float = 1.0, greedy: bool = False, known: Tensor | None = None,
    guidance: float = 1.0,
) -> Tensor:  # fmt: skip
    """One token grid for each row of `condition`: `Sampler.tokens` for a single call."""
    return Sampler(transformer, Draw(top_k, top_p, temperature, greedy, guidance)).tokens(condition, seeds, known)


@contextmanager
def _evaluating(transformer: ShapeTransformer) -> Iterator[None]:
    """Without dropout, whatever the mode before and after."""
    training = transformer.training
    transformer.eval()
    try:
        yield
    finally:
        transformer.train(training)


def _check(config: TransformerConfig, conditions: Conditions, seeds: Sequence[int], known: Tensor | None) -> None:
    if len(seeds) != len(conditions):
        raise UserError(f"{len(conditions)} conditions need as many seeds, not {len(seeds)}.")
    if known is None:
        return
    if tuple(known.shape) != (len(conditions), config.tokens):
        raise UserError(f"known tokens must be ({len(conditions)}, {config.tokens}), not {tuple(known.shape)}.")
    if int(known.min()) < -1 or int(known.max()) >= config.vocabulary:
        raise UserError(f"known tokens must lie in 0 .. {config.vocabulary - 1}, or be -1 where one is to be sampled.")
