"""What notebooks call."""

import io
import json
import sys

import numpy as np
import pytest
from PIL import Image

from argus3d.generator import Sample
from eval.cli import main
from eval.nearest import nearest_training_shapes
from eval.nearest_file import Nearest
from eval.notebook.commands import run
from eval.notebook.pictures import CAPTION, SIZE, beside_nearest, grid, picture, turning
from eval.notebook.shapes import procedural_clouds, procedural_shapes, sample_clouds

EMPTY = Sample("none", "mug", 0, np.empty(0, np.int64), np.empty((0, 3), np.float32), np.empty((0, 3), np.int32))


def has_ink(image: Image.Image) -> bool:
    return bool(np.asarray(image.convert("L")).min() < 200)


def test_a_grid_has_a_place_for_every_shape() -> None:
    image = grid([*procedural_shapes("mug", 2), EMPTY], columns=2)
    assert image.size == (2 * SIZE, 2 * (SIZE + CAPTION))
    places = [(0, 0), (SIZE, 0), (0, SIZE + CAPTION)]
    shown = [has_ink(image.crop((x, y, x + SIZE, y + SIZE))) for x, y in places]
    assert shown == [True, True, False], "the empty one is white"
    assert has_ink(image.crop((0, 2 * SIZE + CAPTION, SIZE, image.height))), "but has its caption"
    assert grid([EMPTY]).size == (SIZE, SIZE + CAPTION)
    with pytest.raises(ValueError, match="1 pictures and 2 captions"):
        grid([EMPTY], captions=["a", "b"])
    with pytest.raises(ValueError, match="at least one"):
        grid([])


def test_a_turn_is_a_moving_picture() -> None:
    shape = procedural_shapes("mug", 1)[0]
    image = Image.open(io.BytesIO(turning(shape, frames=4, size=48)))
    frames = []
    for place in range(image.n_frames):
        image.seek(place)
        frames.append(np.asarray(image.convert("L")).astype(int))
    assert len(frames) == 4 and frames[0].shape == (48, 48)
    assert all(np.abs(one - frames[0]).max() > 50 for one in frames[1:])
    with pytest.raises(ValueError, match="none is empty"):
        turning(EMPTY)


def test_each_sample_stands_above_its_nearest() -> None:
    training = procedural_shapes("mug", 3)
    nearest = {"mug-00007": Nearest("mug-00002", 0.01, 0.5), "mug-00008": Nearest("mug-00001", 0.02, None)}
    samples = [*procedural_shapes("mug", 2, first=7), EMPTY]
    image = beside_nearest(samples, training, nearest)
    assert image.size == (2 * SIZE, 2 * SIZE + CAPTION), "a sample without a neighbour is left out"
    lower = np.asarray(image)[SIZE : 2 * SIZE, :SIZE]
    assert (lower == picture(training[2])).all()


def test_samples_find_their_own_shape_among_procedural_ones() -> None:
    samples = [*procedural_shapes("bottle", 2, first=1), EMPTY]
    found = sample_clouds(samples, points=256)
    assert found.asked == 3 and found.failed == (("none", "empty"),) and found.clouds.shape == (2, 256, 3)
    nearest = nearest_training_shapes(found, [procedural_clouds("bottle", 6, points=256)])
    assert {item: one.id for item, one in nearest.items()} == {
        "bottle-00001": "bottle-00001",
        "bottle-00002": "bottle-00002",
    }
    with pytest.raises(ValueError, match="all 1 samples are empty"):
        sample_clouds([EMPTY])


def test_commands_are_run_and_read(capsys: pytest.CaptureFixture[str]) -> None:
    def program(words: list[str]) -> int:
        print("1 of 2\r2 of 2\nfound 2", file=sys.stderr)
        print(json.dumps({"words": words}) if words[0] == "json" else "plain")
        return 3 if "fail" in words else 0

    assert run(program, "json 'one word'") == {"words": ["json", "one word"]}
    shown = capsys.readouterr()
    assert shown.err == "2 of 2\nfound 2\n" and shown.out == ""
    assert run(program, "text") == "plain\n"
    with pytest.raises(RuntimeError, match=r"text fail: 2 of 2\nfound 2"):
        run(program, "text fail")


def test_commands_of_the_package_are_told_apart_by_how_they_end() -> None:
    with pytest.raises(RuntimeError, match="no such file, folder or split"):
        run(main, "score nothing-here nothing-there --out x.json")
    with pytest.raises(RuntimeError, match="invalid choice: 'nonsense'"):
        run(main, "nonsense")
    assert "measure one half of a set" in str(run(main, "--help"))
