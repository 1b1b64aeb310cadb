import pytest
import torch

from argus3d.config import ArgusConfig
from argus3d.errors import UserError
from argus3d.model.transformer import KeyValueCache, ShapeTransformer
from argus3d.sampler import filter_logits, sample_tokens
from tests.argus3d.sizes import TRANSFORMER
from tests.reference import model as reference


@pytest.fixture
def model() -> ShapeTransformer:
    torch.manual_seed(0)
    transformer = ShapeTransformer(TRANSFORMER).eval()
    for parameter in transformer.parameters():  # larger than at the start of training, so that tokens matter
        torch.nn.init.normal_(parameter, std=0.3)
    return transformer


def test_the_released_sizes_count_the_released_parameters() -> None:
    with torch.device("meta"):
        huge = ShapeTransformer(ArgusConfig.preset("huge").transformer)
    assert sum(p.numel() for p in huge.parameters()) == 3_663_104_000


def test_row_j_sees_only_tokens_before_j(model: ShapeTransformer) -> None:
    tokens, condition = torch.randint(16, (2, 64)), torch.tensor([0, 2])
    changed = tokens.clone()
    changed[:, 20] = (changed[:, 20] + 1) % 16
    before, after = model(tokens, condition), model(changed, condition)
    torch.testing.assert_close(before[:, :21], after[:, :21])
    assert (before[:, 21] - after[:, 21]).abs().max() > 1e-3


def test_the_class_matters(model: ShapeTransformer) -> None:
    tokens = torch.randint(16, (1, 64))
    assert (model(tokens, torch.tensor([0])) - model(tokens, torch.tensor([1]))).abs().max() > 1e-3


def test_the_cache_gives_the_logits_of_the_whole_sequence(model: ShapeTransformer) -> None:
    tokens, condition = torch.randint(16, (2, 64)), torch.tensor([0, 2])
    cache = KeyValueCache.empty(TRANSFORMER, 2, model.emb.weight)
    steps = [model.start(condition, cache)]
    steps += [model.advance(tokens[:, index], cache) for index in range(63)]
    torch.testing.assert_close(torch.stack(steps, 1), model(tokens, condition), atol=1e-4, rtol=1e-4)


def test_greedy_tokens_are_the_likeliest_of_their_own_sequence(model: ShapeTransformer) -> None:
    condition = torch.tensor([0, 1, 2])
    tokens = sample_tokens(model, condition, seeds=[0, 1, 2], greedy=True, top_k=None)
    assert torch.equal(model(tokens, condition).argmax(-1), tokens)


def test_a_sample_does_not_depend_on_its_batch(model: ShapeTransformer) -> None:
    condition = torch.tensor([0, 1, 2, 0])
    together = sample_tokens(model, condition, seeds=[7, 8, 9, 10], top_k=8)
    alone = [sample_tokens(model, condition[i : i + 1], seeds=[7 + i], top_k=8) for i in range(4)]
    assert torch.equal(together, torch.cat(alone))
    assert len({tuple(row.tolist()) for row in together}) == 4


def test_known_tokens_are_held(model: ShapeTransformer) -> None:
    known = torch.full((2, 64), -1)
    known[:, ::2] = torch.randint(16, (2, 32))
    tokens = sample_tokens(model, torch.tensor([0, 1]), seeds=[1, 2], top_k=16, known=known)
    assert torch.equal(tokens[:, ::2], known[:, ::2])


def test_samples_follow_the_probabilities(model: ShapeTransformer) -> None:
    condition = torch.zeros(4000, dtype=torch.int64)
    cache = KeyValueCache.empty(TRANSFORMER, 1, model.emb.weight)
    expected = model.start(condition[:1], cache)[0].softmax(0)
    first = torch.cat(
        [sample_tokens(model, condition[:500], seeds=range(i, i + 500), top_k=16)[:, 0] for i in range(0, 4000, 500)]
    )
    found = torch.bincount(first, minlength=16) / 4000
    assert (found - expected).abs().max() < 0.04  # five standard deviations of the likeliest share


@pytest.mark.parametrize(("top_k", "top_p"), [(3, None), (None, 0.7), (5, 0.5), (16, None), (1, None), (None, 1.0)])
def test_filters_are_those_of_the_loop(top_k: int | None, top_p: float | None) -> None:
    logits = torch.randn(6, 16, dtype=torch.float64)
    logits[0, :8] = 1.5  # ties with the k-th are kept
    found = filter_logits(logits, top_k, top_p)
    for row, expected in zip(found, logits.tolist(), strict=True):
        kept = reference.filter_logits(expected, top_k, top_p)
        assert [value == -torch.inf for value in row] == [value == -torch.inf for value in kept]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"top_k": 17}, r"top_k 17 must lie in 1 \.\. 16"),
        ({"top_p": 0.0}, r"top_p 0\.0 must lie in"),
        ({"temperature": 0.0}, "temperature 0.0 must be positive"),
        ({"seeds": [1]}, "2 conditions need as many seeds, not 1"),
        ({"condition": torch.tensor([0, 3])}, r"class indices must lie in 0 \.\. 2"),
    ],
)
def test_settings_out_of_range_are_refused(model: ShapeTransformer, change: dict, message: str) -> None:
    settings = {"condition": torch.tensor([0, 1]), "seeds": [1, 2], "top_k": 8} | change
    with pytest.raises(UserError, match=message):
        sample_tokens(model, settings.pop("condition"), **settings)


def test_too_many_tokens_are_refused(model: ShapeTransformer) -> None:
    with pytest.raises(UserError, match="65 tokens are more than the 64"):
        model(torch.zeros(1, 65, dtype=torch.int64), torch.tensor([0]))
