"""What computes Chamfer distances: numba on the CPU, Triton on a GPU, or pytorch3d where a user has it."""

import importlib
import os
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from argus3d.errors import UserError
from eval.distances.chamfer import chamfer_matrix as chamfer_matrix_on_cpu
from eval.distances.chamfer import checked
from eval.distances.chamfer_pairs import ChamferPairs
from eval.distances.neighbours import Pairs

if TYPE_CHECKING:
    import torch

BACKENDS = ("numba", "triton", "pytorch3d")
# What each imports beyond torch, and how it comes.
PACKAGES = {
    "triton": ("triton", "CUDA builds of torch bring it, else `pip install triton`"),
    "pytorch3d": ("pytorch3d.ops", "environment.yaml says how to bring it; or leave the backend out"),
}


def chamfer_pairs(
    clouds: npt.ArrayLike,
    reference: npt.ArrayLike | None = None,
    kind: str = "squared_mean",
    device: str = "cpu",
    backend: str | None = None,
) -> Pairs:
    """Pairs of clouds by Chamfer distance, for `neighbours.Neighbours`, on a device.

    clouds : (G, P, 3) float32, generated
    reference : (R, Q, 3) float32, or None for the clouds with themselves
    kind : see `chamfer.chamfer`
    device, backend : see `resolve`
    returns : Pairs; values of two backends agree to 1e-5 of themselves, copies are at exactly 0 in all of them, and
        copies of a cloud are exactly as near to every other; last bits differ from backend to backend
    Raises : UserError, see `resolve`; ValueError, see `chamfer.chamfer`

    Bounds come from the same lattice on every device. By arithmetic, an H100 takes 3 s for all pairs of 1,000 + 1,000
    clouds of 2,048 points, which is as much as the lattice costs to build on two cores, but 5 minutes for those of
    10,000 + 10,000: bounds, a product of less than a second there, leave about ten pairs a cloud. `Neighbours` asks for
    about a pair a cloud at a time, enough to fill the card from some hundred clouds on.
    """
    name = resolve(device, backend)
    if name == "numba":
        return ChamferPairs(clouds, reference, kind)
    from eval.distances.backends.device import DevicePairs  # torch is heavy, and the CPU does without

    return DevicePairs(clouds, reference, kind, device, name)


def chamfer_matrix(
    generated: npt.ArrayLike,
    reference: npt.ArrayLike,
    kind: str = "squared_mean",
    device: str = "cpu",
    backend: str | None = None,
) -> npt.NDArray[np.float64]:
    """Chamfer distance of every generated cloud to every reference cloud, on a device, without bounds.

    generated : (G, P, 3) float32
    reference : (R, Q, 3) float32
    returns : (G, R) float64
    Raises : see `chamfer_pairs`
    """
    name = resolve(device, backend)
    if name == "numba":
        return chamfer_matrix_on_cpu(generated, reference, kind)
    from eval.distances.backends.device import Distances

    a, b = checked(generated, "generated"), checked(reference, "reference")
    return Distances(a, b, kind, device, name).matrix()


def resolve(device: str = "cpu", backend: str | None = None) -> str:
    """The name of the backend that will be used, if it can be.

    device : "cpu", "cuda" or "cuda:1"
    backend : one of BACKENDS; None for numba on the CPU and triton on a GPU
    Raises : UserError for a device or backend that is unknown, absent, or does not go with the other
    """
    on_gpu = _on_gpu(device)
    name = backend or ("triton" if on_gpu else "numba")
    if name not in BACKENDS:
        raise UserError(f"{name!r} is no backend; choose one of {', '.join(BACKENDS)}.")
    if name == "numba" and on_gpu:
        raise UserError(f"numba computes on the CPU, not on {device!r}; say cpu, or leave the backend out.")
    if name == "triton" and not on_gpu and os.environ.get("TRITON_INTERPRET") != "1":
        raise UserError("triton needs a GPU: say --device cuda, or leave the backend out to compute on the CPU.")
    if name in PACKAGES:
        _import(name)
    return name


def described(device: str = "cpu", backend: str | None = None) -> dict[str, str]:
    """What computed, for a result: the backend with its version, and the device.

    Raises : UserError, see `resolve`
    """
    name = resolve(device, backend)
    version = getattr(importlib.import_module(name), "__version__", "of unknown version")
    return {"backend": f"{name} {version}", "device": _device_name(device)}


def _import(name: str) -> None:
    package, remedy = PACKAGES[name]
    try:
        importlib.import_module(package)
    except ImportError as error:
        raise UserError(f"the backend {name} cannot be imported ({error}); {remedy}.") from error


def _on_gpu(device: str) -> bool:
    """Whether a device is a GPU that is there."""
    if device == "cpu":
        return False
    import torch

    parsed = _parsed(device)
    if not torch.cuda.is_available():
        build = "this torch is a CPU build" if torch.version.cuda is None else "torch finds no card"
        raise UserError(f"{device!r} needs a GPU, but {build}; say --device cpu, or install what is missing.")
    if parsed.index is not None and parsed.index >= torch.cuda.device_count():
        raise UserError(f"{device!r} is not there: torch finds {torch.cuda.device_count()} GPU(s), counted from 0.")
    return True


def _parsed(device: str) -> "torch.device":
    import torch

    try:
        parsed = torch.device(device)
    except RuntimeError as error:
        raise UserError(f"{device!r} is no device; say cpu, cuda or cuda:1.") from error
    if parsed.type != "cuda":
        raise UserError(f"distances are not computed on {device!r}; say cpu, cuda or cuda:1.")
    return parsed


def _device_name(device: str) -> str:
    if device == "cpu":
        return device
    import torch

    return torch.cuda.get_device_name(device)
