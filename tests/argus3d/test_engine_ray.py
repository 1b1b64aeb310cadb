"""The engine on a real Ray cluster: two nodes of one CPU each, on this machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from argus3d import engine
from argus3d.cli import main
from argus3d.errors import UserError
from eval.cli import main as measure
from tests.argus3d.engine_work import Draws, Mishaps
from tests.argus3d.test_sample_command import write_checkpoint
from tests.argus3d.test_sample_engine import contents

pytest.importorskip("ray", reason="Ray is not installed (the extra `cluster`)")
pytestmark = pytest.mark.joins_a_cluster
NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RAY_USAGE_STATS_ENABLED", "0")
        from ray.cluster_utils import Cluster

        both = Cluster(initialize_head=True, head_node_args=NODE)
        both.add_node(**NODE)
        yield both
        both.shutdown()


@pytest.fixture(scope="module")
def address(cluster: Any) -> Iterator[str]:
    """The cluster's, which this process joins for all maps at once: each would take a second to join and leave."""
    import ray

    ray.init(cluster.address, include_dashboard=False, log_to_driver=False)
    yield cluster.address
    ray.shutdown()


def test_two_nodes_give_the_bytes_of_this_machine(cluster: Any, tmp_path: Path) -> None:
    items = [f"item-{index}" for index in range(300)]
    start = Draws(tmp_path, 2, b"\1" * 10_000_000, kills_once=("item-100",))
    found = list(engine.ray(cluster.address).map(start, items))
    (tmp_path / "starts").unlink()
    assert found == list(engine.local(2).map(start, items))
    assert (tmp_path / "item-100").exists()


@pytest.mark.parametrize("nowhere", ["nowhere", "127.0.0.1:1"])
def test_an_address_where_nothing_answers_is_named(nowhere: str) -> None:
    with pytest.raises(UserError, match=f"no Ray cluster answers at {nowhere}"):
        list(engine.ray(nowhere).map(Mishaps(Path("unused")), [1]))


def test_what_goes_wrong_on_a_node_is_said_here(address: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="3 is bad; leave it out") as caught:
        list(engine.ray(address, workers=1).map(Mishaps(tmp_path, raises=(3,)), range(10)))
    assert "with item 3, 3" in caught.value.__notes__


def test_sample_fills_the_folder_alike(address: str, tmp_path: Path) -> None:
    tiny = write_checkpoint(tmp_path / "tiny")
    words = ["sample", "--checkpoint", str(tiny), "--category", "lamp", "--count", "6"]
    assert main([*words, "--out", str(tmp_path / "alone")]) == 0
    on_nodes = ["--engine", "ray", "--address", address, "--batch-size", "2"]
    assert main([*words, "--out", str(tmp_path / "nodes"), *on_nodes]) == 0
    assert contents(tmp_path / "nodes") == contents(tmp_path / "alone")


def test_score_measures_alike(address: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", rng.standard_normal((12, 256, 3)).astype(np.float32))
    words = ["score", str(tmp_path / "a.npy"), str(tmp_path / "b.npy"), "--protocol", "smoke", "--name", "x"]
    assert measure([*words, "--out", str(tmp_path / "alone.json")]) == 0
    on_nodes = ["--engine", "ray", "--address", address, "--cache", str(tmp_path / "kept")]
    assert measure([*words, "--out", str(tmp_path / "nodes.json"), *on_nodes]) == 0
    assert (tmp_path / "nodes.json").read_bytes() == (tmp_path / "alone.json").read_bytes()
    assert len(list((tmp_path / "kept").glob("*.tiles"))) == 2


def test_another_cluster_is_not_joined_meanwhile(address: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"part of the Ray cluster at {address} already, not of that at 10.0.0.1:6379"):
        list(engine.ray("10.0.0.1:6379").map(Mishaps(tmp_path), [1]))


def test_a_cluster_without_a_gpu_is_not_waited_for(address: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the Ray cluster has no GPU to give"):
        list(engine.ray(address).map(Mishaps(tmp_path), [1], gpus=1))


def test_work_goes_on_where_a_node_is_lost(cluster: Any, address: str, tmp_path: Path) -> None:
    # The last of the tests: it leaves a single node.
    items = [f"item-{index}" for index in range(400)]
    start = Draws(tmp_path, 2, b"\1" * 10_000_000)
    found = []
    for result in engine.ray(address).map(start, items):
        found.append(result)
        if len(found) == 50:
            cluster.remove_node(sorted(cluster.worker_nodes, key=str)[0], allow_graceful=False)
    assert len(cluster.worker_nodes) == 0
    assert found == list(engine.local(1).map(start, items))
