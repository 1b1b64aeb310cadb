"""What is compared: small models that differ in one thing, trained alike.

Sizes are those that two cores train in minutes. Such models show which choice is better, not how good a large one gets.
"""

from dataclasses import dataclass, replace

from argus3d.config import AutoencoderConfig
from argus3d.train.autoencoder import AutoencoderRecipe

# Planes of 48 cells and 12 x 12 tokens; of 32 cells and 8 x 8 where grids of as many cells a side are compared.
BASE = AutoencoderConfig(48, 16, 16, 32, 3, 16, 128, 1024, 4, 0.4, 5, 0.1, 2, "none", True, 4096, 32, True)
SMALL = 32


@dataclass(frozen=True)
class Stage1:
    """An autoencoder; `share` of the training shapes are its own, the same ones for the same share."""

    name: str
    config: AutoencoderConfig
    recipe: AutoencoderRecipe
    share: float = 1.0


@dataclass(frozen=True)
class Stage2:
    """A transformer on the tokens of `autoencoder`, as its first seed gave them."""

    name: str
    autoencoder: Stage1
    width: int = 128
    layers: int = 4
    heads: int = 4
    share: float = 1.0


@dataclass(frozen=True)
class Row:
    """One of what is compared."""

    name: str
    title: str
    autoencoder: Stage1 | None = None
    transformer: Stage2 | None = None


@dataclass(frozen=True)
class Study:
    """Rows that differ in one thing.

    seeds : of stage 1; more than one where rows differ little
    against : name of the row that the others' IoU is compared with shape by shape
    facts : what tables tell of a row beside its metrics, of those that `runs` measures, ending with its stage's number
    axis : which of them is a row's place on the axis of a figure, where that is a number
    """

    name: str
    title: str
    rows: tuple[Row, ...]
    facts: tuple[str, ...]
    seeds: int = 1
    against: str | None = None
    axis: str | None = None


def studies(base: AutoencoderConfig, recipe: AutoencoderRecipe, small: int) -> dict[str, Study]:
    """All studies of a model of coupled planes; `small` is the side of planes and grids that are compared."""
    whole = Stage1("corrected", base, recipe)
    found = (_quirks(whole), _representation(whole, small), _size(whole), _data(whole))
    return {study.name: study for study in found}


def default_studies() -> dict[str, Study]:
    """Those that `make ablations` runs."""
    return studies(BASE, AutoencoderRecipe(queries=1024, unquantized_steps=200), SMALL)


def _quirks(whole: Stage1) -> Study:
    """Each quirk of the released model put back into a model without, then all of them together."""
    base, recipe = whole.config, whole.recipe
    gradient = replace(recipe, codebook="gradient")
    released = replace(base, encoder_unet="unused", aligned=False, local_coordinates=False)
    # The released weighting has 0.4 on the term that moves codes and 1 on the other; VQ-VAE's paper has it reversed.
    released_recipe = replace(gradient, commitment=1.0)
    vq_vae_recipe = replace(gradient, commitment=base.codebook_weight)
    stages = {
        "none of them": whole,
        "half-cell shift": Stage1("half-cell-shift", replace(base, aligned=False), recipe),
        "encoder's U-Net, but used": Stage1("encoder-unet", replace(base, encoder_unet="used"), recipe),
        "place in the cell not told": Stage1("no-local", replace(base, local_coordinates=False), recipe),
        "released loss of codes, by gradients": Stage1("released-loss", base, released_recipe),
        "VQ-VAE's loss of codes, by gradients": Stage1(
            "vq-vae-loss", replace(base, codebook_weight=1.0), vq_vae_recipe
        ),
        "all, and codes from their random start": Stage1(
            "as-released", released, replace(released_recipe, unquantized_steps=0)
        ),
    }
    rows = tuple(Row(stage.name, title, stage) for title, stage in stages.items())
    title = "Quirks of the released model, each put into one without; difference: from the first row, shape by shape"
    return Study("quirks", title, rows, (), seeds=2, against=whole.name)


def _representation(whole: Stage1, side: int) -> Study:
    rows = []
    for title, name in (("grid", "grid"), ("tri-plane", "triplane"), ("coupled planes", "coupled")):
        config = replace(whole.config, representation=name, plane_resolution=side)
        stage = replace(whole, name=f"{name}-{config.token_side}", config=config)
        rows.append(Row(name, title, stage, Stage2(stage.name, stage)))
    title = f"What {side // 2**whole.config.down_steps} tokens a side stand for"
    return Study("representation", title, tuple(rows), ("tokens_1", "parameters_1"))


def _size(whole: Stage1) -> Study:
    rows = []
    for width, layers in ((64, 3), (128, 4), (256, 6)):
        # The middle one is a run that the study of data has too.
        name = f"{whole.name}-width-{width}" if width != Stage2.width else f"{whole.name}-data-1-of-1"
        stage = Stage2(name, whole, width, layers)
        rows.append(Row(f"width-{width}", f"width {width}", None, stage))
    return Study(
        "size",
        "Sizes of stage 2, of 3, 4 and 6 layers",
        tuple(rows),
        ("parameters_2",),
        axis="parameters_2",
    )


def _data(whole: Stage1) -> Study:
    """Stage 2 learns the tokens of one autoencoder throughout: losses on other tokens could not be compared."""
    rows = []
    for parts in (8, 4, 2, 1):
        name, title = f"data-1-of-{parts}", f"1/{parts}" if parts > 1 else "all"
        first = replace(whole, name=name, share=1 / parts) if parts > 1 else whole
        second = Stage2(f"{whole.name}-{name}", whole, share=1 / parts)
        rows.append(Row(name, title, first, second))
    title = "Shares of the training shapes; all of stage 2 learn the tokens of one stage 1"
    facts = ("training_shapes_1", "training_shapes_2")
    return Study("data", title, tuple(rows), facts, axis="training_shapes_1")
