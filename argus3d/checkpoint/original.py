"""Checkpoints of the original code: .pt files of stated sizes, imported once and kept."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from argus3d.checkpoint.argus import class_names
from argus3d.checkpoint.importing import import_released
from argus3d.checkpoint.released import categories
from argus3d.config import ArgusConfig
from argus3d.data.files import read_json_object
from argus3d.errors import UserError


def read_sizes(text: str) -> tuple[ArgusConfig, tuple[str, ...]]:
    """Sizes of a model and the names of its classes: a preset's name, or a JSON file.

    The file has the form of an `argus.json`'s `config`, with `categories`, the names in the order of their indices,
    where the model knows other classes than the released one.

    Raises: UserError when there is no such file or preset, or it does not fit together.
    """
    if not text.endswith(".json"):
        config = ArgusConfig.preset(text)
        return config, categories(config.transformer.classes)
    path = Path(text)
    if not path.is_file():
        raise UserError(f"{path} is missing; give a preset's name or a JSON file of sizes.")
    values = read_json_object(path, "write a configuration as in an argus.json")
    given = values.pop("categories", None)
    try:
        config = ArgusConfig.from_dict(values)
        classes = config.transformer.classes
        return config, categories(classes) if given is None else class_names(given, classes)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def imported_once(stage2: Path, stage1: Path | None, sizes: str, cache: Path, say: Callable[[str], None]) -> Path:
    """The checkpoint folder of a .pt file below `cache`, made there unless the same files were imported before.

    stage1, sizes : see `import_released` and `read_sizes`

    Raises: UserError when a file is not what it should be; nothing is kept.
    """
    config, names = read_sizes(sizes)
    for path in (stage2, stage1):
        if path is not None and not path.is_file():
            raise UserError(f"{path} is missing; give a .pt file of the original code, or a checkpoint's folder.")
    # By time and size, not by content: reading the released files takes longer than all that follows.
    states = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in (stage2, stage1) if path]
    key = hashlib.sha256(json.dumps([states, config.to_json(), names]).encode()).hexdigest()
    folder = cache / f"{stage2.stem}-{key[:12]}"
    if not (folder / "argus.json").is_file():
        say(f"importing {stage2} into {folder}")
        import_released(stage1, stage2, folder, config, names, "float32", say)
    return folder
