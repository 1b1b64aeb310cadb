"""Features of pictures of shapes, seen from three sides, by an encoder of images.

Samples are drawn from their meshes by the cameras that `argus3d data prepare --views` draws prepared shapes by
(`argus3d.data.views`), so that nothing but the shapes differs. Numbers of such features are numbers of the encoder
alone: keys carry the first digits of its weights' hash.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from argus3d.data.files import beside, sha256_file
from argus3d.data.formats.images import image_from_bytes
from argus3d.data.formats.mesh_files import read_mesh_file
from argus3d.data.views import camera_matrices
from argus3d.encoders import (
    IMAGE_ENCODERS,
    ImageEncoder,
    TextEncoder,
    image_encoder,
    text_encoder,
)
from argus3d.errors import UserError, raise_if_machine
from argus3d.render import Model
from eval import dino
from eval.features.network import NAME_DIGITS
from eval.sources import Job

VIEWS = (0, 4, 8)  # a third of a turn apart, one of each elevation
SIZE = 224  # pixels a side
ENCODERS = (*(name for name in IMAGE_ENCODERS if name.endswith("-global")), dino.NAME)
JOINT = "clip-vit-b-32-global"  # the encoder whose pictures and texts share a space
VERSION = 1  # of what decides a picture

Features = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]


class ViewFeatures:
    """An encoder of pictures, and what it made of shapes so far."""

    def __init__(self, encoder: ImageEncoder, texts: TextEncoder | None = None, cache: Path | None = None) -> None:
        """Take an encoder.

        texts : of the same space, where there is one
        cache : an .npz that keeps features by content from run to run, made if it is not there
        Raises : UserError for a broken cache
        """
        self.encoder, self.texts = encoder, texts
        self._cache, self._known, self._new = cache, _read(cache, encoder.sha256), False

    @classmethod
    def load(cls, name: str, cache: Path | None = None) -> "ViewFeatures":
        """By the name of an encoder of images, and a folder of caches. Raises : UserError where it is not here"""
        kept = cache and cache / f"views-{name}.npz"
        if name == dino.NAME:
            return cls(dino.Dino(), None, kept)
        return cls(image_encoder(name), text_encoder(name) if name == JOINT else None, kept)

    @property
    def name(self) -> str:
        """First digits of the hash: numbers may be compared where these are equal, and nowhere else."""
        return self.encoder.sha256[:NAME_DIGITS]

    def of(self, job: Job) -> Features:
        """Features (3, F) float32 of a shape, from a mesh or from the views of prepared data.

        Raises : UserError for a shape that is neither, has no views, or is no mesh
        """
        files = [] if job.file is not None else _prepared(job)
        key = sha256_file(job.file) if job.file is not None else hashlib.sha256(b"".join(files)).hexdigest()
        if key not in self._known:
            if job.file is not None:
                pictures = _drawn(job.file)
            else:
                pictures = [image_from_bytes(file, f"a view of {job.id}") for file in files]
            self._known[key] = self.encoder.encode(pictures).values[:, 0].numpy()
            self._new = True
        return self._known[key]

    def of_text(self, text: str) -> Features:
        """Features (F,) float32 of a text in the same space."""
        assert self.texts is not None, "asked of encoders with a joint space only"
        return np.asarray(self.texts.encode([text]).values[0, 0].numpy())

    def save(self) -> None:
        """Keep what is new in the cache, if there is one."""
        if self._cache is None or not self._new:
            return
        keys = sorted(self._known)
        with beside(self._cache) as scratch:
            features = np.stack([self._known[key] for key in keys])
            np.savez(scratch, version=_version(self.encoder.sha256), keys=np.array(keys), features=features)


def _prepared(job: Job) -> list[bytes]:
    if job.prepared is None:
        raise UserError(f"{job.id} is neither a mesh nor prepared data, so that it has no pictures; give one of them.")
    views = job.prepared.views()
    if len(views) <= max(VIEWS):
        raise UserError(
            f"{job.id} has {len(views)} pictures from all sides, and features of views need {max(VIEWS) + 1}; run "
            f"`argus3d data prepare {job.source or 'SOURCE'} --views`, or leave --views-by away."
        )
    return [views[view] for view in VIEWS]


def _drawn(file: Path) -> list[Picture]:
    model = Model.from_mesh(*read_mesh_file(file, file.name))
    try:
        return [model.seen_through(*camera_matrices(view, SIZE), SIZE) for view in VIEWS]
    except ValueError as error:
        raise UserError(f"{file.name}: {error}") from error


def _version(sha256: str) -> str:
    return f"{VERSION} {sha256} {VIEWS} {SIZE}"


def _read(path: Path | None, sha256: str) -> dict[str, Features]:
    if path is None or not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as content:
            version, keys, features = str(content["version"]), content["keys"].tolist(), content["features"]
    except Exception as error:  # numpy and zipfile each have their own errors for a broken file
        raise_if_machine(error, path)
        raise UserError(f"{path}: not a readable cache of features ({error}); remove it.") from error
    known: dict[str, Any] = dict(zip(keys, features, strict=True)) if version == _version(sha256) else {}
    return known
