"""The sources that there are, and what each is asked for on the command line."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from argus3d.data.catalogue import Archived, Catalogue
from argus3d.data.components import ComponentsCatalogue, fetch_components
from argus3d.data.folder import UP_AXES, FolderCatalogue
from argus3d.data.household import HouseholdCatalogue, fetch_household
from argus3d.data.procedural import ProceduralCatalogue


@dataclass(frozen=True)
class Source:
    """What a source is, its own arguments, and its catalogue by them, fetched first where it has to be."""

    text: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    open: Callable[[argparse.Namespace], Catalogue | Archived]


def open_source(arguments: argparse.Namespace) -> Catalogue | Archived:
    """The catalogue of `arguments.source`. Raises: UserError where it cannot be had."""
    return SOURCES[arguments.source].open(arguments)


def _household_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--deb", type=Path, help="a .deb or folder of .sh3f files that you already have")


def _household(arguments: argparse.Namespace) -> HouseholdCatalogue:
    return HouseholdCatalogue(fetch_household(arguments.root, arguments.deb))


def _components_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--deb", type=Path, help="a folder with both .debs, or where you unpacked them")


def _components(arguments: argparse.Namespace) -> ComponentsCatalogue:
    return ComponentsCatalogue(fetch_components(arguments.root, arguments.deb))


def _procedural_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def _procedural(arguments: argparse.Namespace) -> ProceduralCatalogue:
    return ProceduralCatalogue()


def _folder_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--path", type=Path, required=True, help="the tree of mesh files; sub-folders are the classes")
    parser.add_argument("--up", choices=UP_AXES, default="y", help="the axis that points up in all files (default: y)")
    parser.add_argument("--name", help="of the prepared source (default: made from the folder's name)")


def _folder(arguments: argparse.Namespace) -> FolderCatalogue:
    """What it leaves out is said on stderr."""
    catalogue = FolderCatalogue(arguments.path, arguments.up, arguments.name)
    for link in catalogue.linked_folders:
        print(f"{link} is a linked folder and was not entered", file=sys.stderr)
    return catalogue


SOURCES = {
    "household": Source("796 real objects: furniture, lamps, vehicles, plants", _household_arguments, _household),
    "components": Source("1,530 real electronic parts in 12 classes", _components_arguments, _components),
    "procedural": Source("parametric shapes, made here", _procedural_arguments, _procedural),
    "folder": Source("any tree of mesh files", _folder_arguments, _folder),
}
