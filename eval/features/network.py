"""The point network in plain numpy: features and classes of clouds.

A PointNet: each point goes through the same layers, their maximum over all points is the shape's; a second round sees
each point together with the shape's first maximum. No step looks at neighbours, so any number of points will do, but
features drift with it: between 131 shapes at 2,048 points and the like at 512 the Frechet distance rose by a quarter.
Compare sets of equally many points.

Each cloud is brought to its box and its points are sorted before the first layer, and each cloud is computed by itself:
order of points, company, place in the set and the number of threads change no bit. Duplicated points change nothing but
rounding. Another processor changes features of size 1 to 6 by up to 1e-5.

It was trained on shapes that face one way, turned about the vertical by some ten degrees: it hardly sees such a turn,
but well sees a larger one, and which axis is up. Training shapes and what the network tells apart are in the JSON file
beside the weights.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from argus3d.blas import one_blas_thread
from argus3d.data.files import sha256_file
from argus3d.errors import UserError
from eval.distances.chamfer import checked
from eval.normalize import normalize

WEIGHTS = Path(__file__).parent / "point_network.safetensors"
LAYERS = ("local0", "local1", "first", "second0", "second1", "head", "features", "classes")
NAME_DIGITS = 8

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PointFeatures:
    """A trained point network.

    hash : sha256 of its file, hex
    classes : names, in the order of the probabilities
    octaves : frequencies of the sines and cosines beside each coordinate, half a wave a box and doubling
    weights : (weight (in, out), bias (out,)) float32 of each of `LAYERS`
    """

    hash: str
    classes: tuple[str, ...]
    octaves: int
    weights: Mapping[str, tuple[Array, Array]]

    @property
    def name(self) -> str:
        """First digits of the hash: numbers may be compared where these are equal, and nowhere else."""
        return self.hash[:NAME_DIGITS]

    @property
    def dimensions(self) -> int:
        """D, length of a feature vector."""
        return len(self.weights["features"][1])

    def features(self, clouds: npt.ArrayLike, name: str = "clouds") -> Array:
        """What the last layer but one says of each cloud.

        clouds : (N, P, 3) float32, y up; each is brought to its own box, so place and size do not count
        name : what an error calls the set
        returns : (N, D) float32, each of mean 0 and variance about 1 over the training shapes
        Raises : ValueError for an empty set, a value that is not finite, or a cloud whose points are all equal
        Source : Qi et al., CVPR 2017
        """
        boxed = normalize(checked(clouds, name), "box", name)
        with one_blas_thread():
            return np.stack([self._cloud(points) for points in boxed])

    def classify(self, clouds: npt.ArrayLike, name: str = "clouds") -> tuple[list[str], Array]:
        """The likeliest class of each cloud, and the probabilities of all.

        clouds : (N, P, 3) float32, y up, see `features`
        returns : N names; (N, C) float32, rows sum to 1. Every shape gets a class, also one of none of them
        Raises : ValueError, see `features`
        """
        logits = self._logits(self.features(clouds, name))
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = odds / odds.sum(axis=1, keepdims=True)
        return [self.classes[index] for index in probabilities.argmax(axis=1)], probabilities

    def classes_of(self, features: Array) -> list[str]:
        """The likeliest class of each row of features (N, D), see `classify`."""
        return [self.classes[index] for index in self._logits(features).argmax(axis=1)]

    def _logits(self, features: Array) -> Array:
        weight, bias = self.weights["classes"]
        return np.stack([row @ weight + bias for row in features])

    def _cloud(self, points: Array) -> Array:
        """Features (D,) of one cloud (P, 3) in its box."""
        # A product's rows may be summed in another order at another place: sorted, equal sets are equal arrays.
        local = self._encode(points[np.lexsort(points.T)])
        for layer in ("local0", "local1"):
            local = _rectified(local, *self.weights[layer])
        first = self._pooled(local, "first")
        own, shared, bias = self._second
        second = _rectified(local, own, first @ shared + bias)
        pooled = np.concatenate([first, self._pooled(second, "second1")])
        weight, bias = self.weights["features"]
        return np.asarray(_rectified(pooled, *self.weights["head"]) @ weight + bias)

    def _encode(self, points: Array) -> Array:
        angles = (points[:, None, :] * self._frequencies[:, None]).reshape(len(points), -1)
        return np.concatenate([points, np.sin(angles), np.cos(angles)], axis=1)  # (P, 3 + 6 octaves)

    def _pooled(self, values: Array, layer: str) -> Array:
        """Maximum over the points after `layer`; bias and rectifier are monotonous, so they may wait for it."""
        weight, bias = self.weights[layer]
        return np.maximum((values @ weight).max(axis=0) + bias, 0)

    @cached_property
    def _frequencies(self) -> Array:
        return (np.pi * 2.0 ** np.arange(self.octaves)).astype(np.float32)

    @cached_property
    def _second(self) -> tuple[Array, Array, Array]:
        """The second round's first layer: the part for a point's own values, the part for the maximum, the bias."""
        weight, bias = self.weights["second0"]
        split = self.weights["local1"][0].shape[1]
        return np.ascontiguousarray(weight[:split]), np.ascontiguousarray(weight[split:]), bias


def load(path: Path = WEIGHTS) -> PointFeatures:
    """The point network that argus3d ships, or one that `python -m eval.features.train` wrote.

    Raises : UserError for a file that is not there or holds no point network
    """
    if not path.is_file():
        raise UserError(f"{path}: no point network there; train one with python -m eval.features.train, or reinstall")
    try:
        with safe_open(path, framework="numpy") as file:
            described = json.loads((file.metadata() or {})["network"])
            weights = dict(_layers({key: file.get_tensor(key) for key in file.keys()}))  # noqa: SIM118
        return PointFeatures(sha256_file(path), tuple(described["classes"]), int(described["octaves"]), weights)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise UserError(f"{path}: no point network ({error}); train one with python -m eval.features.train") from error


def _layers(tensors: Mapping[str, npt.NDArray[np.float32]]) -> Iterator[tuple[str, tuple[Array, Array]]]:
    for layer in LAYERS:
        weight, bias = tensors[f"{layer}.weight"], tensors[f"{layer}.bias"]
        if weight.ndim != 2 or bias.shape != weight.shape[:1]:
            raise ValueError(f"{layer} has weights {weight.shape} and biases {bias.shape}")
        yield layer, (np.ascontiguousarray(weight.T), bias)


def _rectified(values: Array, weight: Array, bias: Array) -> Array:
    out = values @ weight
    out += bias
    return np.maximum(out, 0, out=out)
