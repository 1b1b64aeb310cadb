"""The page in a headless Chromium: it loads in peace, tables sort, shapes turn, two rows compare."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.eval.report.browser import Browser, chromium
from tests.eval.report.page_inputs import ROWS, Inputs, write_inputs

PROGRAM = chromium()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed: apt-get install chromium")

TABLE = "document.querySelector('#run-0-0').closest('table')"
NO_WEBGL = """
const real = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
  return kind === "webgl2" ? null : real.call(this, kind, ...more);
};
"""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    made = write_inputs(tmp_path_factory.mktemp("inputs"))
    made.page()
    return made


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert PROGRAM is not None
    started = Browser(PROGRAM, tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.fixture
def opened(browser: Browser, inputs: Inputs) -> Browser:
    """The page as it is when it was just opened, in a window of a desk."""
    browser.pretend()
    browser.resize(1200, 900)
    browser.errors.clear()
    browser.requests.clear()
    browser.open(inputs.root / "index.html")
    return browser


def wait_for(found: Callable[[], Any]) -> Any:
    """The first true answer."""
    end = time.monotonic() + 30
    while not (answer := found()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)
    return answer


def names(browser: Browser) -> list[str]:
    """Names of the first table's rows, from top to bottom."""
    return list(browser.run(f"[...{TABLE}.tBodies[0].rows].map(row => row.cells[0].firstChild.textContent)"))


def drawn(browser: Browser, side: str = "left") -> str:
    browser.settle()
    return str(browser.run(f"document.getElementById('viewer-{side}').toDataURL()"))


def angle(browser: Browser, name: str = "azimuth") -> float:
    return float(browser.run(f"document.getElementById('viewer-left').dataset.{name}"))


def shown(browser: Browser) -> str:
    return str(wait_for(lambda: browser.run("document.getElementById('viewer-left').dataset.sample")))


def choose(browser: Browser, name: str, value: str) -> None:
    element = f"document.getElementById('{name}')"
    browser.run(f"{element}.value = '{value}'; {element}.dispatchEvent(new Event('change'))")
    browser.settle()


def test_it_loads_without_errors_or_outside_requests(opened: Browser, inputs: Inputs) -> None:
    shown(opened)
    opened.settle()
    assert opened.errors == []
    outside = [url for url in opened.requests if not url.startswith("data:")]
    assert outside == [(inputs.root / "index.html").as_uri()]


def test_an_error_or_an_outside_request_would_be_noticed(opened: Browser, tmp_path: Path) -> None:
    path = tmp_path / "noisy.html"
    path.write_text(
        "<!doctype html><img src='http://127.0.0.1:9/x.png'><script>console.error('no'); missing()</script>"
    )
    opened.open(path)
    assert any("127.0.0.1" in url for url in opened.requests)
    assert any("missing" in error for error in opened.errors)
    assert any("no" in error for error in opened.errors)


def test_a_click_sorts_the_best_first_then_the_worst_then_as_it_was(opened: Browser) -> None:
    before = names(opened)
    head = f"[...{TABLE}.tHead.rows[0].cells].find(cell => cell.textContent.includes('1-NNA-CD'))"
    best = [
        "reference vs itself",
        *sorted((row.replace("_", " ") for row in ROWS), key=lambda row: -ROWS[row.replace(" ", "_")]),
    ]
    states = []
    for expected in (best, best[::-1], before):
        opened.run(f"{head}.querySelector('button').click()")
        assert names(opened) == expected
        states.append(opened.run(f"{head}.getAttribute('aria-sort')"))
    assert states == ["ascending", "descending", "none"]  # 1-NNA is all above its ideal here


