"""A node of a Ray cluster is lost in the middle of the work: `python -m benchmarks.faults.ray_node TREE OUT`.

Two nodes of one CPU each on this machine prepare the meshes of TREE; once some are finished, the processes of the
second node are killed. The manifest, which holds the hashes of all arrays, must be that of one process alone.
"""

import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from argus3d import engine
from argus3d.data.files import sha256_file
from argus3d.data.folder import FolderCatalogue
from argus3d.data.prepare import prepare
from argus3d.data.shape_files import PrepareConfig
from benchmarks.engine import STORE

SMALL = PrepareConfig(surface_points=500, uniform_points=1000, near_points=500)


def lose_node(cluster: Any, node: Any, root: Path) -> None:
    """Kill a node once a shape is finished."""
    while not list(root.rglob("record.json")):
        time.sleep(0.01)
    cluster.remove_node(node, allow_graceful=False)


def main() -> None:
    """Prepare on two nodes of which one is lost, and alone; write whether the bytes are the same."""
    from ray.cluster_utils import Cluster

    tree, out = map(Path, sys.argv[1:])
    node = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    second = cluster.add_node(**node)
    catalogue = FolderCatalogue(tree, "y", "mine")
    with tempfile.TemporaryDirectory() as scratch:
        roots = [Path(scratch) / name for name in ("nodes", "alone")]
        loss = threading.Thread(target=lose_node, args=(cluster, second, roots[0]))
        loss.start()
        prepare(catalogue, roots[0], SMALL, engine.ray(cluster.address))
        loss.join()
        prepare(catalogue, roots[1], SMALL, engine.local(1))
        sums = [sha256_file(root / "mine" / "manifest.json") for root in roots]
    cluster.shutdown()
    out.write_text(json.dumps({"same_bytes": sums[0] == sums[1]}))


if __name__ == "__main__":
    main()
