import numpy as np
import pytest
import torch

from argus3d.config import ArgusConfig
from argus3d.decoding import StepDecoder, bucket_of
from argus3d.errors import UserError
from argus3d.model.transformer import BLOCK, ShapeTransformer, causal_in_blocks
from argus3d.sampler import Draw, Sampler, filter_logits, sample_tokens
from tests.argus3d.sizes import TRANSFORMER
from tests.reference import model as reference
from tests.reference import released_sampler


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


def logits_of_steps(model: ShapeTransformer, tokens: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
    """Logits (B, T, V) of the decoder while it is made to write `tokens`."""
    steps: list[torch.Tensor] = []

    def choose(logits: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        steps.append(logits)
        return logits.argmax(1)

    decoder = StepDecoder(model, len(tokens), choose)
    decoder.run(condition, torch.zeros(tokens.shape, dtype=torch.float64), tokens, tokens.shape[1], None)
    return torch.stack(steps, 1)


@pytest.mark.parametrize("rows", [1, 3, 16])
def test_the_cache_gives_the_logits_of_the_whole_sequence(model: ShapeTransformer, rows: int) -> None:
    tokens, condition = torch.randint(16, (rows, 64)), torch.arange(rows) % 3
    with torch.no_grad():
        expected = model(tokens, condition)
    torch.testing.assert_close(logits_of_steps(model, tokens, condition), expected, atol=1e-4, rtol=1e-4)


class Masked(StepDecoder):
    """The steps that a GPU captures, called one by one here."""

    def advance(self, length: int) -> None:
        self.masked_step(bucket_of(length))


def test_steps_of_fixed_length_give_the_same_tokens(model: ShapeTransformer) -> None:
    found = []
    for kind in (StepDecoder, Masked):
        decoder = kind(model, 2, lambda logits, uniform: logits.argmax(1))
        decoder.cache.normal_()  # what an earlier batch left must not be seen
        arguments = torch.tensor([0, 2]), torch.zeros(2, 64), torch.full((2, 64), -1)
        found.append(decoder.run(*arguments, 64, None))
    assert torch.equal(*found)


def test_half_precision_stays_near(model: ShapeTransformer) -> None:
    tokens, condition = torch.randint(16, (2, 64)), torch.tensor([0, 2])
    with torch.no_grad():
        expected = model(tokens, condition)
    found = logits_of_steps(model.bfloat16(), tokens, condition)
    assert found.dtype == torch.float32
    assert (found - expected).abs().max() / expected.abs().max() < 0.05


def test_sampling_is_the_released_one_token_for_token(model: ShapeTransformer) -> None:
    condition = torch.tensor([0, 1, 2])
    expected = released_sampler.sample(model, condition, 1, greedy=True)
    assert torch.equal(sample_tokens(model, condition, seeds=[0, 1, 2], greedy=True), expected)


def test_sampling_changes_no_weight_and_leaves_the_mode(model: ShapeTransformer) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.train()
    first = sample_tokens(model, torch.tensor([0]), seeds=[1], top_k=16)
    assert model.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    with torch.no_grad():
        model.blocks[0].attn.value.weight *= 3  # as a training step would; the sampler must see it
    assert not torch.equal(sample_tokens(model, torch.tensor([0]), seeds=[1], top_k=16), first)


def test_one_sampler_serves_batches_of_any_size(model: ShapeTransformer) -> None:
    sampler = Sampler(model, Draw(top_k=8))
    condition, seeds = torch.arange(40) % 3, list(range(40))
    whole = sampler.tokens(condition, seeds)
    pieces = [sampler.tokens(condition[a:b], seeds[a:b]) for a, b in ((0, 2), (2, 20), (20, 21), (21, 40))]
    assert torch.equal(torch.cat(pieces), whole)


def test_progress_adds_up_to_the_shapes(model: ShapeTransformer) -> None:
    told: list[float] = []
    Sampler(model, Draw(greedy=True)).tokens(torch.arange(20) % 3, range(20), progress=told.append)
    assert sum(told) == pytest.approx(20) and len(told) == 2


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


def test_draws_follow_the_probabilities() -> None:
    logits = torch.randn(16, generator=torch.Generator().manual_seed(3))
    uniform = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    drawn = Draw(top_k=16).choose(logits.expand(20_000, -1), uniform)
    torch.testing.assert_close(torch.bincount(drawn, minlength=16) / 20_000, logits.softmax(0), atol=1e-4, rtol=0)


def test_a_token_is_drawn_by_the_number_of_its_own_stream(model: ShapeTransformer) -> None:
    condition = torch.arange(20) % 3
    with torch.no_grad():
        logits = model(torch.zeros(20, 1, dtype=torch.int64), condition)[:, 0]
    numbers = np.array([np.random.default_rng([seed, 0xA26]).random() for seed in range(20)])
    expected = Draw(top_k=8).choose(logits, torch.from_numpy(numbers))
    assert torch.equal(sample_tokens(model, condition, seeds=range(20), top_k=8)[:, 0], expected)


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
        ({"temperature": 0.0}, "temperature 0.0 must lie in"),
        ({"seeds": [1]}, "2 conditions need as many seeds, not 1"),
        ({"temperature": float("nan")}, "temperature nan must lie in"),
        ({"known": torch.zeros(2, 63, dtype=torch.int64)}, r"known tokens must be \(2, 64\), not \(2, 63\)"),
        ({"known": torch.full((2, 64), 16)}, r"known tokens must lie in 0 \.\. 15"),
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


@pytest.mark.parametrize("length", [1, BLOCK - 1, BLOCK, 2 * BLOCK + 37])
def test_attention_in_blocks_is_that_of_the_whole(length: int) -> None:
    generator = torch.Generator().manual_seed(length)
    inputs = [torch.randn(2, 3, length, 8, generator=generator).requires_grad_() for _ in range(3)]
    query, key, value = inputs
    scores = (query @ key.transpose(2, 3)) * 8**-0.5
    wanted = torch.softmax(scores.masked_fill(torch.ones(length, length).triu(1).bool(), -torch.inf), -1) @ value
    upstream = torch.randn(wanted.shape, generator=generator)
    with torch.autocast("cpu", torch.bfloat16):
        found = causal_in_blocks(*(tensor.bfloat16() for tensor in inputs))
    assert found.dtype == torch.bfloat16
    gradients = [torch.autograd.grad(y, inputs, upstream.to(y.dtype), retain_graph=True) for y in (wanted, found)]
    for one, other in zip((wanted, *gradients[0]), (found, *gradients[1]), strict=True):
        assert (one - other.float()).norm() <= 0.02 * one.norm()


def test_attention_in_blocks_sees_nothing_later() -> None:
    query, key, value = torch.randn(3, 1, 2, BLOCK + 20, 8).bfloat16()
    before = causal_in_blocks(query, key, value)
    key[:, :, 100:], value[:, :, 100:] = 3, -3
    after = causal_in_blocks(query, key, value)
    assert torch.equal(before[:, :, :100], after[:, :, :100]) and not torch.equal(before, after)
