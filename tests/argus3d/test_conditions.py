from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from argus3d.checkpoint import Argus, load, save
from argus3d.config import ArgusConfig, ConditionConfig, TransformerConfig
from argus3d.decoding import StepDecoder
from argus3d.errors import UserError
from argus3d.generator import ArgusGenerator, SamplingConfig
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.conditions import Conditions, Encoded
from argus3d.model.places import into_patches, out_of_patches
from argus3d.model.transformer import ShapeTransformer
from argus3d.prompts import LEAST_POINTS, Prompts, Request
from argus3d.sampler import Draw, Sampler, sample_tokens
from tests.argus3d.sizes import AUTOENCODER, CLASSES, GUIDED, IMAGE, TEXT, TRANSFORMER

CONFIG = ArgusConfig(AUTOENCODER, GUIDED)


@pytest.fixture(scope="module")
def model() -> ShapeTransformer:
    torch.manual_seed(0)
    transformer = ShapeTransformer(GUIDED).eval()
    for parameter in transformer.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return transformer


def encoded(kind: ConditionConfig, rows: int, seed: int = 0) -> Encoded:
    values = torch.randn(rows, kind.length, kind.features, generator=torch.Generator().manual_seed(seed))
    return Encoded(values, torch.ones(rows, kind.length, dtype=torch.bool))


def asked(rows: int, kinds: Sequence[str] = ("text", "image")) -> Conditions:
    """Classes, none in the last row, with conditions of other kinds; a part is missing from the second row."""
    category = torch.arange(rows) % 3
    category[-1] = -1
    features = {kind: encoded(GUIDED.condition(kind), rows, seed) for seed, kind in enumerate(kinds)}
    if "part" in features:
        features["part"].mask[1:2] = False
    return Conditions(category, features)


def whole(model: ShapeTransformer, tokens: torch.Tensor, conditions: Conditions) -> torch.Tensor:
    with torch.no_grad():
        return model(tokens, conditions)


@pytest.mark.parametrize("name", ["nano", "base", "large", "huge"])
def test_presets_take_a_class_alone_and_hold_no_further_weights(name: str) -> None:
    with torch.device("meta"):
        assert not list(ShapeTransformer(ArgusConfig.preset(name).transformer).conditions.parameters())


def test_each_kind_of_condition_changes_the_logits(model: ShapeTransformer) -> None:
    tokens, base = torch.randint(16, (2, 64)), asked(2)
    expected = whole(model, tokens, base)
    others = (
        Conditions(torch.tensor([2, 1]), base.features),
        Conditions(base.category, {**base.features, "text": encoded(TEXT, 2, 5)}),
        Conditions(base.category, {**base.features, "image": encoded(IMAGE, 2, 6)}),
        Conditions(base.category, {"text": base.features["text"]}),
        Conditions(base.category, {**base.features, "part": encoded(AUTOENCODER.part_condition, 2)}),
    )
    for other in others:
        assert (whole(model, tokens, other) - expected).abs().max() > 1e-3


def test_what_is_masked_out_is_not_seen(model: ShapeTransformer) -> None:
    tokens, base = torch.randint(16, (2, 64)), asked(2)
    values, mask = base.features["text"]
    hidden = mask.clone()
    hidden[:, 1] = False
    changed = values.clone()
    changed[:, 1] = 100
    first, second = (
        whole(model, tokens, Conditions(base.category, {**base.features, "text": Encoded(text, hidden)}))
        for text in (values, changed)
    )
    assert torch.equal(first, second)
    assert (first - whole(model, tokens, base)).abs().max() > 1e-3


def test_dropped_conditions_are_all_alike(model: ShapeTransformer) -> None:
    tokens = torch.randint(16, (1, 64)).expand(3, -1)
    logits = whole(model, tokens, asked(3).dropped())
    torch.testing.assert_close(logits[0], logits[1])
    torch.testing.assert_close(logits[0], logits[2])


def test_the_order_of_the_kinds_does_not_matter(model: ShapeTransformer) -> None:
    tokens, base = torch.randint(16, (2, 64)), asked(2)
    turned = Conditions(base.category, dict(reversed(base.features.items())))
    assert torch.equal(whole(model, tokens, base), whole(model, tokens, turned))


