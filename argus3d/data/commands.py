"""`argus3d data fetch|prepare|list`."""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

from argus3d.data.catalogue import Catalogue
from argus3d.data.components import ComponentsCatalogue, fetch_components
from argus3d.data.folder import UP_AXES, FolderCatalogue
from argus3d.data.household import HouseholdCatalogue, fetch_household
from argus3d.data.prepare import prepare
from argus3d.data.procedural import ProceduralCatalogue
from argus3d.errors import UserError

SOURCES = ("household", "components", "procedural", "folder")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `data` and its actions."""
    actions = commands.add_parser("data", help="fetch, prepare and list shapes").add_subparsers(
        dest="action", required=True
    )
    for name, text in (
        ("fetch", "download what a source needs"),
        ("prepare", "make clouds, occupancy samples and pictures"),
        ("list", "name the classes and how many shapes each has"),
    ):
        action = actions.add_parser(name, help=text)
        action.set_defaults(run={"fetch": run_fetch, "prepare": run_prepare, "list": run_list}[name])
        action.add_argument("source", choices=SOURCES)
        action.add_argument("--root", type=Path, default=Path("artifacts/data"), help="folder of all data")
        action.add_argument(
            "--deb",
            type=Path,
            help="household: a .deb or folder of .sh3f files you already have; components: a folder with both .debs",
        )
        action.add_argument("--path", type=Path, help="folder: the tree of mesh files; its sub-folders are the classes")
        action.add_argument("--up", choices=UP_AXES, default="y", help="folder: the axis that points up in all files")
        action.add_argument("--name", help="folder: name of the prepared source (default: made from the folder's name)")
        if name == "prepare":
            action.add_argument("--workers", type=int, help="processes (default: one a core)")


def open_source(arguments: argparse.Namespace) -> Catalogue:
    """A source's catalogue, fetched first where it has to be."""
    if arguments.source == "household":
        return HouseholdCatalogue(fetch_household(arguments.root, arguments.deb))
    if arguments.source == "components":
        return ComponentsCatalogue(fetch_components(arguments.root, arguments.deb))
    if arguments.source == "folder":
        return _open_folder(arguments)
    return ProceduralCatalogue()


def _open_folder(arguments: argparse.Namespace) -> FolderCatalogue:
    """The catalogue of the folder that --path names; what it leaves out is said on stderr."""
    if arguments.path is None:
        raise UserError("source folder needs --path: give the folder of mesh files.")
    catalogue = FolderCatalogue(arguments.path, arguments.up, arguments.name)
    for link in catalogue.linked_folders:
        print(f"{link} is a linked folder and was not entered", file=sys.stderr)
    return catalogue


def run_fetch(arguments: argparse.Namespace) -> None:
    """Fetch a source and say what came."""
    items = open_source(arguments).items()
    print(json.dumps({"source": arguments.source, "shapes": len(items)}))


def run_list(arguments: argparse.Namespace) -> None:
    """Print the number of shapes of each class."""
    items = open_source(arguments).items()
    print(json.dumps(dict(sorted(Counter(item.category for item in items).items())), indent=1))


def run_prepare(arguments: argparse.Namespace) -> None:
    """Prepare a source; what is there already is kept."""
    catalogue = open_source(arguments)
    if isinstance(catalogue, FolderCatalogue):
        catalogue.record_origin(arguments.root)
    manifest = prepare(catalogue, arguments.root, workers=arguments.workers)
    for item_id, reason in manifest["failed"]:
        print(f"{item_id} failed: {reason}", file=sys.stderr)
    print(json.dumps(manifest["counts"]))