def test_tables_sort_by_keyboard(opened: Browser) -> None:
    before = names(opened)
    opened.run(f"{TABLE}.tHead.rows[0].cells[0].querySelector('button').focus()")
    opened.press("Enter", "\r")
    assert names(opened) == sorted(before)
    opened.press("Enter", "\r")
    assert names(opened) == sorted(before, reverse=True)
    outline = opened.run("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_published_rows_of_one_kind_of_data(opened: Browser) -> None:
    controls = "document.querySelector('[data-filters=published-0]')"
    assert opened.run(f"{controls}.hidden")  # all are of chairs here
    opened.run(f"{controls}.querySelector('select').append(new Option('cars'))")
    opened.run(f"{controls}.querySelector('select').value = 'cars'")
    opened.run(f"{controls}.querySelector('select').dispatchEvent(new Event('change'))")
    rows = "[...document.getElementById('published-0').closest('table').tBodies[0].rows]"
    assert opened.run(f"{rows}.filter(row => !row.hidden).every(row => row.className === 'here')")


def test_shapes_are_drawn_and_turn_by_keys_buttons_and_hand(opened: Browser) -> None:
    assert shown(opened) == "ball-0"
    choose(opened, "viewer-sample", "2")
    wait_for(lambda: shown(opened) == "box-0")
    seen = {drawn(opened)}
    start = angle(opened)
    opened.run("document.getElementById('viewer-left').focus()")
    opened.press("ArrowLeft")
    assert angle(opened) == start + 15
    seen.add(drawn(opened))
    opened.run("document.querySelector('[data-view=down]').click()")
    opened.settle()
    assert angle(opened, "elevation") > 22
    seen.add(drawn(opened))
    x, y = middle(opened)
    before = angle(opened)
    opened.drag((x, y), (x + 90, y))
    assert angle(opened) != before
    seen.add(drawn(opened))
    opened.press("+", "+")
    assert angle(opened, "zoom") == pytest.approx(1.2)
    seen.add(drawn(opened))
    assert len(seen) == 5
    opened.press("0", "0")
    assert (angle(opened), angle(opened, "elevation"), angle(opened, "zoom")) == (35, 22, 1)
    assert opened.errors == []


def middle(browser: Browser) -> tuple[float, float]:
    """Where the middle of the left shape is in the window, into which it is scrolled."""
    canvas = "document.getElementById('viewer-left')"
    browser.run(f"{canvas}.scrollIntoView({{behavior: 'instant', block: 'center'}})")
    inside = "(({x, y, width, height}) => [x + width / 2, y + height / 2])"
    x, y = browser.run(f"{inside}({canvas}.getBoundingClientRect())")
    return x, y


def test_fingers_turn_and_zoom(opened: Browser) -> None:
    opened.resize(390, 844, phone=True)
    shown(opened)
    x, y = middle(opened)
    opened.touch([(x, y)], [(x + 30, y)], [(x + 60, y)])
    assert angle(opened) != 35
    opened.touch([(x - 20, y), (x + 20, y)], [(x - 40, y), (x + 40, y)])
    assert angle(opened, "zoom") == pytest.approx(2)


def test_both_shapes_cover_the_middle_of_their_view_and_not_its_corners(opened: Browser) -> None:
    shown(opened)
    opened.settle()
    for side in ("left", "right"):
        alpha = opened.run(
            f"""(() => {{
              const canvas = document.getElementById('viewer-{side}');
              const flat = document.createElement('canvas');
              [flat.width, flat.height] = [canvas.width, canvas.height];
              const pen = flat.getContext('2d');
              pen.drawImage(canvas, 0, 0);
              const at = (x, y) => pen.getImageData(x * flat.width, y * flat.height, 1, 1).data[3];
              return [at(0.5, 0.5), at(0.5, 0.3), at(0.35, 0.5), at(0.02, 0.02), at(0.98, 0.98)];
            }})()"""
        )
        assert alpha == [255, 255, 255, 0, 0]


def test_samples_are_chosen_by_buttons_and_say_what_stands_beside_them(opened: Browser) -> None:
    assert shown(opened) == "ball-0"
    opened.run("document.getElementById('viewer-next').click()")
    wait_for(lambda: shown(opened) == "ball-1")
    assert "No shape to stand beside" in opened.run("document.getElementById('viewer-right-words').textContent")
    opened.run("document.getElementById('viewer-left').focus()")
    opened.press("PageDown")
    wait_for(lambda: shown(opened) == "box-0")
    words = opened.run("document.getElementById('viewer-right').getAttribute('aria-label')")
    assert all(word in words for word in ("near", "A. Maker", "CC0-1.0", "1.23", "40 %"))


def test_a_shape_comes_back_when_the_graphics_do(opened: Browser) -> None:
    shown(opened)
    before = drawn(opened)
    opened.run(
        """new Promise(done => {
          const gl = document.getElementById('viewer-left').getContext('webgl2');
          const graphics = gl.getExtension('WEBGL_lose_context');
          gl.canvas.addEventListener('webglcontextlost', () => setTimeout(() => graphics.restoreContext(), 20));
          gl.canvas.addEventListener('webglcontextrestored', () => setTimeout(done, 20));
          graphics.loseContext();
        })"""
    )
    assert drawn(opened) == before


def test_without_webgl_the_page_says_so(browser: Browser, inputs: Inputs) -> None:
    script = browser.send("Page.addScriptToEvaluateOnNewDocument", {"source": NO_WEBGL})
    browser.errors.clear()
    browser.open(inputs.root / "index.html")
    assert "no WebGL 2" in browser.run("document.getElementById('viewer-problem').textContent")
    assert browser.run("document.getElementById('viewer').hidden")
    assert browser.errors == []
    browser.send("Page.removeScriptToEvaluateOnNewDocument", {"identifier": script["identifier"]})


def test_two_rows_compare_by_their_intervals(opened: Browser) -> None:
    def lines() -> dict[str, list[str]]:
        rows = (
            "[...document.getElementById('compare-rows').rows].map(row => [...row.cells].map(cell => cell.textContent))"
        )
        return {line[0]: line[1:] for line in opened.run(rows)}

    verdict = "document.getElementById('compare-verdict').textContent"
    assert lines()["COV-CD ↑%"] == ["30.028.0 – 32.0", "29.527.5 – 31.5", "+0.5", "intervals meet: not told apart"]
    assert opened.run(verdict) == "The first is better on 0 metrics, the second on 0; 8 are not told apart."
    choose(opened, "compare-second", "2")
    assert lines()["1-NNA-CD →%"] == ["70.068.0 – 72.0", "85.083.0 – 87.0", "−15.0", "first is better, intervals apart"]
    assert opened.run(verdict) == "The first is better on 8 metrics, the second on 0; 0 are not told apart."
    opened.run("document.getElementById('compare-swap').click()")
    assert lines()["MMD-CD ↓×10³"][2:] == ["+3.00", "second is better, intervals apart"]


def test_rows_that_do_not_compare_are_said_not_to(opened: Browser) -> None:
    options = "[...document.getElementById('compare-second').options]"
    other = opened.run(f"{options}.find(one => one.textContent.startsWith('reference vs itself')).value")
    choose(opened, "compare-second", other)
    warnings = "document.getElementById('compare-warnings').textContent"
    assert "other reference shapes" in opened.run(warnings)
    kind = opened.run(f"{options}.find(one => one.textContent.startsWith('reconstruction')).value")
    choose(opened, "compare-second", kind)
    assert "Different measurements" in opened.run(warnings)
    assert "share no metric" in opened.run("document.getElementById('compare-verdict').textContent")


def test_a_phone_scrolls_tables_and_not_the_page(opened: Browser) -> None:
    opened.resize(360, 740, phone=True)
    assert opened.run("document.documentElement.scrollWidth") == 360
    assert opened.run(f"{TABLE}.parentElement.scrollWidth > {TABLE}.parentElement.clientWidth")
    low = opened.run("Math.min(...[...document.querySelectorAll('.controls button')].map(one => one.offsetHeight))")
    assert low >= 40  # a finger is wide


def test_it_is_dark_where_people_like_it_dark(opened: Browser) -> None:
    colours = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    opened.pretend(prefers_color_scheme="light")
    light = opened.run(colours)
    opened.pretend(prefers_color_scheme="dark")
    dark = opened.run(colours)
    assert light[0] == "rgb(255, 255, 255)"
    assert brightness(dark[0]) < 60 < 180 < brightness(dark[1])


def brightness(colour: str) -> float:
    return sum(float(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")) / 3


def test_paper_has_no_buttons_and_whole_tables(opened: Browser) -> None:
    opened.resize(1032, 730)  # A4 on its side, without margins
    opened.pretend("print")
    assert opened.run("document.documentElement.scrollWidth") == 1032
    assert opened.run("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert opened.run(f"getComputedStyle({TABLE}.parentElement).overflowX") == "visible"
    assert opened.run("[...document.querySelectorAll('.controls')].every(one => one.offsetHeight === 0)")
