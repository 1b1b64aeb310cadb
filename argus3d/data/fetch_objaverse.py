"""`argus3d data fetch objaverse`: the chunks that are named, or those that a part of the split needs."""

import argparse
import json
from pathlib import Path

from argus3d.data.hub import Fetched, fetch_objaverse
from argus3d.data.make_splits import make_split
from argus3d.data.objaverse import SPLIT
from argus3d.data.sources import chunk_list
from argus3d.errors import UserError


def add_fetch_objaverse(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.set_defaults(run=run_fetch_objaverse)
    parser.add_argument("--path", type=Path, required=True, help="folder for occupancies/ and annotations/")
    parser.add_argument("--root", type=Path, default=Path("artifacts/data"), help="folder of all data, for the split")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--split", metavar="NAME/PART", help=f"the chunks that a part needs, such as {SPLIT}/test-core")
    what.add_argument("--chunks", type=chunk_list, metavar="A,B", help="such as 000-000,000-012")
    what.add_argument("--annotations", action="store_true", help="classes and captions alone")
    parser.add_argument("--pictures", action="store_true", help="the renderings too")


def run_fetch_objaverse(arguments: argparse.Namespace) -> None:
    """Fetch, going on where an earlier run stopped, and say what came and what the hub does not have."""
    if arguments.split:
        fetched = _fetch_part(arguments.split, arguments.path, arguments.root, arguments.pictures)
    else:
        fetched = fetch_objaverse(arguments.path, arguments.chunks or [], pictures=arguments.pictures)
    print(json.dumps({"files": len(fetched.files), "bytes": fetched.bytes, "missing": fetched.missing}))


def _fetch_part(split: str, folder: Path, data_root: Path, pictures: bool) -> Fetched:
    name, _, part = split.partition("/")
    if name != SPLIT:
        raise UserError(f"{split} is no part of {SPLIT}, the split of this source.")
    fetch_objaverse(folder, [])  # which objects the part holds is known by the annotations
    _, parts = make_split(name, folder, data_root)
    if part not in parts:
        raise UserError(f"{name} has no part {part!r}; it has {', '.join(parts)}.")
    return fetch_objaverse(folder, uids=parts[part], pictures=pictures)
