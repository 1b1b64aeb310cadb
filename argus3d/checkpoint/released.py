"""The released model: its names beside ours, its sizes, its classes."""

from collections.abc import Mapping
from dataclasses import asdict
from itertools import count
from typing import Any

import torch
from torch import Tensor

from argus3d.checkpoint.argus import STAGES, Argus, empty_stages
from argus3d.checkpoint.strict import Shapes, fill, mismatch, shapes_of
from argus3d.config import ArgusConfig
from argus3d.errors import UserError

THRESHOLD = 0.2  # occupancy probability of the released meshes
RESOLUTION = 128

# The folders of ShapeNetCore.v2 in the order of their synset ids, by the names of the original command line.
CATEGORIES = (
    "plane", "ashcan", "bag", "basket", "bathtub", "bed", "bench", "birdhouse", "bookshelf", "bottle", "bowl", "bus",
    "cabinet", "camera", "can", "cap", "car", "cell_phone", "chair", "clock", "keyboard", "dishwasher", "display",
    "earphone", "faucet", "file_cabinet", "guitar", "helmet", "jar", "knife", "lamp", "laptop", "loudspeaker",
    "mailbox", "microphone", "microwave", "bike", "mug", "piano", "pillow", "pistol", "flowerpot", "printer", "remote",
    "rifle", "rocket", "skateboard", "sofa", "stove", "table", "telephone", "tower", "train", "vessel", "washer",
)  # fmt: skip

# Released name, our name. What is not in the table has the same name in both.
_STAGE_1 = (
    ("encoder.fc_pos", "encoder.point_in"),
    ("encoder.fc_c", "encoder.plane_out"),
    ("quantizer.encode_3plane_reso32", "coupler.mix"),
    ("quantizer.down", "coupler.down"),
    ("quantizer.project1", "quantizer.to_code"),
    ("quantizer.project2", "quantizer.from_code"),
    ("quantizer.quantizer.embedding", "quantizer.codebook"),
    ("quantizer.up", "uncoupler.up"),
    ("quantizer.decode_3plane_reso256", "uncoupler.split"),
    ("quantizer.unet_after_quant", "uncoupler.unet"),
    ("quantizer.unet_2d", "uncoupler.plane_unet"),
    ("decoder.fc_p", "decoder.point_in"),
    ("decoder.fc_c", "decoder.features"),
    ("decoder.fc_out", "decoder.out"),
)
_STAGE_2 = (("dec", "head"),)
_IN_UNETS = ((".down_convs.", ".down."), (".up_convs.", ".up."), (".", ".convs."), (".conv_final.", ".out."))
_UNETS = ("encoder.unet.", "uncoupler.unet.", "uncoupler.plane_unet.")

PREFIXES = {"autoencoder": "vqvae_model.", "transformer": "transformer_model."}  # in a stage-2 file
_TIED, _EMBEDDING = "z_value_dec.weight", "emb.weight"  # one tensor under two names: the output layer


def released_name(stage: str, name: str) -> str:
    """The released name, without the prefix of its stage, of our `name` in "autoencoder" or "transformer"."""
    for released, ours in _STAGE_1 if stage == "autoencoder" else _STAGE_2:
        if name.startswith(f"{ours}."):
            return _in_unet(name, released + name[len(ours) :])
    return _in_unet(name, name)


def _in_unet(name: str, released: str) -> str:
    if not name.startswith(_UNETS):
        return released
    for theirs, ours in _IN_UNETS:
        released = released.replace(ours, theirs)
    return released


