"""Hold this package against vectors that the released classes produced: `python -m tests.golden STAGE1 STAGE2`.

Any pair of files in the layout of `tests/data/golden_stage1.npz` and `golden_stage2.npz` is taken, of any sizes; the
sizes stand in `config_json`. Every array of the files is compared, or named in `NOT_COMPARED` with the reason.
"""

import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from argus3d.checkpoint import from_released
from argus3d.config import ArgusConfig, AutoencoderConfig, TransformerConfig
from argus3d.decoding import StepDecoder
from argus3d.meshing import extract_mesh
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.transformer import ShapeTransformer
from argus3d.sampler import Draw, filter_logits, sample_tokens
from tests.reference import meshing as reference

VALUES, GRADIENTS = 1e-5, 1e-4  # tolerances, relative to the largest magnitude of an array
PLANE_NAMES = ("xz", "xy", "yz")
NOT_COMPARED = {
    "out/greedy_logits_err64": "a fact about the reference's own rounding",
    "out/mesh_faces": "triangulations of one vertex set differ; that ours close over the same vertices is compared",
}


@dataclass(frozen=True)
class Comparison:
    """error : largest difference over the largest magnitude; for integers the number of entries that differ."""

    name: str
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        return self.error <= self.tolerance  # NaN does not pass


def check(stage1: Path, stage2: Path) -> list[Comparison]:
    """Compare all arrays of a pair of files."""
    return [*check_file(stage1, compare_stage1), *check_file(stage2, compare_stage2)]


def check_file(file: Path, compare: Callable[[Any], Iterator[Comparison]]) -> list[Comparison]:
    """Compare all arrays of one file by `compare_stage1` or `compare_stage2`."""
    with np.load(file, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive}
    found = list(compare(arrays))
    compared = {comparison.name for comparison in found} | set(NOT_COMPARED)
    left = [name for name in arrays if name.startswith(("out/", "grad/")) and name not in compared]
    if left:
        raise ValueError(f"{file} holds arrays that nothing is compared with: {', '.join(left)}.")
    return found


def _config(arrays: Any) -> tuple[ArgusConfig, dict[str, Any]]:
    """Sizes at full length, and all that `config_json` says."""
    about = json.loads(str(arrays["config_json"]))
    sizes, model = about["params"], about["model"]
    blocks = model["decoder_kwargs"].get("n_blocks", 5)
    autoencoder = AutoencoderConfig(
        8 * math.isqrt(sizes["L"]), model["c_dim"], sizes["enc_hidden"], sizes["dec_hidden"], sizes["depth"],
        sizes["sf"], sizes["e_dim"], sizes["n_e"], sizes["rd"], model["quantizer_kwargs"]["beta"], blocks,
        about["data"]["padding"],
    )  # fmt: skip
    transformer = TransformerConfig(
        sizes["d"], sizes["layers"], sizes["heads"], sizes["n_e"], sizes["L"], 55,
        model["stage2_model_kwargs"]["position_num"],
    )  # fmt: skip
    return ArgusConfig(autoencoder, transformer), about


def _at(config: ArgusConfig, plane_resolution: int) -> ArgusConfig:
    """The same weights on planes of another resolution, which is no size of any tensor."""
    autoencoder = replace(config.autoencoder, plane_resolution=plane_resolution)
    transformer = replace(config.transformer, tokens=autoencoder.tokens, positions=autoencoder.tokens)
    return ArgusConfig(autoencoder, transformer)


def _state(arrays: Any) -> dict[str, Tensor]:
    return {name.removeprefix("sd/"): torch.from_numpy(arrays[name]) for name in arrays if name.startswith("sd/")}


class _Against:
    """Makes comparisons with the arrays of one file."""

    def __init__(self, arrays: Any) -> None:
        self.arrays = arrays

    def __call__(self, name: str, ours: Tensor | NDArray[Any], tolerance: float = VALUES) -> Comparison:
        found, wanted = np.asarray(ours.detach() if isinstance(ours, Tensor) else ours), self.arrays[name]
        if found.shape != wanted.shape:
            return Comparison(name, math.inf, tolerance)
        if wanted.dtype.kind in "iu":
            return Comparison(name, float((found != wanted).sum()), 0)
        same = found == wanted  # infinities included
        difference = np.where(same, 0, np.abs(np.where(same, 0, found) - np.where(same, 0, wanted)))
        return Comparison(name, float(difference.max() / np.abs(wanted[np.isfinite(wanted)]).max()), tolerance)


# --- stage 1 ---------------------------------------------------------------------------------------------------------


def compare_stage1(arrays: Any) -> Iterator[Comparison]:
    config, about = _config(arrays)
    against, state = _Against(arrays), _state(arrays)
    model = _autoencoder(state, _at(config, about["params"]["R"]))
    side = math.isqrt(arrays["in/full32_indices"].shape[1])
    full = _autoencoder(state, _at(config, 8 * side))
    with torch.no_grad():
        yield from _encoded(model, full, against)
        yield from _decoded(model, full, against)
        yield from _meshed(model, against, about)


