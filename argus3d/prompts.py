"""What a sample is asked to be, as a user gives it, and as the transformer takes it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from argus3d.checkpoint import Argus
from argus3d.data.shape_files import BOX
from argus3d.encoders import ImageEncoder, TextEncoder, image_encoder, text_encoder
from argus3d.errors import UserError
from argus3d.model.conditions import NO_CLASS, Conditions, Encoded
from argus3d.threads import one_thread

LEAST_POINTS = 32  # of a part; fewer say next to nothing


@dataclass(frozen=True)
class Request:
    """One shape to make: its id decides, with the seed of the run, its random stream.

    category : name of a class, None for any
    text : what it should be, in words
    image : (H, W, 3) uint8, a picture of it
    part : (P, 3) float in [-0.55, 0.55], points of a part of its surface, in the frame of the whole shape
    """

    id: str
    category: str | None = None
    text: str | None = None
    image: NDArray[np.uint8] | None = field(default=None, compare=False)
    part: NDArray[np.floating] | None = field(default=None, compare=False)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of conditions that it names beside the class."""
        return tuple(kind for kind in ("text", "image", "part") if getattr(self, kind) is not None)


class Prompts:
    """Requests to the conditions of one checkpoint; encoders are loaded when they are first needed."""

    def __init__(self, argus: Argus, device: torch.device, name: str) -> None:
        self._argus, self._device, self._name = argus, device, name
        self._config = argus.config.transformer

    def check(self, wanted: Sequence[Request]) -> None:
        """Raises: UserError for what this checkpoint cannot be asked for, before anything is encoded."""
        for request in wanted:
            for kind in request.kinds:
                self._config.condition(kind)
            if request.part is not None:
                require_part(request.part, request.id)
            if request.category is None and not self._config.droppable:
                raise UserError(f"{self._name} is guided by class and knows no shape without one; name a class.")

    def conditions(self, wanted: Sequence[Request], classes: Sequence[int | None]) -> Conditions:
        """Conditions of requests of the same kinds, and their class indices; None is no class."""
        category = torch.tensor([NO_CLASS if index is None else index for index in classes])
        encode: dict[str, Callable[[Sequence[Request]], Encoded]] = {
            "text": self._texts, "image": self._images, "part": self._parts,
        }  # fmt: skip
        return Conditions(category, {kind: encode[kind](wanted) for kind in wanted[0].kinds})

    @cached_property
    def text_encoder(self) -> TextEncoder:
        """Raises: UserError where this checkpoint takes no text, or its encoder is not installed."""
        return text_encoder(self._config.condition("text").encoder, str(self._device))

    @cached_property
    def image_encoder(self) -> ImageEncoder:
        """Raises: UserError where this checkpoint takes no image, or its encoder is not installed."""
        return image_encoder(self._config.condition("image").encoder, str(self._device))

    def _texts(self, wanted: Sequence[Request]) -> Encoded:
        return self.text_encoder.encode([request.text for request in wanted if request.text is not None])

    def _images(self, wanted: Sequence[Request]) -> Encoded:
        # Many samples of one image are asked for with one array.
        images = {id(request.image): request.image for request in wanted if request.image is not None}
        encoded = self.image_encoder.encode(list(images.values()))
        places = {key: place for place, key in enumerate(images)}
        return encoded.rows(torch.tensor([places[id(request.image)] for request in wanted]))

    def _parts(self, wanted: Sequence[Request]) -> Encoded:
        parts = {id(request.part): request.part for request in wanted if request.part is not None}
        values = {key: self._part(points) for key, points in parts.items()}
        rows = torch.stack([values[id(request.part)] for request in wanted])
        return Encoded(rows, torch.ones(rows.shape[:2], dtype=torch.bool))

    @torch.no_grad()
    @one_thread()
    def _part(self, points: NDArray[np.floating]) -> torch.Tensor:
        """Features (L, F) of a part, of at most as many points as half a shape has in training."""
        most = self._argus.config.autoencoder.points // 2
        chosen = points if len(points) <= most else np.random.default_rng(0).choice(points, most, replace=False)
        cloud = torch.from_numpy(np.ascontiguousarray(chosen, np.float32))[None].to(self._device)
        return self._argus.autoencoder.describe_part(cloud)[0].cpu()


def require_part(points: NDArray[np.floating], name: str) -> None:
    """Raises: UserError for what cannot be the part of a shape, naming it."""
    if points.ndim != 2 or points.shape[1] != 3:
        raise UserError(f"the part {name} must be points (P, 3), not {points.shape}.")
    if len(points) < LEAST_POINTS:
        raise UserError(f"the part {name} has {len(points)} points; give {LEAST_POINTS} or more.")
    if not np.isfinite(points).all():
        raise UserError(f"the part {name} holds coordinates that are not finite; remove these points.")
    farthest = float(np.abs(points).max())
    if farthest > BOX:
        raise UserError(
            f"the part {name} reaches {farthest:.3g} from the origin, out of the box of {BOX:g} that shapes lie in; "
            "scale and move it so that the whole shape has longest side 1 and its box's centre at the origin."
        )
