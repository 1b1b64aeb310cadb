"""`argus3d data fetch|prepare|list|split`."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from argus3d import engine
from argus3d.arguments import positive, share
from argus3d.data import sources
from argus3d.data.derived_splits import DERIVED
from argus3d.data.fetch_objaverse import add_fetch_objaverse
from argus3d.data.folder import FolderCatalogue
from argus3d.data.make_splits import make_split
from argus3d.data.portions import MAX_FAILED
from argus3d.data.prepare import prepare
from argus3d.data.prepare_views import prepare_views
from argus3d.data.shape_files import PrepareConfig
from argus3d.data.splits import read_part

COUNTS = ("surface_points", "uniform_points", "near_points")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `data` and its actions, each with all sources."""
    actions = commands.add_parser("data", help="fetch, prepare and list shapes").add_subparsers(
        dest="action", required=True
    )
    for name, run, text in (
        ("fetch", run_fetch, "download what a source needs"),
        ("prepare", run_prepare, "make clouds, occupancy samples and pictures"),
        ("list", run_list, "name the classes and how many shapes each has"),
    ):
        action = actions.add_parser(name, help=text).add_subparsers(dest="source", required=True, metavar="SOURCE")
        for source in sources.SOURCES:
            if (name, source) == ("fetch", "objaverse"):
                add_fetch_objaverse(action.add_parser(source, help=sources.SOURCES[source].text))
                continue
            parser = action.add_parser(source, help=sources.SOURCES[source].text)
            parser.set_defaults(run=run)
            parser.add_argument("--root", type=Path, default=Path("artifacts/data"), help="folder of all data")
            sources.SOURCES[source].add_arguments(parser)
            if name == "prepare":
                _add_prepare(parser)
    split = actions.add_parser("split", help="write the ids of a split that come from data of your own")
    split.set_defaults(run=run_split)
    split.add_argument("name", choices=DERIVED)
    split.add_argument("--path", type=Path, required=True, help="folder of that data, as for `argus3d data prepare`")
    split.add_argument("--root", type=Path, default=Path("artifacts/data"), help="folder of all data")


def _add_prepare(parser: argparse.ArgumentParser) -> None:
    defaults: dict[str, Any] = {field.name: field.default for field in fields(PrepareConfig)}
    for name in COUNTS:
        what = f"{name.replace('_', ' ')} of a shape (default: {defaults[name]:,})"
        parser.add_argument(f"--{name.replace('_', '-')}", type=positive, default=defaults[name], help=what)
    parser.add_argument("--no-pictures", action="store_true", help="draw no small picture of each shape")
    parser.add_argument("--views", action="store_true", help="also pictures from 12 sides, for image conditions")
    parser.add_argument(
        "--views-of", action="append", default=[], metavar="SPLIT.json/PART",
        help="such pictures of the shapes of this part alone; may be given again",
    )  # fmt: skip
    parser.add_argument("--packed", action="store_true", help="write .zip files of many shapes in place of folders")
    parser.add_argument(
        "--max-failed", type=share, default=MAX_FAILED, metavar="SHARE",
        help="stop once more than this share of all shapes failed (default: %(default)s)",
    )  # fmt: skip
    engine.add_arguments(parser)


def run_fetch(arguments: argparse.Namespace) -> None:
    """Fetch a source and say what came."""
    items = sources.open_source(arguments).items()
    print(json.dumps({"source": arguments.source, "shapes": len(items)}))


def run_list(arguments: argparse.Namespace) -> None:
    """Print the number of shapes of each class."""
    items = sources.open_source(arguments).items()
    print(json.dumps(dict(sorted(Counter(item.category for item in items).items())), indent=1))


def run_prepare(arguments: argparse.Namespace) -> None:
    """Prepare a source; what is there already is kept."""
    catalogue = sources.open_source(arguments)
    if isinstance(catalogue, FolderCatalogue):
        catalogue.record_origin(arguments.root)
    counts = {name: getattr(arguments, name) for name in COUNTS}
    config = PrepareConfig(**counts, pictures=not arguments.no_pictures)
    worker = engine.from_arguments(arguments)
    manifest = prepare(catalogue, arguments.root, config, worker, arguments.packed, arguments.max_failed)
    _say_failed(manifest)
    report = dict(manifest["counts"])
    if arguments.views or arguments.views_of:
        chosen = {} if arguments.views else _chosen(arguments.views_of)
        views = prepare_views(catalogue, arguments.root, worker, arguments.max_failed, **chosen)
        _say_failed(views)
        report["views"] = views["counts"]
    print(json.dumps(report))


def _chosen(parts: Sequence[str]) -> dict[str, Any]:
    """Which views are wanted and where they are listed: "a/few-v1.json/test" goes into views-few-v1.json."""
    places = [Path(part) for part in parts]
    ids = [id_ for place in places for id_ in read_part(place.parent, place.name)]
    return {"only": ids, "listing": f"views-{'-'.join(sorted({place.parent.stem for place in places}))}.json"}


def _say_failed(manifest: dict[str, Any]) -> None:
    for item_id, reason in manifest["failed"]:
        print(f"{item_id} failed: {reason}", file=sys.stderr)


def run_split(arguments: argparse.Namespace) -> None:
    """Write a derived split and say how many ids each part has."""
    path, parts = make_split(arguments.name, arguments.path, arguments.root)
    print(json.dumps({"split": str(path), "ids": {part: len(ids) for part, ids in parts.items()}}))