def _autoencoder(state: dict[str, Tensor], config: ArgusConfig) -> ShapeAutoencoder:
    autoencoder = from_released(state, config).autoencoder
    assert autoencoder is not None
    return autoencoder


def _encoded(model: ShapeAutoencoder, full: ShapeAutoencoder, against: _Against) -> Iterator[Comparison]:
    points = torch.from_numpy(against.arrays["in/points"])
    planes = model.encoder(points)
    for index, name in enumerate(PLANE_NAMES):
        yield against(f"out/enc_{name}", planes[:, index])
    latent = model.coupler(planes)
    yield against("out/latent", latent.permute(0, 2, 3, 1))
    codes = model.quantizer.project(latent)
    yield against("out/z", codes.view(against.arrays["out/z"].shape))
    yield against("out/indices", model.encode(points))
    yield against("out/full256_encode_indices", full.encode(points[:1]))
    found = np.array([_margin(model, codes), _margin(full, full.codes(points[:1]))])
    error = np.abs(found[:, 1] - against.arrays["out/index_margin"]).max() / found[:, 0].max()
    yield Comparison("out/index_margin", float(error), VALUES)

    queries, occupancy = (torch.from_numpy(against.arrays[f"in/{name}"]) for name in ("query", "occ"))
    logits, losses = model(points, queries)
    yield against("out/forward_logits", logits)
    yield against("out/vq_loss", model.quantization_loss(losses)[None])
    bits = F.binary_cross_entropy_with_logits(logits, occupancy, reduction="none")
    yield against("out/rec_loss", bits.sum(1).mean()[None])


def _margin(model: ShapeAutoencoder, codes: Tensor) -> tuple[float, float]:
    """The largest distance to a nearest code, and the least lead of a nearest code over the next; squared, float64."""
    table = model.quantizer.codebook.weight.double()
    distance = (codes.flatten(0, 1).double()[:, None] - table).square().sum(2)
    best = distance.topk(2, dim=1, largest=False).values
    return float(best.max()), float((best[:, 1] - best[:, 0]).min())


def _decoded(model: ShapeAutoencoder, full: ShapeAutoencoder, against: _Against) -> Iterator[Comparison]:
    indices = torch.from_numpy(against.arrays["out/indices"])
    queries = torch.from_numpy(against.arrays["in/query"])
    planes = model.decode(indices)
    for index, name in enumerate(PLANE_NAMES):
        yield against(f"out/dec_{name}_0", planes[0, index])
    pixels = planes.flatten(3).transpose(0, 1)  # (3, B, C, R*R)
    yield against("out/dec_mean", pixels.mean(3))
    yield against("out/dec_std", pixels.std(3))
    logits = model.occupancy(planes, queries)
    yield against("out/logits", logits)
    yield against("out/probs", logits.sigmoid())
    whole = full.decode(torch.from_numpy(against.arrays["in/full32_indices"]))
    yield against("out/full32_logits", full.occupancy(whole, queries[:1]))


def _meshed(model: ShapeAutoencoder, against: _Against, about: dict[str, Any]) -> Iterator[Comparison]:
    generation, threshold = about["generation"], about["test_threshold"]
    planes = model.decode(torch.from_numpy(against.arrays["out/indices"])[:1])[0]
    iso = float(np.log(threshold) - np.log(1 - threshold))
    grid, _ = reference.adaptive_occupancy(
        lambda points: reference.point_logits(model, planes, points),
        iso, generation["resolution_0"], generation["upsampling_steps"],
    )  # fmt: skip
    yield against("out/mesh_value_grid", grid)
    # From the reference's own grid, so that the last digits of the network do not move vertices.
    mesh = extract_mesh(against.arrays["out/mesh_value_grid"], threshold, 1 + model.config.padding)
    wanted = against.arrays["out/mesh_vertices"]
    yield Comparison("out/mesh_vertices", _set_distance(mesh.vertices, wanted), VALUES)


def _set_distance(found: NDArray[np.float32], wanted: NDArray[np.float64]) -> float:
    """Largest distance between two sets of as many points, each matched with its nearest one to one; else infinite."""
    from scipy.spatial import cKDTree

    if len(found) != len(wanted):
        return math.inf
    distance, nearest = cKDTree(found).query(wanted)
    # Vertices of zero-length edges may coincide; as many points at each place is what one to one then means.
    return float(distance.max()) if len(np.unique(nearest)) == len(np.unique(found, axis=0)) else math.inf


# --- stage 2 ---------------------------------------------------------------------------------------------------------


def compare_stage2(arrays: Any) -> Iterator[Comparison]:
    config, about = _config(arrays)
    transformer = from_released(_state(arrays), config).transformer
    assert transformer is not None
    transformer.eval()
    against = _Against(arrays)
    yield from _taught(transformer, against)
    yield from _gradients(transformer, against)
    yield from _greedy(transformer, against)
    yield from _sampled(transformer, against, about["params"])


