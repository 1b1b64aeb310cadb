"""The sources that there are, and what each is asked for on the command line."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from argus3d.data.annotations import CHUNK, LICENCES, licence_list
from argus3d.data.catalogue import Archived, Catalogue
from argus3d.data.components import ComponentsCatalogue, fetch_components
from argus3d.data.folder import UP_AXES, FolderCatalogue
from argus3d.data.household import HouseholdCatalogue, fetch_household
from argus3d.data.objaverse import ObjaverseCatalogue
from argus3d.data.procedural import ProceduralCatalogue
from argus3d.data.shapenet import ShapeNetCatalogue

_SAID = 20  # reports at most


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


def chunk_list(text: str) -> list[str]:
    """Chunks of Objaverse with commas, such as 000-000,000-012."""
    chunks = text.split(",")
    for chunk in chunks:
        if not CHUNK.fullmatch(chunk):
            raise argparse.ArgumentTypeError(f"{chunk!r} is no chunk such as 000-012")
    return chunks


def _objaverse_arguments(parser: argparse.ArgumentParser) -> None:
    what = "Objaverse-MIX as on the hub: occupancies/, rendered_images/ and annotations/, packed or not"
    parser.add_argument("--path", type=Path, required=True, help=what)
    parser.add_argument("--chunks", type=chunk_list, metavar="A,B", help="only these, such as 000-012 (default: all)")
    parser.add_argument(
        "--licences", type=licence_list, metavar="A,B",
        help=f"only objects under these, of {', '.join(LICENCES)} (default: all objects)",
    )  # fmt: skip


def _objaverse(arguments: argparse.Namespace) -> ObjaverseCatalogue:
    """What it leaves out, or does not know, is said on stderr."""
    catalogue = ObjaverseCatalogue(arguments.path, chunks=arguments.chunks, licences=arguments.licences)
    missing = [(f"chunk {chunk}", "It is not there.") for chunk in catalogue.missing_chunks]
    _say([*catalogue.reports, *missing], catalogue.counts)
    return catalogue


def _shapenet_arguments(parser: argparse.ArgumentParser) -> None:
    what = "ShapeNet as Occupancy Networks preprocessed it: SYNSET/MODEL/points.npz and pointcloud.npz"
    parser.add_argument("--path", type=Path, required=True, help=what)
    parser.add_argument("--classes", type=int, choices=(13, 55), help="which synsets (default: those that are there)")


def _shapenet(arguments: argparse.Namespace) -> ShapeNetCatalogue:
    """What it leaves out is said on stderr."""
    catalogue = ShapeNetCatalogue(arguments.path, arguments.classes)
    missing = [(f"synset {synset}", "It is not there.") for synset in catalogue.missing_synsets]
    _say([*catalogue.reports, *missing], catalogue.counts)
    return catalogue


def _say(reports: Sequence[tuple[str, str]], counts: dict[str, int]) -> None:
    for what, why in reports[:_SAID]:
        print(f"{what}: {why}", file=sys.stderr)
    if len(reports) > _SAID:
        print(f"and {len(reports) - _SAID} more of this kind", file=sys.stderr)
    print(", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items()), file=sys.stderr)


SOURCES = {
    "household": Source("796 real objects: furniture, lamps, vehicles, plants", _household_arguments, _household),
    "components": Source("1,530 real electronic parts in 12 classes", _components_arguments, _components),
    "procedural": Source("parametric shapes, made here", _procedural_arguments, _procedural),
    "objaverse": Source("Objaverse-MIX, as the hub has it", _objaverse_arguments, _objaverse),
    "shapenet": Source("ShapeNet, as Occupancy Networks preprocessed it", _shapenet_arguments, _shapenet),
    "folder": Source("any tree of mesh files", _folder_arguments, _folder),
}
