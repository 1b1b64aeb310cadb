"""Shapes of a checkpoint as whole files, a batch at a time: what an engine's workers make of requests."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from argus3d.checkpoint.shards import DTYPES
from argus3d.data.prepared import PreparedShape
from argus3d.decoding import TILES
from argus3d.generator import ArgusGenerator, Request, Sample, SamplingConfig, stream_seed
from argus3d.reconstruct import reconstruct
from argus3d.sampler import Progress
from argus3d.samples import SampleFiles, read_tokens, sample_files


@dataclass(frozen=True)
class Loading:
    """A checkpoint and where it is to stand; `dtype` one of `DTYPES`, None for as stored."""

    checkpoint: str
    device: str = "cpu"
    dtype: str | None = None

    def generator(self) -> ArgusGenerator:
        """See `ArgusGenerator.load`."""
        return ArgusGenerator.load(self.checkpoint, self.device, DTYPES[self.dtype] if self.dtype else None)

    @property
    def gpus(self) -> int:
        """How many GPUs one worker holds."""
        return int(self.device.startswith("cuda"))


@dataclass(frozen=True)
class Sampling:
    """How requests become samples.

    scramble : folder of shapes; each token is drawn from those at its position there, and the transformer is not asked
    batch_size : see `ArgusGenerator.generate`
    """

    seed: int
    config: SamplingConfig
    batch_size: int | None = None
    scramble: Path | None = None

    def shapes(
        self, generator: ArgusGenerator, wanted: Sequence[Request], progress: Progress | None = None
    ) -> Iterator[Sample]:
        """The requested shapes in order."""
        if self.scramble is None:
            return generator.generate(wanted, self.seed, self.config, self.batch_size, progress)
        tokens = _scrambled(read_tokens(self.scramble), wanted, self.seed)
        return generator.shapes(wanted, tokens, self.seed, self.config)

    def batches(self, wanted: Sequence[Request], device: str) -> list[Sequence[Request]]:
        """What a worker on a device makes at a time."""
        rows = self.batch_size or TILES["cuda" if device.startswith("cuda") else "cpu"]
        return [wanted[start : start + rows] for start in range(0, len(wanted), rows)]


@dataclass(frozen=True)
class SampleBatches:
    """For `Engine.map`: from batches of requests to the files of their shapes."""

    loading: Loading
    sampling: Sampling
    format: str

    def __call__(self) -> Callable[[Sequence[Request]], list[SampleFiles]]:
        return partial(self._files, self.loading.generator())

    def _files(self, generator: ArgusGenerator, batch: Sequence[Request]) -> list[SampleFiles]:
        return [sample_files(shape, self.format) for shape in self.sampling.shapes(generator, batch)]


@dataclass(frozen=True)
class Reconstructions:
    """For `Engine.map`: from prepared shapes to the files of their reconstructions, and IoUs."""

    loading: Loading
    seed: int
    config: SamplingConfig
    format: str

    def __call__(self) -> Callable[[PreparedShape], tuple[SampleFiles, dict[str, float]]]:
        return self.on(self.loading.generator())

    def on(self, generator: ArgusGenerator) -> Callable[[PreparedShape], tuple[SampleFiles, dict[str, float]]]:
        """The same on a checkpoint that is loaded already."""
        return partial(self._files, generator)

    def _files(self, generator: ArgusGenerator, shape: PreparedShape) -> tuple[SampleFiles, dict[str, float]]:
        sample, ious = next(reconstruct(generator, [shape], self.seed, self.config))
        return sample_files(sample, self.format), ious


def _scrambled(tokens: NDArray[np.int64], wanted: Sequence[Request], seed: int) -> torch.Tensor:
    """Tokens (B, T), each drawn from the column of `tokens` (S, T) at its position."""
    length = tokens.shape[1]
    streams = [np.random.default_rng([stream_seed(seed, request.id), 0x5C4]) for request in wanted]
    grids = [tokens[stream.integers(len(tokens), size=length), np.arange(length)] for stream in streams]
    return torch.from_numpy(np.array(grids, np.int64).reshape(-1, length))
