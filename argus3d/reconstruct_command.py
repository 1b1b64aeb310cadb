"""`argus3d reconstruct`."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from argus3d import commands, engine
from argus3d.batches import Reconstructions
from argus3d.data.files import sha256_file
from argus3d.data.folder import UP_AXES
from argus3d.errors import UserError
from argus3d.generator import SamplingConfig
from argus3d.reconstruct_mesh import WITHIN, reconstruct_file
from argus3d.samples import SampleFiles, SampleFolder


def add_parser(parsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `reconstruct`."""
    back = parsers.add_parser(
        "reconstruct", help="pass a mesh, or prepared shapes, through the autoencoder",
        description="Pass a mesh, or prepared shapes, through the autoencoder. A mesh comes back in the place and size "
        "that it has in its file.",
    )  # fmt: skip
    back.set_defaults(run=run)
    back.add_argument("mesh", type=Path, nargs="?", metavar="MESH", help="a mesh file of any place and size")
    back.add_argument("--up", choices=UP_AXES, default="y", help="the axis that points up in MESH (default: y)")
    commands.add_generator(back)
    back.add_argument("--shapes", metavar="FILE/PART", help="a part of a split file")
    commands.add_data(back)
    engine.add_arguments(back, commands.HERE)


def run(arguments: argparse.Namespace) -> None:
    """Reconstruct a mesh, or prepared shapes, with measures of each in the manifest."""
    if (arguments.mesh is None) == (arguments.shapes is None):
        raise UserError("reconstruct takes either the file of a mesh, or prepared shapes as --shapes FILE/PART.")
    if arguments.mesh is not None:
        _run_mesh(arguments)
    else:
        _run_shapes(arguments)


def _run_mesh(arguments: argparse.Namespace) -> None:
    path = arguments.mesh
    generator = commands.open_generator(arguments, None)
    config = _config(arguments)
    generator.surface(config)
    checkpoint = commands.checkpoint_facts(arguments.checkpoint)
    mesh = sha256_file(path) if path.is_file() else None  # what is wrong with it is said when it is read
    kind = {"kind": "reconstruction", "mesh": mesh, "up": arguments.up}
    folder = SampleFolder(arguments.out, commands.common_settings(arguments, checkpoint) | kind, arguments.format)
    made, facts = reconstruct_file(generator, path, arguments.up, arguments.seed, config, arguments.format)
    with commands.Bar("reconstruct", 1) as bar:
        bar.tokens(1)
        commands.write_shapes(folder, [(made, facts)], bar)
    manifest = folder.finish([made.record["id"]], checkpoint, commands.command())
    _report_mesh(manifest["samples"][0])


def _report_mesh(record: dict[str, Any]) -> None:
    iou = "not closed, so that it has no IoU" if record["iou"] is None else f"IoU {record['iou']:.1%}"
    found = "nothing came back" if record["empty"] else f"F-score at {WITHIN} {record['f_score']:.1%}"
    print(f"{record['mesh']}: {iou}, {found}", file=sys.stderr)
    print(json.dumps({key: record[key] for key in ("file", "empty", "closed", "iou", "f_score")}))


def _config(arguments: argparse.Namespace) -> SamplingConfig:
    return SamplingConfig(resolution=arguments.resolution, threshold=arguments.threshold)


def _run_shapes(arguments: argparse.Namespace) -> None:
    by = engine.elsewhere(arguments)
    generator = commands.open_generator(arguments, by)
    config = _config(arguments)
    generator.surface(config)
    facts = commands.checkpoint_facts(arguments.checkpoint)
    settings = commands.common_settings(arguments, facts) | {"kind": "reconstruction"}
    folder = SampleFolder(arguments.out, settings, arguments.format)
    shapes = commands.prepared_shapes(arguments, arguments.shapes)
    todo = [shape for shape in shapes if shape.id not in folder]
    by_id = {shape.id: shape.record for shape in shapes}

    start = Reconstructions(commands.loading_of(arguments), arguments.seed, config, arguments.format)

    def results() -> Iterator[tuple[SampleFiles, dict[str, Any]]]:
        made = map(start.on(generator), todo) if by is None else by.map(start, todo, gpus=start.loading.gpus)
        for files, ious in made:
            record = by_id[files.record["id"]]
            bar.tokens(1)
            yield files, {key: record[key] for key in ("source", "solidity") if key in record} | ious

    with commands.Bar("reconstruct", len(todo)) as bar:
        commands.write_shapes(folder, results(), bar)
    commands.report(folder.finish([shape.id for shape in shapes], facts, commands.command()))
