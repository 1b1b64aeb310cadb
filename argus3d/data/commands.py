"""`argus3d data fetch|prepare|list`."""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

from argus3d.data.catalogue import Catalogue
from argus3d.data.household import HouseholdCatalogue, fetch_household
from argus3d.data.prepare import prepare
from argus3d.data.procedural import ProceduralCatalogue

SOURCES = ("household", "procedural")


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
        action.add_argument("--deb", type=Path, help="household: a .deb or a folder with .sh3f files you already have")
        if name == "prepare":
            action.add_argument("--workers", type=int, help="processes (default: one a core)")


def open_source(name: str, root: Path, deb: Path | None) -> Catalogue:
    """A source's catalogue, fetched first where it has to be."""
    if name == "household":
        return HouseholdCatalogue(fetch_household(root, deb))
    return ProceduralCatalogue()


def run_fetch(arguments: argparse.Namespace) -> None:
    """Fetch a source and say what came."""
    items = open_source(arguments.source, arguments.root, arguments.deb).items()
    print(json.dumps({"source": arguments.source, "shapes": len(items)}))


def run_list(arguments: argparse.Namespace) -> None:
    """Print the number of shapes of each class."""
    items = open_source(arguments.source, arguments.root, arguments.deb).items()
    print(json.dumps(dict(sorted(Counter(item.category for item in items).items())), indent=1))


def run_prepare(arguments: argparse.Namespace) -> None:
    """Prepare a source; what is there already is kept."""
    catalogue = open_source(arguments.source, arguments.root, arguments.deb)
    manifest = prepare(catalogue, arguments.root, workers=arguments.workers)
    for item_id, reason in manifest["failed"]:
        print(f"{item_id} failed: {reason}", file=sys.stderr)
    print(json.dumps(manifest["counts"]))
