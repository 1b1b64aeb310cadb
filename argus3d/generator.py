"""What a generator is, and Argus-3D as one."""

import difflib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from operator import attrgetter
from typing import Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from argus3d import checkpoint, memory
from argus3d.checkpoint.shards import DTYPES
from argus3d.checkpoint.store import About
from argus3d.errors import UserError
from argus3d.keeping import keep_part
from argus3d.meshing import check_resolution, logit, meshes_of_tokens
from argus3d.model.conditions import Conditions
from argus3d.prompts import Prompts, Request
from argus3d.sampler import Draw, Progress, Sampler


@dataclass(frozen=True)
class Sample:
    """One shape: tokens (T,) int64, vertices (V, 3) float32 and faces (F, 3) int32, empty where nothing came.

    category : the class that was asked for, None where none was
    """

    id: str
    category: str | None
    seed: int
    tokens: NDArray[np.int64]
    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]

    @property
    def empty(self) -> bool:
        return len(self.faces) == 0


class Generator(Protocol):
    """Anything that makes shapes by class name."""

    @property
    def name(self) -> str: ...

    @property
    def categories(self) -> tuple[str, ...]: ...

    def sample(self, category: str, count: int, seed: int = 0) -> list[Sample]:
        """`count` shapes of a class; the same for the same seed."""
        ...


def requests(category: str, count: int) -> list[Request]:
    """`count` requests of one class, ids such as chair-0007."""
    return [Request(f"{category}-{index:04d}", category) for index in range(count)]


def stream_seed(seed: int, sample_id: str) -> int:
    """The seed of one sample's random stream, whatever the batch, the order and the shard."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{sample_id}".encode()).digest()[:8], "big")


@dataclass(frozen=True)
class SamplingConfig(Draw):
    """How tokens are drawn, and meshes cut; `resolution` and `threshold` None are the checkpoint's own."""

    resolution: int | None = None
    threshold: float | None = None


