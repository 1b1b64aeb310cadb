"""`argus3d bench`, and a rehearsal of the benchmark that waits for a GPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from argus3d import bench
from argus3d.cli import main
from argus3d.config import ArgusConfig
from argus3d.meshing import mesh_of_planes
from argus3d.model.transformer import ShapeTransformer
from benchmarks import gpu
from tests.argus3d.sizes import AUTOENCODER, CONFIG, TRANSFORMER
from tests.reference import released_sampler

ROOT = Path(__file__).parents[2]


def test_bench_sample_prints_one_json(capsys: pytest.CaptureFixture) -> None:
    assert main(["bench", "sample", "--batch-size", "1", "--repeats", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["batch_size"] == 1 and found["tokens"] == 400 and len(found["seconds"]) == 1
    assert found["tokens_per_second"] == pytest.approx(400 / found["seconds"][0], rel=0.01)
    assert 0 < found["share_of_floor"] < 1.5 and found["conditions"]["cores"] >= 1


def test_bench_mesh_prints_one_json(capsys: pytest.CaptureFixture) -> None:
    assert main(["bench", "mesh", "--count", "2", "--resolution", "32", "--repeats", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["shapes"] == 2 and found["mean_faces"] > 0 and found["seconds_per_shape"] > 0


def test_unknown_presets_are_refused(capsys: pytest.CaptureFixture) -> None:
    assert main(["bench", "sample", "--config", "giant"]) == 1
    assert "no preset is called 'giant'; there are nano" in capsys.readouterr().err


def test_the_floor_counts_weights_and_cache() -> None:
    config = ArgusConfig.preset("huge").transformer
    one, many = (bench.bytes_per_step(config, torch.bfloat16, rows) for rows in (1, 17))
    assert one / 2 == pytest.approx(3_663_104_000 - (1025 + 55) * 3072 + 32 * 2 * 3072 * 513)
    assert (many - one) / 16 == 2 * 32 * 2 * 3072 * 513


def test_the_ball_is_a_ball() -> None:
    model = bench.BallAutoencoder(AUTOENCODER).eval()
    planes = model.decode(torch.randint(16, (1, AUTOENCODER.tokens)))[0].detach()
    mesh = mesh_of_planes(model, planes, 32, 0.5)
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices, axis=1), 0.4, atol=0.02)


def test_random_weights_are_those_of_the_sizes_on_the_device() -> None:
    transformer = bench.random_transformer(TRANSFORMER, torch.device("cpu"), torch.bfloat16)
    wanted = {name: tensor.shape for name, tensor in ShapeTransformer(TRANSFORMER).state_dict().items()}
    assert {name: tensor.shape for name, tensor in transformer.state_dict().items()} == wanted
    for parameter in transformer.parameters():
        assert parameter.dtype == torch.bfloat16 and parameter.isfinite().all()


def test_the_released_way_gives_the_logits_of_the_model() -> None:
    torch.manual_seed(0)
    model = ShapeTransformer(TRANSFORMER).eval()
    tokens, condition = torch.randint(16, (2, 30)), torch.tensor([0, 2])
    with torch.no_grad():
        found = released_sampler.logits_of_all(model, tokens, condition)[:, 1:-1]
        torch.testing.assert_close(found, model(tokens, condition), atol=1e-5, rtol=1e-5)


def test_the_gpu_benchmark_runs_through_and_judges_every_target() -> None:
    report = gpu.measure(torch.device("cpu"), CONFIG, (1, 2, 3), 16, 1, 3)
    json.dumps(report)
    assert set(report["same_tokens"]) == {"batch 1", "batch 2", "batch 3", "graphs"}
    report["tokens"] |= {"16": report["tokens"]["2"], "64": report["tokens"]["3"]}
    rows = gpu.against_targets(report)
    assert len(rows) == len(gpu.TARGETS) and all(np.isfinite(row["measured"]) for row in rows)
    report["tokens"]["16"] = report["tokens"]["16"] | {"seconds_per_shape": 99.0}
    assert not gpu.against_targets(report)[0]["met"]


def test_bfloat16_is_judged_on_trained_weights() -> None:
    found = gpu.precision(torch.device("cpu"), 2)
    assert 0.9 < found["likeliest_token_the_same"] <= 1
    assert found["perplexity_bfloat16"] == pytest.approx(found["perplexity_float32"], rel=0.02)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, on which it would run for minutes")
def test_without_a_gpu_the_script_says_that_nothing_was_measured(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    command = ["bash", str(ROOT / "benchmarks" / "gpu.sh"), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHON": sys.executable})
    assert done.returncode == 1 and not out.exists()
    assert "arrays agree" in done.stdout and "no CUDA device: nothing was measured" in done.stderr
