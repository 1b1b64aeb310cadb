"""Samples of any generator in a folder: a checkpoint's, the original code's, or a user's own."""

import difflib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

from argus3d import checkpoint
from argus3d.batches import Loading, SampleBatches, Sampling
from argus3d.checkpoint.original import imported_once, read_sizes
from argus3d.checkpoint.store import About
from argus3d.data.files import sha256_file
from argus3d.engine import Engine
from argus3d.errors import UserError
from argus3d.factories import open_factory, shapes_of, source_file
from argus3d.generator import Generator, Request, SamplingConfig, requests, stream_seed
from argus3d.meter import Meter
from argus3d.samples import SampleFiles, SampleFolder, sample_files

FORMAT = "ply"
BATCH = 16  # shapes that a user's own generator is asked for at a time; an interrupted run goes on with the next

Made = tuple[SampleFiles, dict[str, Any]]  # a shape's files, and what its record says beside


class Model(Protocol):
    """What samples can be had from; its classes are known before anything costly begins."""

    @property
    def name(self) -> str: ...

    @property
    def categories(self) -> tuple[str, ...]: ...

    def facts(self) -> dict[str, Any]:
        """What manifests say of it."""
        ...

    def settings(self, counts: Mapping[str, int], seed: int) -> dict[str, Any]:
        """Everything that decides the samples."""
        ...

    def files(self, wanted: Sequence[Request], seed: int, done: SampleFolder, by: Engine | None) -> Iterator[Made]:
        """Those of the requested shapes that are not done; `by` None makes them in this process."""
        ...


@dataclass(frozen=True)
class CheckpointModel:
    """A checkpoint: a shipped name, a folder, or a .pt file of the original code.

    stage1 : of a .pt file, stage 1's own file; None takes stage 1 from within
    sizes : of a .pt file, see `argus3d.checkpoint.original.read_sizes`
    cache : folder that keeps imported .pt files
    """

    source: str
    device: str = "cpu"
    stage1: Path | None = None
    sizes: str | None = None
    cache: Path = Path("artifacts/imported")

    def __post_init__(self) -> None:
        if not self._is_original and (self.stage1 or self.sizes):
            raise UserError(f"{self.source} is a checkpoint of ours, which needs no --stage1 and no --config.")

    @property
    def name(self) -> str:
        return Path(self.source).stem if self._is_original else checkpoint.find(self.source).absolute().name

    @property
    def categories(self) -> tuple[str, ...]:
        if self._is_original:
            return read_sizes(self.sizes or "huge")[1]
        return About.read(checkpoint.find(self.source)).categories

    @property
    def _is_original(self) -> bool:
        return self.source.endswith((".pt", ".pth")) and not Path(self.source).is_dir()

    @cached_property
    def _folder(self) -> Path:
        if not self._is_original:
            return checkpoint.find(self.source)
        return imported_once(Path(self.source), self.stage1, self.sizes or "huge", self.cache, _say)

    @cached_property
    def _config(self) -> SamplingConfig:
        vocabulary = About.read(self._folder).config.transformer.vocabulary
        return SamplingConfig(top_k=min(250, vocabulary))

    def facts(self) -> dict[str, Any]:
        return checkpoint.facts(self._folder)

    def settings(self, counts: Mapping[str, int], seed: int) -> dict[str, Any]:
        return asdict(self._config) | {"seed": seed, "checkpoint": self.facts()["sha256"], "format": FORMAT}

    def files(self, wanted: Sequence[Request], seed: int, done: SampleFolder, by: Engine | None) -> Iterator[Made]:
        missing = [request for request in wanted if request.id not in done]
        if not missing:
            return
        loading, draw = Loading(str(self._folder), self.device), Sampling(seed, self._config)
        if by is not None:
            start = SampleBatches(loading, draw, FORMAT)
            for made in by.map(start, draw.batches(missing, self.device), gpus=loading.gpus):
                yield from ((files, {}) for files in made)
            return
        generator = loading.generator()
        for warning in checkpoint.warnings(generator.argus):
            _say(f"warning: {warning}")
        yield from ((sample_files(shape, FORMAT), {}) for shape in draw.shapes(generator, missing))


