"""What fits in memory, and what is said when it does not."""

from pathlib import Path

import pytest
import torch

from argus3d import memory
from argus3d.config import ArgusConfig
from argus3d.decoding import StepDecoder
from argus3d.errors import UserError
from argus3d.model.transformer import ShapeTransformer
from tests.argus3d.sizes import TRANSFORMER

CPU = torch.device("cpu")
HUGE = ArgusConfig.preset("huge")


@pytest.mark.parametrize("name", ["nano", "base", "large", "huge"])
def test_the_weights_are_counted_to_the_byte(name: str) -> None:
    config = ArgusConfig.preset(name).transformer
    with torch.device("meta"):
        transformer = ShapeTransformer(config)
    for dtype in (torch.float32, torch.bfloat16):
        counted = sum(parameter.numel() for parameter in transformer.parameters()) * dtype.itemsize
        assert memory.transformer_bytes(config, dtype) == counted


def test_a_row_costs_at_least_its_cache() -> None:
    decoder = StepDecoder(ShapeTransformer(TRANSFORMER), 3, lambda logits, uniform: logits.argmax(1))
    assert memory.row_bytes(TRANSFORMER, torch.float32) >= decoder.cache.nbytes / 3


def test_free_memory_is_told_in_bytes() -> None:
    assert 2**20 < memory.free_bytes(CPU) < 2**50


def test_the_limit_of_a_container_counts(tmp_path: Path) -> None:
    assert memory.left_in_group(tmp_path) > 2**60
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.left_in_group(tmp_path) > 2**60
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 500\nfile 200\nfile_mapped 150\n")
    assert memory.left_in_group(tmp_path) == 500


def test_weights_that_do_not_fit_are_refused_with_what_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: 10 * 10**9)
    with pytest.raises(UserError, match=r"argus needs 15.2 GB on cpu in float32 and 10.0 GB are free, 5.2 GB too few"):
        memory.require_weights(HUGE, torch.float32, CPU, "argus")
    with pytest.raises(UserError, match=r"--dtype bfloat16 needs 7\.9 GB"):
        memory.require_weights(HUGE, torch.float32, CPU, "argus")
    memory.require_weights(HUGE, torch.bfloat16, CPU, "argus")
    monkeypatch.setattr(memory, "free_bytes", lambda device: 10**9)
    with pytest.raises(UserError, match="no --dtype is small enough"):
        memory.require_weights(HUGE, torch.bfloat16, CPU, "argus")


def test_the_batch_follows_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    row = memory.row_bytes(HUGE.transformer, torch.bfloat16)
    monkeypatch.setattr(memory, "free_bytes", lambda device: memory.RESERVE + 5 * row)
    assert memory.batch_size(HUGE.transformer, torch.bfloat16, CPU, None) == 5
    assert memory.batch_size(HUGE.transformer, torch.bfloat16, CPU, 4) == 4
    with pytest.raises(UserError, match=r"6 shapes at a time need 2.6 GB .* more than is free; --batch-size 5 fits"):
        memory.batch_size(HUGE.transformer, torch.bfloat16, CPU, 6)
    monkeypatch.setattr(memory, "free_bytes", lambda device: memory.RESERVE + row // 2)
    with pytest.raises(UserError, match=r"1 shapes at a time need .* free some memory"):
        memory.batch_size(HUGE.transformer, torch.bfloat16, CPU, None)
    monkeypatch.setattr(memory, "free_bytes", lambda device: 10**15)
    assert memory.batch_size(HUGE.transformer, torch.bfloat16, CPU, None) == 16
    assert memory.batch_size(HUGE.transformer, torch.bfloat16, torch.device("cuda"), None) == 64
