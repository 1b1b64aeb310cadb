"""What a generator is, and Argus-3D as one."""

import difflib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from argus3d import checkpoint
from argus3d.errors import UserError
from argus3d.meshing import mesh_of_planes
from argus3d.sampler import sample_tokens


@dataclass(frozen=True)
class Sample:
    """One shape: tokens (T,) int64, vertices (V, 3) float32 and faces (F, 3) int32, empty where nothing came."""

    id: str
    category: str
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


@dataclass(frozen=True)
class Request:
    """One shape to make: its id decides, with the seed of the run, its random stream."""

    id: str
    category: str


def requests(category: str, count: int) -> list[Request]:
    """`count` requests of one class, ids such as chair-0007."""
    return [Request(f"{category}-{index:04d}", category) for index in range(count)]


def stream_seed(seed: int, sample_id: str) -> int:
    """The seed of one sample's random stream, whatever the batch, the order and the shard."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{sample_id}".encode()).digest()[:8], "big")


@dataclass(frozen=True)
class SamplingConfig:
    """How tokens are drawn and meshes cut; `threshold` None is the checkpoint's own."""

    top_k: int | None = 250
    top_p: float | None = None
    temperature: float = 1.0
    greedy: bool = False
    resolution: int = 64
    threshold: float | None = None


class ArgusGenerator:
    """Argus-3D: tokens by the transformer, planes by the autoencoder, a mesh by marching cubes."""

    def __init__(self, argus: checkpoint.Argus, name: str = "argus") -> None:
        self.argus, self.name = argus, name

    @classmethod
    def load(cls, name: str, device: str = "cpu") -> Self:
        """A shipped checkpoint such as "nano", or a folder. Raises: UserError when it is not there or not whole."""
        folder = checkpoint.find(name)
        return cls(checkpoint.load(folder, device), folder.name)

    @property
    def categories(self) -> tuple[str, ...]:
        return self.argus.categories

    def sample(
        self, category: str, count: int, seed: int = 0, config: SamplingConfig | None = None, batch_size: int = 16
    ) -> list[Sample]:
        """`count` shapes of a class. Raises: UserError for a class that the checkpoint does not know."""
        return list(self.generate(requests(category, count), seed, config, batch_size))

    def generate(
        self, wanted: Sequence[Request], seed: int = 0, config: SamplingConfig | None = None, batch_size: int = 16
    ) -> Iterator[Sample]:
        """The requested shapes in order, each as soon as its batch is done."""
        config = config or SamplingConfig()
        classes = [self.class_index(request.category) for request in wanted]
        for start in range(0, len(wanted), batch_size):
            batch = wanted[start : start + batch_size]
            tokens = self.tokens(classes[start : start + batch_size], [stream_seed(seed, r.id) for r in batch], config)
            yield from self.shapes(batch, tokens, seed, config)

    def tokens(self, classes: Sequence[int], seeds: Sequence[int], config: SamplingConfig) -> Tensor:
        """Token grids (B, T) of classes and stream seeds."""
        condition = torch.tensor(classes, device=self._device)
        return sample_tokens(
            self.argus.transformer, condition, seeds=seeds, top_k=config.top_k, top_p=config.top_p,
            temperature=config.temperature, greedy=config.greedy,
        )  # fmt: skip

    def shapes(self, wanted: Sequence[Request], tokens: Tensor, seed: int, config: SamplingConfig) -> Iterator[Sample]:
        """Meshes of token grids (B, T), one by one."""
        threshold = self.argus.threshold if config.threshold is None else config.threshold
        for request, row in zip(wanted, tokens, strict=True):
            # One shape at a time: the same planes whatever the batch, and memory for one.
            with torch.no_grad():
                planes = self.argus.autoencoder.decode(row[None])[0]
            mesh = mesh_of_planes(self.argus.autoencoder, planes, config.resolution, threshold)
            yield Sample(request.id, request.category, seed, row.cpu().numpy(), mesh.vertices, mesh.faces)

    def class_index(self, category: str) -> int:
        """Index of a class name. Raises: UserError with near names for one that the checkpoint does not know."""
        if category not in self.categories:
            near = difflib.get_close_matches(category, self.categories, 3, 0.5) or self.categories
            raise UserError(f"{self.name} knows no class {category!r}; did you mean {', '.join(near)}?")
        return self.categories.index(category)

    @property
    def _device(self) -> torch.device:
        return self.argus.transformer.value_start.device