@dataclass(frozen=True)
class FactoryModel:
    """A generator of a user's own, see `argus3d.factories.open_factory`."""

    factory: str

    @cached_property
    def _generator(self) -> Generator:
        return open_factory(self.factory)

    @property
    def name(self) -> str:
        return self._generator.name

    @property
    def categories(self) -> tuple[str, ...]:
        return tuple(self._generator.categories)

    def facts(self) -> dict[str, Any]:
        return {"name": self.name, "factory": self.factory}

    def settings(self, counts: Mapping[str, int], seed: int) -> dict[str, Any]:
        # The counts, as shapes of a batch may depend on its size; the code, as another code makes other shapes.
        file = source_file(self._generator)
        code = sha256_file(Path(file)) if file else None
        return {
            "factory": self.factory, "code": code, "counts": dict(counts), "batch": BATCH, "seed": seed,
            "format": FORMAT,
        }  # fmt: skip

    def files(self, wanted: Sequence[Request], seed: int, done: SampleFolder, by: Engine | None) -> Iterator[Made]:
        batches = [batch for batch in _batches(wanted) if any(request.id not in done for request in batch)]
        start = FactoryBatches(self.factory, seed)
        for made in by.map(start, batches) if by else map(start.on(self._generator), batches):
            yield from ((files, facts) for files, facts in made if files.record["id"] not in done)


@dataclass(frozen=True)
class FactoryBatches:
    """For `Engine.map`: from batches of one class to the files of their shapes, by a user's own generator."""

    factory: str
    seed: int

    def __call__(self) -> Callable[[Sequence[Request]], list[Made]]:
        return self.on(open_factory(self.factory))

    def on(self, generator: Generator) -> Callable[[Sequence[Request]], list[Made]]:
        """The same by a generator that is open already."""
        return partial(self._files, generator)

    def _files(self, generator: Generator, batch: Sequence[Request]) -> list[Made]:
        ids = [request.id for request in batch]
        made = shapes_of(generator, batch[0].category or "", ids, stream_seed(self.seed, ids[0]))
        return [(sample_files(shape, FORMAT), {"problem": problem} if problem else {}) for shape, problem in made]


def _batches(wanted: Sequence[Request]) -> Iterator[Sequence[Request]]:
    """Requests of one class each, `BATCH` at a time."""
    for category in dict.fromkeys(request.category for request in wanted):
        mine = [request for request in wanted if request.category == category]
        yield from (mine[start : start + BATCH] for start in range(0, len(mine), BATCH))


def require_classes(model: Model, categories: Sequence[str]) -> None:
    """Raises: UserError for classes that the model does not know; it names those that it does."""
    unknown = [category for category in categories if category not in model.categories]
    if not unknown:
        return
    named = ", ".join(map(repr, unknown[:5])) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
    both = [category for category in categories if category in model.categories]
    if both:
        raise UserError(f"{model.name} does not know {named}; it knows --category {','.join(both)}.")
    near = difflib.get_close_matches(unknown[0], model.categories, 3, 0.5) or model.categories
    raise UserError(f"{model.name} does not know {named}; did you mean {', '.join(near)}?")


def sample_into(
    folder: Path, model: Model, counts: Mapping[str, int], seed: int, command: str, by: Engine | None = None
) -> dict[str, Any]:
    """Make so many shapes of each class, ids such as chair-0007, and return the manifest.

    What an interrupted run of the same settings left in `folder` is kept. A shape with something wrong is recorded as
    empty, with the reason as `problem`.

    by : what makes the shapes, None for this process alone; no byte depends on it

    Raises: UserError for a class that the model does not know, before anything costly; for a folder of other settings.
    """
    require_classes(model, list(counts))
    wanted = [request for category, count in counts.items() for request in requests(category, count)]
    samples = SampleFolder(folder, model.settings(counts, seed), FORMAT)
    kept = sum(request.id in samples for request in wanted)
    if kept:
        _say(f"{folder}: {kept} of {len(wanted)} shapes are there already and are kept")
    with Meter(total=len(wanted) - kept, desc="sample") as bar:
        for files, facts in model.files(wanted, seed, samples, by):
            samples.keep(files, **facts)
            bar.update()
    return samples.finish([request.id for request in wanted], model.facts(), command)


def _say(line: str) -> None:
    print(line, file=sys.stderr)
