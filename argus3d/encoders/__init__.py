"""Frozen encoders of texts and images; a name says the network, and what of it is taken.

| name | of | L | F | what |
| minilm-sentence | texts | 1 | 384 | mean over the tokens, of length 1 |
| minilm-tokens | texts | 56 | 384 | last hidden states of the first 56 tokens |
| clip-vit-b-32-global | both | 1 | 512 | CLIP's joint vector, of length 1 |
| clip-vit-b-32-tokens | texts | 56 | 512 | last hidden states of the first 56 tokens |
| clip-vit-b-32-patches | images | 49 | 768 | last hidden states of 7 x 7 patches, row by row from the top left |
| efficientnet-lite0-global | images | 1 | 1280 | mean over the patches |
| efficientnet-lite0-patches | images | 49 | 1280 | 7 x 7 patches, row by row from the top left |

MiniLM and EfficientNet-Lite0 come as packages and need no network; CLIP is read from the user's own cache. No number
depends on the other texts or images of a call.
"""

import difflib
from collections.abc import Sequence

from argus3d.data.formats.images import image_from_bytes, load_image
from argus3d.encoders.interface import Encoded, ImageEncoder, TextEncoder
from argus3d.errors import UserError
from argus3d.memory import find_device

TEXT_ENCODERS = ("minilm-sentence", "minilm-tokens", "clip-vit-b-32-global", "clip-vit-b-32-tokens")
IMAGE_ENCODERS = (
    "efficientnet-lite0-global",
    "efficientnet-lite0-patches",
    "clip-vit-b-32-global",
    "clip-vit-b-32-patches",
)

__all__ = (
    "IMAGE_ENCODERS",
    "TEXT_ENCODERS",
    "Encoded",
    "ImageEncoder",
    "TextEncoder",
    "image_encoder",
    "image_from_bytes",
    "load_image",
    "text_encoder",
)


def text_encoder(name: str, device: str = "cpu") -> TextEncoder:
    """The encoder of texts of a name in `TEXT_ENCODERS`.

    Raises: UserError for another name, a device that is not there, or where its package or its weights are missing.
    """
    _require(name, TEXT_ENCODERS, "texts")
    place = find_device(device)
    if name.startswith("minilm"):
        from argus3d.encoders.minilm import MiniLM

        return MiniLM(name, place)
    from argus3d.encoders.clip import ClipText

    return ClipText(name, place)


def image_encoder(name: str, device: str = "cpu") -> ImageEncoder:
    """The encoder of images of a name in `IMAGE_ENCODERS`. Raises: as `text_encoder`."""
    _require(name, IMAGE_ENCODERS, "images")
    place = find_device(device)
    if name.startswith("efficientnet"):
        from argus3d.encoders.efficientnet import EfficientNetLite

        return EfficientNetLite(name, place)
    from argus3d.encoders.clip import ClipImage

    return ClipImage(name, place)


def _require(name: str, known: Sequence[str], what: str) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, known, 2, 0.5) or known
        raise UserError(f"no encoder of {what} is called {name!r}; say {' or '.join(near)}.")
