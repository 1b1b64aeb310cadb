"""From wanted shapes to a folder of them: in this process or by an engine, with what the records say beside."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from argus3d import commands
from argus3d.batches import SampleBatches, Sampling
from argus3d.data.files import sha256_file, write_atomically
from argus3d.engine import Engine
from argus3d.errors import UserError
from argus3d.generator import ArgusGenerator, Request
from argus3d.samples import SampleFiles, SampleFolder, sample_files
from argus3d.wanted import Wanted


def make(
    arguments: argparse.Namespace, generator: ArgusGenerator, by: Engine | None, sampling: Sampling, wanted: Wanted
) -> None:
    """Make the shapes that are not there yet, then write what was given and the manifest.

    Raises: UserError for what the checkpoint cannot be asked for, before a folder is made.
    """
    generator.check(sampling.config, wanted.requests)
    facts = commands.checkpoint_facts(arguments.checkpoint)
    settings = asdict(sampling.config) | commands.common_settings(arguments, facts) | dict(wanted.settings)
    settings |= _encoders(generator, wanted)
    if sampling.scramble:
        settings["scramble"] = _manifest_hash(sampling.scramble)
    folder = SampleFolder(arguments.out, settings, arguments.format)
    missing = [request for request in wanted.requests if request.id not in folder]
    with commands.Bar(arguments.command, len(missing)) as bar:
        if by is None:
            made = _here(generator, sampling, missing, arguments.format, bar)
        else:
            start = SampleBatches(commands.loading_of(arguments), sampling, arguments.format)
            made = _elsewhere(by, start, sampling.batches(missing, arguments.device), bar)
        told = ((files, wanted.facts.get(files.record["id"], {})) for files in made)
        commands.write_shapes(folder, told, bar)
    for name, content in wanted.files.items():
        write_atomically(folder.folder / name, content)
    commands.report(folder.finish([request.id for request in wanted.requests], facts, commands.command()))


def _manifest_hash(folder: Path) -> str:
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise UserError(f"{manifest} is missing; --scramble takes a finished folder of shapes with their tokens.")
    return sha256_file(manifest)


def _encoders(generator: ArgusGenerator, wanted: Wanted) -> dict[str, Any]:
    """Name and hash of the encoders that are used."""
    found = {}
    for kind in wanted.kinds:
        if kind == "part":
            continue  # of the checkpoint itself
        encoder = generator.prompts.text_encoder if kind == "text" else generator.prompts.image_encoder
        found[kind] = {"name": encoder.name, "sha256": encoder.sha256}
    return {"encoders": found} if found else {}


def _here(
    generator: ArgusGenerator, sampling: Sampling, wanted: Sequence[Request], file_type: str, bar: commands.Bar
) -> Iterator[SampleFiles]:
    """Files of the requested shapes, made in this process."""
    if sampling.scramble:
        bar.tokens(len(wanted))
    for shape in sampling.shapes(generator, wanted, bar.tokens):
        yield sample_files(shape, file_type)


def _elsewhere(
    by: Engine, start: SampleBatches, batches: Sequence[Sequence[Request]], bar: commands.Bar
) -> Iterator[SampleFiles]:
    """Files of the requested shapes, made by the engine's workers."""
    for made in by.map(start, batches, gpus=start.loading.gpus):
        bar.tokens(len(made))
        yield from made