def _inputs(against: _Against, suffix: str = "") -> tuple[Tensor, Tensor]:
    return tuple(torch.from_numpy(against.arrays[f"in/{name}{suffix}"]) for name in ("tokens", "class_idx"))


@torch.no_grad()
def _taught(transformer: ShapeTransformer, against: _Against) -> Iterator[Comparison]:
    tokens, classes = _inputs(against)
    yield against("out/logits", transformer(tokens, classes))
    yield against("out/logits_full", transformer(*_inputs(against, "_full")))
    # The reference also computes the position after the last token; one token more makes ours do so.
    seen: dict[str, Tensor] = {}
    handles = [
        transformer.blocks[0].register_forward_pre_hook(_keep(seen, "block_input")),
        transformer.blocks[0].register_forward_hook(_keep(seen, "after_block0")),
        transformer.blocks[-1].register_forward_hook(_keep(seen, "after_blocks")),
    ]
    transformer(F.pad(tokens, (0, 1)), classes)
    for handle in handles:
        handle.remove()
    for name, value in seen.items():
        yield against(f"out/{name}", value)
    yield against("out/after_dec", transformer.head(seen["after_blocks"]))


def _keep(seen: dict[str, Tensor], name: str) -> Callable[..., None]:
    def hook(module: torch.nn.Module, inputs: tuple[Tensor, ...], output: Tensor | None = None) -> None:
        seen[name] = inputs[0] if output is None else output

    return hook


def _gradients(transformer: ShapeTransformer, against: _Against) -> Iterator[Comparison]:
    tokens, classes = _inputs(against)
    transformer.requires_grad_(True).zero_grad()
    loss = F.cross_entropy(transformer(tokens, classes).flatten(0, 1), tokens.flatten())
    loss.backward()
    yield against("out/nll", loss[None])
    for name, parameter in transformer.named_parameters():
        for kind, value in ((name, parameter.grad), (f"{name}_norm", parameter.grad.norm(dim=-1))):
            if f"grad/{kind}" in against.arrays:
                yield against(f"grad/{kind}", value, GRADIENTS)


def _greedy(transformer: ShapeTransformer, against: _Against) -> Iterator[Comparison]:
    """Token for token, by the sampler that users run; then the logits of each step behind those tokens."""
    rows, steps = against.arrays["out/greedy"].shape
    classes = _inputs(against)[1][:rows]
    yield against("out/greedy", sample_tokens(transformer, classes, seeds=range(rows), greedy=True))
    logits: list[Tensor] = []

    def likeliest(step: Tensor, uniform: Tensor) -> Tensor:
        logits.append(step)
        return step.argmax(1)

    _run(transformer, classes, steps, likeliest)
    best = torch.stack(logits, 1).topk(2, dim=2).values
    lead = best[..., 0] - best[..., 1]
    scale = float(best.abs().max())
    wanted = against.arrays["out/greedy_margin"]
    yield Comparison("out/greedy_margin", float(np.abs(lead.numpy() - wanted).max() / scale), VALUES)
    yield against("out/greedy_last_logits", logits[-1])


def _sampled(transformer: ShapeTransformer, against: _Against, sizes: dict[str, Any]) -> Iterator[Comparison]:
    """Roll-outs whose draws the reference left to torch: the same calls in the same order give the same tokens."""
    for name in against.arrays:
        if not name.startswith("out/sample_T"):
            continue
        temperature, wanted = float(name.removeprefix("out/sample_T")), against.arrays[name]
        torch.manual_seed(sizes["sample_seed"])

        def drawn(logits: Tensor, uniform: Tensor, temperature: float = temperature) -> Tensor:
            kept = filter_logits(logits / temperature, sizes["topk"], None)
            return torch.multinomial(kept.softmax(1), 1)[:, 0]

        yield against(name, _run(transformer, _inputs(against)[1][: len(wanted)], wanted.shape[1], drawn))
    logits = torch.from_numpy(against.arrays["in/topk_logits"])
    yield against("out/topk_filtered", filter_logits(logits, Draw(top_k=sizes["topk"]).top_k, None))


def _run(
    transformer: ShapeTransformer, classes: Tensor, steps: int, choose: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    shape = (len(classes), transformer.config.tokens)
    decoder = StepDecoder(transformer, len(classes), choose)
    return decoder.run(classes, torch.zeros(shape, dtype=torch.float64), torch.full(shape, -1), steps, None)


def main(words: list[str]) -> int:
    """Print every comparison; 1 if one failed, 2 for wrong usage."""
    if len(words) != 2:
        print("usage: python -m tests.golden STAGE1.npz STAGE2.npz", file=sys.stderr)
        return 2
    found = check(*map(Path, words))
    for one in found:
        print(f"{'ok  ' if one.passed else 'FAIL'} {one.name:32} {one.error:.2e}  (allowed {one.tolerance:g})")
    failed = sum(not one.passed for one in found)
    print(f"{len(found) - failed} of {len(found)} arrays agree; not compared: {', '.join(NOT_COMPARED)}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
