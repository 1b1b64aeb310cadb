"""What stage 2 learns from: tokens of shapes in several variants, and what describes the shapes."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from argus3d.config import ConditionConfig
from argus3d.data.formats.images import image_from_bytes
from argus3d.data.prepared import PreparedShape
from argus3d.data.streams import item_rng
from argus3d.encoders import ImageEncoder, image_encoder, text_encoder
from argus3d.errors import UserError
from argus3d.meter import Meter
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.conditions import NO_CLASS
from argus3d.train.caches import cached, weights_sha256
from argus3d.train.data import Augmentation, OccupancyData

PLAIN, MIRRORED = 0, 1  # the variants that pictures are of
VIEWS = 4  # pictures of a shape, of all that were prepared


@dataclass(frozen=True)
class Variants:
    """How many clouds of each shape are encoded: as it is, mirrored in x, and the others changed at random."""

    count: int
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(mirror_z=False, scale=0.15))

    def matrices(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """What each variant's cloud is multiplied by: (K, 3, 3)."""
        known = [np.eye(3), np.diag([-1.0, 1.0, 1.0])]
        return np.stack([*known, *(self.augmentation.matrix(rng) for _ in range(self.count - 2))][: self.count])


class Clouds(Protocol):
    """Clouds by the number of the shape, such as an array (S, N, 3)."""

    def __getitem__(self, shape: int, /) -> NDArray[np.float16]: ...


@dataclass(frozen=True)
class FirstPoints:
    """The first `count` points of each cloud; they are in no order."""

    data: OccupancyData
    count: int

    def __getitem__(self, shape: int, /) -> NDArray[np.float16]:
        return self.data.shape(shape).cloud[: self.count]


@dataclass(frozen=True, eq=False)
class TokenGroup:
    """The shapes of a part of a split.

    weight : how often a shape is drawn, relative to one of another group
    tokens : (S, K, T) int16, of K variants; the first is the shape as it is, the second is mirrored in x
    classes : (S,) int64, -1 for shapes of no class
    clouds : by shape (N, 3) float16, as it is; None where the model takes no parts
    matrices : (S, K, 3, 3), what each variant's cloud is multiplied by
    texts : (S, L, F) float16 and mask (S, L); None where the model takes none
    images : (S, 2, V, L, F) float16, V pictures of the shape and of its mirror image; None where there are no pictures
    """

    weight: float
    tokens: NDArray[np.int16]
    classes: NDArray[np.int64]
    clouds: "Clouds | None" = None
    matrices: NDArray[np.float64] | None = None
    texts: tuple[NDArray[np.float16], NDArray[np.bool_]] | None = None
    images: NDArray[np.float16] | None = None

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True)
class GroupMaker:
    """Groups for one transformer.

    classes : names, in the order of their indices; shapes of other categories are of no class
    conditions : kinds that the transformer takes beside the class
    folder : where what was computed is kept
    """

    autoencoder: ShapeAutoencoder
    classes: tuple[str, ...]
    conditions: tuple[ConditionConfig, ...]
    seed: int
    folder: Path

    def group(self, name: str, shapes: Sequence[PreparedShape], variants: Variants, weight: float) -> TokenGroup:
        """The group of some shapes; `name` is what its files are called by.

        Raises: UserError where an encoder is not installed.
        """
        ids = [shape.id for shape in shapes]
        known = {category: index for index, category in enumerate(self.classes)}
        classes = np.array([known.get(shape.category, NO_CLASS) for shape in shapes], np.int64)
        data = OccupancyData(shapes)
        kinds = {condition.kind: condition for condition in self.conditions}
        parts = "part" in kinds
        return TokenGroup(
            weight, self._tokens(name, ids, data, variants), classes,
            FirstPoints(data, self.autoencoder.config.points) if parts else None,
            np.stack([variants.matrices(item_rng(self.seed, one)) for one in ids]) if parts else None,
            self._texts(kinds["text"], shapes) if "text" in kinds else None,
            self._images(name, kinds["image"], shapes) if "image" in kinds else None,
        )  # fmt: skip

    def _tokens(self, name: str, ids: Sequence[str], data: OccupancyData, variants: Variants) -> NDArray[np.int16]:
        config, device = self.autoencoder.config, next(self.autoencoder.parameters()).device

        def rows() -> Iterator[NDArray[Any]]:
            for index in Meter(range(len(ids)), desc=f"encode {name}", unit="shape"):
                rng = item_rng(self.seed, ids[index])
                clouds = [data.cloud(index, config.points, rng, matrix) for matrix in variants.matrices(rng)]
                with torch.no_grad():
                    yield self.autoencoder.encode(torch.from_numpy(np.stack(clouds)).to(device)).cpu().numpy()

        facts = {
            "ids": list(ids), "variants": asdict(variants), "seed": self.seed,
            "autoencoder": weights_sha256(self.autoencoder.state_dict()),
        }  # fmt: skip
        shape = (len(ids), variants.count, config.tokens)
        return np.array(cached(self.folder, f"tokens-{name}", facts, shape, np.int16, rows))

    def _texts(
        self, condition: ConditionConfig, shapes: Sequence[PreparedShape]
    ) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
        encoder = text_encoder(condition.encoder)
        captions = [str(shape.record["caption"]) for shape in shapes]
        given = encoder.encode([caption or shape.category for caption, shape in zip(captions, shapes, strict=True)])
        return given.values.numpy().astype(np.float16), given.mask.numpy()

    def _images(
        self, name: str, condition: ConditionConfig, shapes: Sequence[PreparedShape]
    ) -> NDArray[np.float16] | None:
        if not shapes[0].has_views:
            return None
        encoder = image_encoder(condition.encoder, str(next(self.autoencoder.parameters()).device))

        def rows() -> Iterator[NDArray[Any]]:
            for shape in Meter(shapes, desc=f"pictures of {name}", unit="shape"):
                yield self._pictures(encoder, shape)

        facts = {
            "ids": [shape.id for shape in shapes], "encoder": [encoder.name, encoder.sha256], "seed": self.seed
        }  # fmt: skip
        shape = (len(shapes), 2, VIEWS, encoder.length, encoder.features)
        return cached(self.folder, f"images-{name}", facts, shape, np.float16, rows)

    def _pictures(self, encoder: ImageEncoder, shape: PreparedShape) -> NDArray[np.float16]:
        """Features (2, V, L, F) of some of the pictures of a shape, as they are and mirrored."""
        files = shape.views()
        if len(files) < VIEWS:
            raise UserError(f"{shape.id} has {len(files)} pictures, not {VIEWS}; run `argus3d data prepare --views`.")
        chosen = item_rng(self.seed, f"views:{shape.id}").choice(len(files), VIEWS, replace=False)
        images = [image_from_bytes(files[view], f"picture {view} of {shape.id}") for view in chosen]
        mirrored = [np.ascontiguousarray(image[:, ::-1]) for image in images]
        values = encoder.encode([*images, *mirrored]).values.numpy()
        return values.reshape(2, VIEWS, *values.shape[1:]).astype(np.float16)
