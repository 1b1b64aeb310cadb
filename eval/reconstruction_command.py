"""`argus3d-eval reconstruction`: shapes that came back against the shapes they were."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from eval import runs
from eval.overlap import about_samples
from eval.reconstruction import evaluate_reconstruction, read_groups, read_ious, reconstruction_points
from eval.results import require_place
from eval.selection import select


def main(argv: Sequence[str]) -> int:
    """Measure pairs of shapes of the same ids."""
    start = time.monotonic()
    parser = argparse.ArgumentParser(
        prog="argus3d-eval reconstruction",
        description="Measure shapes that came back against the shapes they were.",
        allow_abbrev=False,
    )
    parser.add_argument("generated", help="folder of samples, ids as in the reference; IoUs are read from its manifest")
    parser.add_argument("reference", help=runs.SOURCE)
    runs.add_arguments(parser)
    arguments = parser.parse_args(argv)
    require_place(arguments.out)
    protocol = runs.get(arguments)
    points = reconstruction_points(protocol)
    sources = arguments.generated, arguments.reference
    generated, reference = (runs.load(source, arguments, protocol, points, normals=True) for source in sources)
    manifest = Path(arguments.generated) / "manifest.json"
    result = evaluate_reconstruction(
        generated, reference, protocol, runs.row_name(arguments), read_ious(manifest), read_groups(manifest)
    )
    chosen = select(arguments.reference, arguments.data_root)
    data = about_samples(arguments.generated, generated.categories, chosen, arguments.data_root)
    return runs.finish(result, arguments, start, runs.command("reconstruction", argv), data)
