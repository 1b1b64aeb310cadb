"""Pictures by DINOv2, from the user's own cache of models: nothing is fetched.

What guides a generator comes from `argus3d.encoders`; this one only measures.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from argus3d.data.files import sha256_file
from argus3d.encoders import Encoded
from argus3d.encoders.images import letterboxed
from argus3d.encoders.interface import encoded_rows, exact, require
from argus3d.errors import UserError

NAME = "dinov2-base"
REPOSITORY = "facebook/dinov2-base"
WEIGHTS = "model.safetensors"
SIDE = 224
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of its training images


class Dino:
    """DINOv2 ViT-B/14: the state of its class token.

    Source: DINOv2 (Oquab et al. 2023, arXiv 2304.07193)
    """

    name, length = NAME, 1

    def __init__(self) -> None:
        """Load the weights. Raises : UserError where transformers or the weights are missing"""
        transformers = require("transformers", "text", NAME)
        folder = _cached()
        transformers.logging.disable_progress_bar()
        self._net = transformers.Dinov2Model.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()
        self.sha256 = sha256_file(folder / WEIGHTS)
        self.features = int(self._net.config.hidden_size)

    def encode(self, images: Sequence[npt.NDArray[np.uint8]]) -> Encoded:
        """See `argus3d.encoders.ImageEncoder.encode`."""
        with exact():
            return encoded_rows([self._row(image) for image in images], self.length, self.features)

    def _row(self, image: npt.NDArray[np.uint8]) -> Tensor:
        pixels = torch.from_numpy(letterboxed(image, SIDE) / np.float32(255))
        scaled = (pixels - torch.tensor(MEAN)) / torch.tensor(DEVIATION)
        state: Tensor = self._net(scaled.permute(2, 0, 1)[None]).last_hidden_state[:, 0]  # (1, F)
        return state


def _cached() -> Path:
    hub = require("huggingface_hub", "text", NAME)
    try:
        folder = Path(hub.snapshot_download(REPOSITORY, local_files_only=True))
    except (OSError, ValueError) as error:  # what the hub raises for what is not cached is one of these
        raise _absent() from error
    if not (folder / WEIGHTS).is_file():
        raise _absent()
    return folder


def _absent() -> UserError:
    return UserError(
        f"{NAME}: the weights of {REPOSITORY} are not in this user's cache; fetch them by `hf download {REPOSITORY}`, "
        "or use efficientnet-lite0-global, which needs no network."
    )
