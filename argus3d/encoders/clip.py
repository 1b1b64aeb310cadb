"""Texts and images by CLIP, from the user's own cache of models: nothing is fetched."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from argus3d.data.files import sha256_file
from argus3d.encoders.images import letterboxed
from argus3d.encoders.interface import TOKENS, Encoded, checked_text, checked_unicode, encoded_rows, exact, require
from argus3d.errors import UserError

REPOSITORY = "openai/clip-vit-base-patch32"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # of its training images
SPECIAL = 2  # tokens that every text gets: one before it, one after it


class ClipText:
    """CLIP's text side: its joint vector, of length 1, or the states of a text's first `TOKENS` tokens.

    The token that ends a text stands in for it as a whole, so that it is kept where a text is cut.

    Source: Learning Transferable Visual Models From Natural Language Supervision (Radford et al. 2021)
    """

    def __init__(self, name: str, device: torch.device) -> None:
        """Load the weights. Raises: UserError where transformers or the weights are missing."""
        folder, self.sha256, self._net = _load(name, device)
        self.name, self.device = name, device
        self.joint = name.endswith("-global")
        self.length = 1 if self.joint else TOKENS
        self.features = self._net.config.projection_dim if self.joint else self._net.config.text_config.hidden_size
        transformers = require("transformers", "text", name)
        self._tokenizer = transformers.CLIPTokenizerFast.from_pretrained(folder, local_files_only=True)

    def encode(self, texts: Sequence[str]) -> Encoded:
        """See `TextEncoder.encode`; at most 75 tokens."""
        with exact():
            rows = {text: self._row(text) for text in dict.fromkeys(texts)}  # captions repeat
        return encoded_rows([rows[text] for text in texts], self.length, self.features)

    def _row(self, text: str) -> Tensor:
        words = self._tokenizer(checked_unicode(text))["input_ids"]
        limit = self._net.config.text_config.max_position_embeddings - SPECIAL
        checked_text(text, len(words) - SPECIAL, limit, self.name)
        found = self._net.text_model(torch.tensor([words], device=self.device))
        if self.joint:
            return F.normalize(self._net.text_projection(found.pooler_output))
        states: Tensor = found.last_hidden_state[0]
        return torch.cat([states[1:-1][: TOKENS - 1], states[-1:]])


class ClipImage:
    """CLIP's image side (ViT-B/32 at 224 pixels): its joint vector, of length 1, or the states of its patches.

    Source: as `ClipText`
    """

    def __init__(self, name: str, device: torch.device) -> None:
        """Load the weights. Raises: UserError where transformers or the weights are missing."""
        _, self.sha256, self._net = _load(name, device)
        config = self._net.config.vision_config
        self.name, self.device = name, device
        self.joint = name.endswith("-global")
        self.side = config.image_size
        self.length = 1 if self.joint else (config.image_size // config.patch_size) ** 2
        self.features = self._net.config.projection_dim if self.joint else config.hidden_size

    def encode(self, images: Sequence[NDArray[np.uint8]]) -> Encoded:
        """See `ImageEncoder.encode`."""
        with exact():
            return encoded_rows([self._row(image) for image in images], self.length, self.features)

    def _row(self, image: NDArray[np.uint8]) -> Tensor:
        pixels = torch.from_numpy(letterboxed(image, self.side) / np.float32(255))
        scaled = (pixels - torch.tensor(MEAN)) / torch.tensor(DEVIATION)
        found = self._net.vision_model(scaled.permute(2, 0, 1)[None].to(self.device))
        if self.joint:
            return F.normalize(self._net.visual_projection(found.pooler_output))
        patches: Tensor = found.last_hidden_state[0, 1:]  # the first state is of no patch
        return patches


def _load(name: str, device: torch.device) -> tuple[Path, str, Any]:
    """The folder of the cache, the hash of the weights, and the network."""
    transformers = require("transformers", "text", name)
    folder = _cached(name)
    weights = next((folder / file for file in WEIGHTS if (folder / file).is_file()), None)
    if weights is None:
        raise _absent(name)
    transformers.logging.disable_progress_bar()
    net = transformers.CLIPModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    return folder, sha256_file(weights), net.to(device).eval()


def _cached(name: str) -> Path:
    hub = require("huggingface_hub", "text", name)
    try:
        return Path(hub.snapshot_download(REPOSITORY, local_files_only=True))
    except (OSError, ValueError) as error:  # what the hub raises for what is not cached is one of these
        raise _absent(name) from error


def _absent(name: str) -> UserError:
    return UserError(
        f"{name}: the weights of {REPOSITORY} are not in this user's cache; fetch them by `hf download {REPOSITORY}`, "
        "or use minilm-sentence for texts and efficientnet-lite0-global for images, which need no network."
    )
