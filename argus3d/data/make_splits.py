"""The ids of derived splits, from the data that they are derived from."""

from pathlib import Path

from argus3d.data.annotations import LVIS, OBJECT_PATHS, find, read_lvis, read_object_paths
from argus3d.data.derived_splits import write_derived
from argus3d.data.objaverse import ANNOTATIONS, derive_objaverse
from argus3d.data.shapenet import ShapeNetCatalogue, derive_shapenet13
from argus3d.errors import UserError

Parts = dict[str, list[str]]


def make_split(name: str, folder: Path, data_root: Path) -> tuple[Path, Parts]:
    """Write the ids of a derived split below `data_root`; return the file and part -> ids.

    folder : of Objaverse-MIX or ShapeNet, as for `argus3d data prepare`

    Raises: UserError where the lists that the rule needs are missing or damaged.
    """
    parts = _objaverse(folder) if name == "objaverse-v1" else derive_shapenet13(ShapeNetCatalogue(folder, 13))
    return write_derived(name, parts, data_root), parts


def _objaverse(folder: Path) -> Parts:
    annotations = folder / ANNOTATIONS
    lvis, paths = (find(annotations, name) for name in (LVIS, OBJECT_PATHS))
    if lvis is None or paths is None:
        missing = LVIS if lvis is None else OBJECT_PATHS
        raise UserError(
            f"{annotations} lacks {missing}: run `argus3d data fetch objaverse --path {folder} --annotations`, or put "
            "the file of the data set allenai/objaverse there."
        )
    return derive_objaverse(read_lvis(lvis), read_object_paths(paths))
