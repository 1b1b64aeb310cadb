"""The page as a whole: structure, what may not get out of it or into it, and the same numbers as tables."""

import csv
import html
import io
import re
from pathlib import Path

import pytest
import trimesh

from argus3d.errors import UserError
from eval.report import page
from eval.report.page import main
from eval.report.rows import read_rows
from eval.report.tables import csv_text
from tests.eval.report.page_inputs import (
    Inputs,
    Reader,
    write_inputs,
    write_nearest,
    write_prepared,
    write_published,
    write_samples,
)
from tests.eval.report.results import PROTOCOL, generation, metric, write_result


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return write_inputs(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def text(inputs: Inputs) -> str:
    return inputs.page()


@pytest.fixture(scope="module")
def read(text: str) -> Reader:
    return Reader(text)


def without_data(text: str) -> str:
    return re.sub(r"data:image/[^\"]*", "", text)


def test_the_page_has_every_section_and_its_links_lead_to_them(read: Reader) -> None:
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [str(link["href"]) for link in read.of("a")]
    wanted = [
        "#results-0",
        "#compare",
        "#samples",
        "#published",
        "#figures",
        "#sheets",
        "#counts",
        "#protocol",
        "#cost",
    ]
    assert set(wanted) <= set(links)
    assert {link.removeprefix("#") for link in links} <= set(ids)


def test_people_who_listen_are_told_what_others_see(read: Reader) -> None:
    assert read.of("html")[0]["lang"] == "en"
    assert len(read.of("h1")) == 1
    assert len(read.of("caption")) == len(read.of("table")) > 5
    assert {attributes.get("scope") for attributes in read.of("th")} == {"col", "row"}
    assert all(picture["alt"] for picture in read.of("img"))
    described = {str(region.get("aria-labelledby")) for region in read.of("div") if region.get("role") == "region"}
    ids = {attributes.get("id") for _, attributes in read.elements}
    assert described - {"None"} <= ids
    assert all(canvas["aria-label"] and canvas["tabindex"] == "0" for canvas in read.of("canvas"))


def test_nothing_is_asked_of_the_network(text: str, read: Reader) -> None:
    for _, attributes in read.elements:
        for name in ("src", "href", "action", "srcset", "poster", "data"):
            assert (attributes.get(name) or "#").startswith(("#", "data:"))
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(|fetch\(|XMLHttp|import\(", without_data(text))
    policy = next(meta for meta in read.of("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in str(policy["content"])


def test_numbers_are_those_of_the_csv(inputs: Inputs, read: Reader) -> None:
    paths = sorted((inputs.root / "results" / "things").glob("*[a-z].json"))
    rows = read_rows([path for path in paths if not path.name.endswith(".run.json")])
    lines = csv.DictReader(io.StringIO(csv_text(rows)))
    values = {(line["metric"], line["value"]) for line in lines}
    shown = [(cell["data-metric"], cell["data-order"]) for cell in read.of("td") if "data-metric" in cell]
    assert len(shown) >= 8 * 6
    assert set(shown) <= values
    missing = {key for key, _ in values} - {key for key, _ in shown}
    assert missing == set()


def test_the_same_files_give_the_same_bytes(inputs: Inputs, text: str) -> None:
    again = inputs.page("again.html")
    assert again.replace("again.html", "index.html") == text


def test_the_page_says_how_it_was_made_and_by_what(inputs: Inputs, read: Reader) -> None:
    words = " ".join("".join(read.texts).split())
    assert "argus3d-eval page" in words
    assert str(PROTOCOL["hash"]) in words
    assert "argus3d-eval score nano" in words
    assert "12.5" in words
    assert "What generating costs" in words
    assert "unverified" in words


HOSTILE = "</script><img src=x onerror=window.hacked=1>"


def test_hostile_names_stay_words(tmp_path: Path) -> None:
    protocol = PROTOCOL | {"name": HOSTILE}
    run = tmp_path / "results"
    run.mkdir()
    for name in ("one", "two"):
        path = write_result(run, name, generation(0.5), notes=(HOSTILE,), protocol=protocol, data={"by": HOSTILE})
        content = path.read_text().replace(f'"name": "{name}"', f'"name": "{HOSTILE}{name}"')
        path.write_text(content.replace('"failed": []', f'"failed": [["{HOSTILE}", "{HOSTILE}"]]', 1))
    samples = write_samples(tmp_path / "samples", {"box-0": trimesh.creation.box()})
    manifest = samples / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"box"', f'"{HOSTILE}"').replace("argus3d sample", HOSTILE))
    data = write_prepared(tmp_path / "data", ("near",), creator=HOSTILE)
    nearest = write_nearest(tmp_path / "nearest.json", {"box-0": "near"})
    published = write_published(tmp_path / "published.csv", HOSTILE)
    words = [str(run), "--published", str(published), "--samples", str(samples), str(nearest)]
    main([*words, "--data-root", str(data), "--out", str(tmp_path / "page.html")])
    text = (tmp_path / "page.html").read_text()
    read = Reader(text)
    assert read.of("img") == []
    assert not any(name.startswith("on") for _, attributes in read.elements for name in attributes)
    assert len(read.of("script")) == 7  # two of data, five of ours
    assert HOSTILE not in text
    assert html.escape(HOSTILE) in text
    assert HOSTILE in "".join(read.texts)


def test_one_row_is_a_page_without_comparison(tmp_path: Path) -> None:
    path = write_result(tmp_path, "mine", {"mmd_cd": metric(0.01, 0.009, 0.011)})
    main([str(path), "--out", str(tmp_path / "page.html")])
    read = Reader((tmp_path / "page.html").read_text())
    assert "compare" not in {attributes.get("id") for _, attributes in read.elements}
    assert [attributes["data-order"] for attributes in read.of("td") if "data-metric" in attributes] == ["0.01"]


def test_a_page_too_large_for_phones_is_refused(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "LARGEST", 10_000)
    with pytest.raises(ValueError, match="the page would be"):
        main([inputs.words[0], "--out", str(inputs.root / "large.html")])
    assert not (inputs.root / "large.html").exists()


@pytest.mark.parametrize("option", ["--published", "--figure", "--sheet", "--cost", "--more", "--samples"])
def test_a_missing_file_is_named(inputs: Inputs, tmp_path: Path, option: str) -> None:
    words = [inputs.words[0], option, str(tmp_path / "absent.png"), "--out", str(tmp_path / "page.html")]
    with pytest.raises((UserError, FileNotFoundError), match="absent"):
        main(words)


def test_nearest_shapes_want_the_prepared_data(inputs: Inputs, tmp_path: Path) -> None:
    words = [inputs.words[0], "--samples", str(tmp_path), str(tmp_path / "nearest.json")]
    with pytest.raises(SystemExit):
        main([*words, "--out", str(tmp_path / "page.html")])


def test_a_figure_is_a_picture(inputs: Inputs, tmp_path: Path) -> None:
    fake = tmp_path / "figure.png"
    fake.write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"figure\.png: this is no image"):
        main([inputs.words[0], "--figure", str(fake), "--out", str(tmp_path / "page.html")])
    with pytest.raises(UserError, match="pictures of the page are"):
        main([inputs.words[0], "--figure", str(tmp_path / "figure.pdf"), "--out", str(tmp_path / "page.html")])