class ArgusGenerator:
    """Argus-3D: tokens by the transformer, planes by the autoencoder, a mesh by marching cubes."""

    def __init__(self, argus: checkpoint.Argus, name: str = "argus") -> None:
        self.argus, self.name = argus, name
        self._sampler: Sampler | None = None

    @classmethod
    def load(cls, name: str, device: str = "cpu", dtype: torch.dtype | None = None) -> Self:
        """A shipped checkpoint such as "nano", or a folder; `dtype` of the transformer, None for as stored.

        Raises: UserError when it is not there, not whole, or does not fit in memory, or the device is not there.
        """
        place = memory.find_device(device)
        folder = checkpoint.find(name)
        about = About.read(folder)
        memory.require_weights(about.config, dtype or DTYPES[about.dtype], place, folder.name)
        return cls(checkpoint.load(folder, device, dtype), folder.name)

    @property
    def categories(self) -> tuple[str, ...]:
        return self.argus.categories

    def sample(
        self, category: str, count: int, seed: int = 0, config: SamplingConfig | None = None,
        batch_size: int | None = None,
    ) -> list[Sample]:  # fmt: skip
        """`count` shapes of a class. Raises: UserError for a class that the checkpoint does not know."""
        return list(self.generate(requests(category, count), seed, config, batch_size))

    def generate(
        self, wanted: Sequence[Request], seed: int = 0, config: SamplingConfig | None = None,
        batch_size: int | None = None, progress: Progress | None = None,
    ) -> Iterator[Sample]:  # fmt: skip
        """The requested shapes in order, each as soon as its batch is done.

        batch_size : shapes whose tokens are written together, None for as many as memory allows; no shape depends on it
        progress : told how many shapes' worth of tokens are done since it was last told

        Raises: UserError for a class that the checkpoint does not know, or a batch that does not fit in memory.
        """
        config = config or SamplingConfig()
        self.check(config, wanted)
        # A kind of condition takes its place in every row of a batch: requests of other kinds make another batch.
        for _, alike in groupby(wanted, attrgetter("kinds")):
            yield from self._generate(list(alike), seed, config, batch_size, progress)

    def _generate(
        self, wanted: Sequence[Request], seed: int, config: SamplingConfig, batch_size: int | None,
        progress: Progress | None,
    ) -> Iterator[Sample]:  # fmt: skip
        """Requests of the same kinds of conditions."""
        sizes, weight = self.argus.config.transformer, self.argus.transformer.value_start
        kinds, guided = wanted[0].kinds, config.guidance != 1
        rows = memory.batch_size(sizes, weight.dtype, weight.device, batch_size, kinds, guided)
        for start in range(0, len(wanted), rows):
            batch = wanted[start : start + rows]
            conditions = self.prompts.conditions(batch, [self.class_index(request.category) for request in batch])
            seeds = [stream_seed(seed, request.id) for request in batch]
            tokens = self.tokens(conditions, seeds, config, progress)
            if "part" in kinds:
                tokens = self._keeping_parts(batch, tokens, seeds, config)
            yield from self.shapes(batch, tokens, seed, config)

    def _keeping_parts(
        self, wanted: Sequence[Request], tokens: Tensor, seeds: Sequence[int], config: SamplingConfig
    ) -> Tensor:
        """Tokens (B, T) of completions that keep the parts of their requests, see `keep_part`."""
        model = self.argus.autoencoder
        drawn = meshes_of_tokens(model, tokens, *self.surface(config))
        parts = [request.part for request in wanted if request.part is not None]
        return torch.stack([keep_part(model, *each) for each in zip(drawn, parts, seeds, strict=True)])

    def tokens(
        self, conditions: Conditions, seeds: Sequence[int], config: SamplingConfig, progress: Progress | None = None
    ) -> Tensor:
        """Token grids (B, T) of conditions and stream seeds."""
        if self._sampler is None or self._sampler.draw != config:
            self._sampler = Sampler(self.argus.transformer, config)
        return self._sampler.tokens(conditions, seeds, progress=progress)

    def shapes(self, wanted: Sequence[Request], tokens: Tensor, seed: int, config: SamplingConfig) -> Iterator[Sample]:
        """Meshes of token grids (B, T), in order; those of completions go through their parts."""
        parts = [request.part for request in wanted if request.part is not None]
        meshes = meshes_of_tokens(self.argus.autoencoder, tokens, *self.surface(config), parts or None)
        for request, row, mesh in zip(wanted, tokens.cpu().numpy(), meshes, strict=True):
            yield Sample(request.id, request.category, seed, row, mesh.vertices, mesh.faces)

    def check(self, config: SamplingConfig, wanted: Sequence[Request]) -> None:
        """Raises: UserError for settings or requests that are not possible, before anything costly begins."""
        config.check(self.argus.config.transformer)
        self.surface(config)
        self.prompts.check(wanted)
        for request in wanted:
            self.class_index(request.category)

    def surface(self, config: SamplingConfig) -> tuple[int, float]:
        """Resolution and threshold of meshes. Raises: UserError for one that is not possible."""
        resolution = self.argus.resolution if config.resolution is None else config.resolution
        threshold = self.argus.threshold if config.threshold is None else config.threshold
        check_resolution(resolution)
        logit(threshold)
        return resolution, threshold

    def class_index(self, category: str | None) -> int | None:
        """Index of a class name. Raises: UserError with near names for one that the checkpoint does not know."""
        if category is None:
            return None
        if category not in self.categories:
            near = difflib.get_close_matches(category, self.categories, 3, 0.5) or self.categories
            raise UserError(f"{self.name} knows no class {category!r}; did you mean {', '.join(near)}?")
        return self.categories.index(category)

    @cached_property
    def prompts(self) -> Prompts:
        """What makes conditions of requests."""
        return Prompts(self.argus, self.device, self.name)

    @property
    def device(self) -> torch.device:
        """Where both stages stand."""
        return self.argus.transformer.value_start.device