def released_names(config: ArgusConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of a released stage-2 file, the tied output layer under both of its names.

    Those that begin with "vqvae_model." are the stage-1 file's, which writes them without this prefix.
    """
    shapes = {
        PREFIXES[stage] + released_name(stage, name): shape
        for stage, module in zip(STAGES, empty_stages(config), strict=True)
        for name, shape in shapes_of(module.state_dict()).items()
    }
    return shapes | {PREFIXES["transformer"] + _TIED: shapes[PREFIXES["transformer"] + _EMBEDDING]}


def categories(classes: int) -> tuple[str, ...]:
    """The 55 names, or class-00, class-01 ... for any other number of classes."""
    return CATEGORIES if classes == len(CATEGORIES) else tuple(f"class-{index:02d}" for index in range(classes))


def holds_stage_2(state: Mapping[str, Any]) -> bool:
    """Whether names have the prefixes of a stage-2 file."""
    return any(name.startswith(tuple(PREFIXES.values())) for name in state)


def from_released(state: Mapping[str, Tensor], config: ArgusConfig) -> Argus:
    """The model of a released state dict: stage 1 alone, a whole stage 2, or the transformer alone.

    Tensors are not copied; the autoencoder is float32 whatever it came in. The stage that `state` lacks is absent.
    Raises: UserError that names the first tensor that is missing, unknown, of another shape, not of floating point or
    not finite, or the sizes that differ from `config`.
    """
    stages: dict[str, Any] = dict.fromkeys(STAGES)
    modules = dict(zip(STAGES, empty_stages(config), strict=True))
    for stage, tensors in our_states(state, config, "the released state dict").items():
        for name, tensor in tensors.items():
            require_finite(released_name(stage, name), tensor, "the released state dict")
        if stage == "autoencoder":
            tensors = {name: tensor.float() for name, tensor in tensors.items()}
        dtypes = {tensor.dtype for tensor in tensors.values()}
        if len(dtypes) > 1:
            raise UserError(f"the released state dict mixes {sorted(map(str, dtypes))}; convert it to one of them.")
        fill(modules[stage], tensors, "the released state dict")
        stages[stage] = modules[stage].eval()
    names = categories(config.transformer.classes)
    return Argus(config, stages["autoencoder"], stages["transformer"], names, THRESHOLD, None, RESOLUTION)


def our_states(state: Mapping[str, Tensor], config: ArgusConfig, source: str) -> dict[str, dict[str, Tensor]]:
    """The tensors of `state` by stage and by our names, in the model's order; only the tied pair is read.

    Raises: UserError that names `source`, when names, shapes or dtypes are not those of `config`.
    """
    parts = _split(state, source)
    ours = {}
    for stage, module in zip(STAGES, empty_stages(config), strict=True):
        if stage not in parts:
            continue
        part, wanted = parts[stage], shapes_of(module.state_dict())
        names = {released_name(stage, name): name for name in wanted}
        tied = {_TIED: part[_TIED]} if stage == "transformer" and _TIED in part else {}
        _require_fit(
            {name: shape for name, shape in shapes_of(part).items() if name not in tied},
            {name: wanted[mine] for name, mine in names.items()},
            _other_sizes(_sizes(stage, shapes_of(part)), asdict(getattr(config, stage))), source,
        )  # fmt: skip
        for name, tensor in part.items():
            if tensor.dtype not in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
                raise UserError(f"{source}: {name} is {tensor.dtype}, no floating-point type; the file is of no model.")
        if tied and not same(tied[_TIED], part[_EMBEDDING]):
            raise UserError(f"{source}: {_TIED} is not {_EMBEDDING}, its twin; the file is of another model.")
        ours[stage] = {mine: part[name] for name, mine in names.items()}
    return ours


def is_finite(tensor: Tensor) -> bool:
    """Whether there is neither NaN nor an infinity in `tensor`; in one pass, without a mask of its size."""
    return tensor.numel() == 0 or all(bool(torch.isfinite(bound)) for bound in torch.aminmax(tensor))


def require_finite(name: str, tensor: Tensor, source: str) -> None:
    """Raises: UserError when `tensor` holds NaN or an infinity."""
    if not is_finite(tensor):
        raise UserError(f"{source}: {name} holds values that are not finite; download or convert the file again.")


def _split(state: Mapping[str, Tensor], source: str) -> dict[str, dict[str, Tensor]]:
    """The parts by stage, without prefixes."""
    if not holds_stage_2(state):
        return {"autoencoder": dict(state)}
    parts: dict[str, dict[str, Tensor]] = {"transformer": {}}
    for name, tensor in state.items():
        stage = next((stage for stage, prefix in PREFIXES.items() if name.startswith(prefix)), None)
        if stage is None:
            raise UserError(f"{source}: {name} belongs to no stage; names begin with {' or '.join(PREFIXES.values())}.")
        parts.setdefault(stage, {})[name.removeprefix(PREFIXES[stage])] = tensor
    return parts


def same(first: Tensor, second: Tensor) -> bool:
    """Whether two tensors of one shape hold the same numbers, whatever their dtypes."""
    if first.dtype == second.dtype:
        return first.data_ptr() == second.data_ptr() or torch.equal(first, second)
    return torch.equal(first.double(), second.double())


def _require_fit(found: Shapes, wanted: Shapes, other_sizes: str, source: str) -> None:
    difference = mismatch(found, wanted)
    if difference and other_sizes:
        raise UserError(f"{source} is of other sizes: {other_sizes}; give its configuration ({difference}).")
    if difference:
        raise UserError(f"{source}: {difference}; the file is of another model or is not whole.")


def _other_sizes(found: dict[str, int], asked: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {size} instead of {asked[name]}" for name, size in found.items() if size != asked[name])


# Where each size can be read off: a tensor of the released file, and its axis.
_AXES = {
    "autoencoder": {
        "plane_channels": ("encoder.fc_c.weight", 0),
        "encoder_hidden": ("encoder.fc_c.weight", 1),
        "decoder_hidden": ("decoder.fc_out.weight", 1),
        "unet_filters": ("quantizer.unet_2d.conv_final.weight", 1),
        "latent_channels": ("quantizer.project1.weight", 1),
        "codebook_size": ("quantizer.quantizer.embedding.weight", 0),
        "code_dim": ("quantizer.quantizer.embedding.weight", 1),
    },
    "transformer": {
        "width": ("emb.weight", 1),
        "vocabulary": ("emb.weight", 0),
        "classes": ("class_embedding.weight", 0),
        "positions": ("pos_emb.weight", 0),
    },
}


def _sizes(stage: str, shapes: Shapes) -> dict[str, int]:
    """The sizes that the tensors have, as far as they tell."""
    sizes = {
        size: shapes[name][axis]
        for size, (name, axis) in _AXES[stage].items()
        if name in shapes and len(shapes[name]) > axis
    }
    if "positions" in sizes:
        sizes["positions"] -= 1  # the start vector takes one
    if stage == "transformer":
        counted = {"layers": _numbered(shapes, "blocks.{}.ln1.weight")}
    else:
        counted = {
            "unet_depth": _numbered(shapes, "quantizer.unet_2d.down_convs.{}.conv1.weight"),
            "blocks": _numbered(shapes, "decoder.fc_c.{}.weight"),
            "down_steps": _numbered(shapes, "quantizer.down.{}.weight", 2) - 1,
        }
    return sizes | {size: value for size, value in counted.items() if value > 0}


def _numbered(shapes: Shapes, pattern: str, step: int = 1) -> int:
    return next(index for index in count() if pattern.format(index * step) not in shapes)