def logits_of_steps(decoder: StepDecoder, conditions: Conditions, tokens: torch.Tensor) -> torch.Tensor:
    """Logits (B, T, V) of a decoder while it is made to write `tokens`."""
    steps: list[torch.Tensor] = []

    def choose(logits: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        steps.append(logits)
        return logits.argmax(1)

    decoder.choose = choose
    decoder.run(conditions, torch.zeros(tokens.shape, dtype=torch.float64), tokens, tokens.shape[1], None)
    return torch.stack(steps, 1)


@pytest.mark.parametrize("kinds", [(), ("text", "image"), ("part",), ("image", "part")])
@pytest.mark.parametrize("rows", [1, 3, 8])
def test_the_cache_gives_the_logits_of_the_whole_sequence(
    model: ShapeTransformer, rows: int, kinds: tuple[str, ...]
) -> None:
    tokens, conditions = torch.randint(16, (rows, 64)), asked(rows, kinds)
    found = logits_of_steps(StepDecoder(model, rows, Draw().choose, kinds), conditions, tokens)
    torch.testing.assert_close(found, whole(model, tokens, conditions), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kinds", [("text", "image"), ("text", "part")])
@pytest.mark.parametrize("guidance", [0.0, 0.5, 3.0])
def test_guidance_is_the_sum_of_its_parts(
    model: ShapeTransformer, guidance: float, kinds: tuple[str, ...]
) -> None:
    tokens, conditions = torch.randint(16, (3, 64)), asked(3, kinds)
    with_them, without = whole(model, tokens, conditions), whole(model, tokens, conditions.dropped())
    decoder = StepDecoder(model, 3, Draw().choose, kinds, guidance)
    found = logits_of_steps(decoder, conditions, tokens)
    torch.testing.assert_close(found, without + guidance * (with_them - without), atol=1e-3, rtol=1e-4)


def test_guidance_0_is_no_condition_and_a_little_of_it_changes_samples(model: ShapeTransformer) -> None:
    conditions, seeds = asked(3), [4, 5, 6]
    free = sample_tokens(model, conditions.dropped(), seeds=seeds, top_k=16)
    assert torch.equal(sample_tokens(model, conditions, seeds=seeds, top_k=16, guidance=0), free)
    plain = sample_tokens(model, conditions, seeds=seeds, top_k=16)
    assert not torch.equal(plain, free)
    assert not torch.equal(sample_tokens(model, conditions, seeds=seeds, top_k=16, guidance=4), plain)


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_a_sample_does_not_depend_on_its_batch(model: ShapeTransformer, guidance: float) -> None:
    conditions, seeds = asked(20), list(range(20))
    sampler = Sampler(model, Draw(top_k=16, guidance=guidance))
    together = sampler.tokens(conditions, seeds)
    for rows in (range(1), range(3, 5), range(7, 20)):
        index = torch.tensor(list(rows))
        assert torch.equal(sampler.tokens(conditions.rows(index), [seeds[i] for i in rows]), together[index])


def test_a_model_that_always_had_a_class_takes_no_guidance() -> None:
    plain = ShapeTransformer(TRANSFORMER)
    with pytest.raises(UserError, match="never learned to go without conditions"):
        Sampler(plain, Draw(top_k=16, guidance=2))
    with pytest.raises(UserError, match=r"0 \.\. 2; got \[-1\]"):
        sample_tokens(plain, torch.tensor([-1]), seeds=[0], top_k=16)
    with pytest.raises(UserError, match="takes no text; it is guided by class"):
        sample_tokens(plain, Conditions(torch.tensor([0]), {"text": encoded(TEXT, 1)}), seeds=[0], top_k=16)


def test_conditions_that_do_not_fit_are_refused(model: ShapeTransformer) -> None:
    short = Encoded(torch.zeros(1, 2, 5), torch.ones(1, 2, dtype=torch.bool))
    with pytest.raises(UserError, match=r"text features must be \(1, 3, 5\).*minilm-tokens"):
        model(torch.zeros(1, 64, dtype=torch.long), Conditions(torch.tensor([0]), {"text": short}))
    with pytest.raises(UserError, match="name a kind twice"):
        replace(TRANSFORMER, conditions=(TEXT, TEXT), droppable=True)
    with pytest.raises(UserError, match="want droppable"):
        replace(TRANSFORMER, conditions=(TEXT,))
    with pytest.raises(UserError, match="no condition is of the kind 'smell'"):
        ConditionConfig("smell", "nose", 1, 1)
    with pytest.raises(UserError, match="the autoencoder gives"):
        ArgusConfig(AUTOENCODER, replace(TRANSFORMER, conditions=(ConditionConfig("part", "x", 1, 1),), droppable=True))


def test_a_config_with_conditions_survives_json_and_one_from_before_them_is_read() -> None:
    assert ArgusConfig.from_json(CONFIG.to_json()) == CONFIG
    old = {key: getattr(TRANSFORMER, key) for key in ("width", "layers", "heads", "vocabulary", "tokens", "classes")}
    assert TransformerConfig.from_dict(old | {"positions": 64, "dropout": 0.0}) == TRANSFORMER


@pytest.fixture(scope="module")
def argus(model: ShapeTransformer) -> Argus:
    torch.manual_seed(1)
    return Argus(CONFIG, ShapeAutoencoder(AUTOENCODER).eval(), model, CLASSES, 0.5, resolution=16)


def part(points: int = 100, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (points, 3)).astype(np.float32)


def test_requests_of_several_kinds_are_made_in_order_whatever_their_company(argus: Argus) -> None:
    generator, config = ArgusGenerator(argus, "tiny"), SamplingConfig(top_k=16)
    wanted = [
        Request("a", "chair"), Request("b"), Request("c", part=part()), Request("d", "lamp", part=part(60, 1)),
        Request("e", "chair"),
    ]  # fmt: skip
    together = list(generator.generate(wanted, 3, config))
    assert [sample.id for sample in together] == list("abcde")
    assert [sample.category for sample in together] == ["chair", None, None, "lamp", "chair"]
    for request, sample in zip(wanted, together, strict=True):
        alone = next(generator.generate([request], 3, config))
        assert np.array_equal(alone.tokens, sample.tokens), request.id


def test_a_part_is_seen_and_its_order_is_not(argus: Argus) -> None:
    prompts = Prompts(argus, torch.device("cpu"), "tiny")
    cloud = part(argus.config.autoencoder.points // 2)
    first, turned, other = (
        prompts.conditions([Request("x", part=points)], [None]).features["part"].values
        for points in (cloud, cloud[::-1], cloud[:, ::-1])
    )
    torch.testing.assert_close(first, turned)
    assert (first - other).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (part(3), f"has 3 points; give {LEAST_POINTS} or more"),
        (part() * 3, "out of the box"),
        (np.where(np.arange(300).reshape(100, 3) == 7, np.nan, part()), "not finite"),
        (part()[:, :2], r"must be points \(P, 3\)"),
    ],
)
def test_what_cannot_be_a_part_is_refused_in_one_sentence(argus: Argus, points: np.ndarray, words: str) -> None:
    with pytest.raises(UserError, match=words):
        list(ArgusGenerator(argus, "tiny").generate([Request("bad", part=points)], config=SamplingConfig(top_k=16)))


def test_a_checkpoint_keeps_its_conditions(argus: Argus, tmp_path) -> None:  # type: ignore[no-untyped-def]
    save(argus, tmp_path)
    again = load(tmp_path)
    assert again.config == CONFIG
    tokens = torch.randint(16, (2, 64))
    assert torch.equal(whole(again.transformer, tokens, asked(2)), whole(argus.transformer, tokens, asked(2)))


def test_what_a_part_has_at_a_place_stands_with_its_token(model: ShapeTransformer) -> None:
    given = asked(1, ["part"])
    cells = torch.randn(1, 64, 8, generator=torch.Generator().manual_seed(2))
    changed = cells.clone()
    changed[0, 3 * 8 + 5] += 1
    patches = [into_patches(each.mT.reshape(1, 1, 8, 8, 8)) for each in (cells, changed)]
    mask = given.features["part"].mask
    first, second = (Conditions(given.category, {"part": Encoded(values, mask)}) for values in patches)
    with torch.no_grad():
        stand = [model.conditions.at_places(each) for each in (first, second)]
    assert (stand[0] - stand[1])[0].abs().amax(1).nonzero().flatten().tolist() == [3 * 8 + 5]
    assert not model.conditions.at_places(given.dropped()).any()
    assert model.conditions.at_places(asked(1)) is None


@pytest.mark.parametrize(("grids", "side"), [(1, 4), (3, 2), (3, 6)])
def test_cells_come_out_of_patches_in_the_order_of_their_tokens(grids: int, side: int) -> None:
    cells = torch.randn(2, grids * side**2, 5)  # as tokens lie: grid after grid, row by row
    patches = into_patches(cells.unflatten(1, (grids, side, side)).movedim(4, 2))
    assert patches.shape == (2, grids * side**2 // 4, 20)
    assert torch.equal(out_of_patches(patches), cells)


def test_what_is_said_begins_as_large_as_the_positions_it_is_added_to() -> None:
    torch.manual_seed(0)
    wide = [replace(kind, features=500) for kind in (TEXT, IMAGE)]
    model = ShapeTransformer(replace(GUIDED, width=64, conditions=(*wide, AUTOENCODER.part_condition)))
    for kind in (*wide, AUTOENCODER.part_condition):
        module = model.conditions.kinds[kind.kind]
        assert 0.01 < module.said(encoded(kind, 8).values).std() < 0.04
        # A part has the places of its tokens.
        assert kind.kind == "part" or 0.01 < module.positions.weight.std() < 0.04
    beside = model.conditions.at_places(Conditions(torch.zeros(8, dtype=torch.int64), {"part": encoded(kind, 8)}))
    assert beside is not None and 0.01 < beside.std() < 0.04


@pytest.mark.parametrize(("planes", "tokens"), [(1, 64), (3, 192)])
def test_patches_of_a_part_stand_where_their_tokens_do(planes: int, tokens: int) -> None:
    part = ConditionConfig("part", "autoencoder", 32, tokens // 4)
    model = ShapeTransformer(replace(TRANSFORMER, tokens=tokens, positions=tokens, conditions=(part,), droppable=True))
    given = Conditions(torch.zeros(1, dtype=torch.int64), {"part": encoded(part, 1)})
    with torch.no_grad():
        before = model.prefix(given)
        plane, row, column = planes - 1, 2, 5
        model.pos_emb.weight[plane * 64 + row * 8 + column] += 1
        moved = (model.prefix(given) - before)[0].abs().amax(1)
    # The class stands first, then patches of 2 x 2 tokens, row by row.
    assert moved.nonzero().flatten().tolist() == [1 + plane * 16 + (row // 2) * 4 + column // 2]
    assert moved.max() == pytest.approx(0.25, abs=1e-5)
