"""Debian packages are fetched without root, checked, and unpacked by Python alone."""

import hashlib
import json
import stat
from pathlib import Path

import pytest

from argus3d.data.formats.debian import MANIFEST, fetch_package, unpack_members
from argus3d.errors import UserError
from tests.argus3d.archives import ar, tar, write_deb

FILES = {"./usr/share/a/one.sh3f": b"one" * 5000, "./usr/share/b/two.sh3f": b"", "./usr/share/doc/copyright": b"c"}


def fake_apt(folder: Path, monkeypatch: pytest.MonkeyPatch, download: str) -> None:
    """Put an apt-get in front of the PATH that runs the shell lines `download` when asked to download."""
    folder.mkdir()
    script = folder / "apt-get"
    script.write_text(f'#!/bin/sh\ncase "$*" in *" download "*) {download};; esac\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.parametrize(("compression", "name"), [("xz", "data.tar.xz"), ("gz", "data.tar.gz"), ("", "data.tar")])
def test_unpacks_matching_members_whatever_the_compression(tmp_path: Path, compression: str, name: str) -> None:
    deb = write_deb(tmp_path / "p.deb", tar(FILES, compression), name)
    written = unpack_members(deb, tmp_path / "out", "usr/share/*.sh3f")
    assert [path.name for path in written] == ["one.sh3f", "two.sh3f"]
    assert written[0].read_bytes() == b"one" * 5000
    assert json.loads((tmp_path / "out" / MANIFEST).read_text())["files"] == {"one.sh3f": 15000, "two.sh3f": 0}


def test_does_not_write_again_unless_a_file_is_missing(tmp_path: Path) -> None:
    deb = write_deb(tmp_path / "p.deb", tar(FILES))
    first = unpack_members(deb, tmp_path / "out", "*.sh3f")
    before = first[0].stat().st_mtime_ns
    assert unpack_members(deb, tmp_path / "out", "*.sh3f") == first
    assert first[0].stat().st_mtime_ns == before
    first[1].unlink()
    assert all(path.exists() for path in unpack_members(deb, tmp_path / "out", "*.sh3f"))


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.99])
def test_a_truncated_package_is_refused_and_earlier_files_stay(tmp_path: Path, share: float) -> None:
    content = write_deb(tmp_path / "p.deb", tar(FILES)).read_bytes()
    out = tmp_path / "out"
    unpack_members(tmp_path / "p.deb", out, "*.sh3f")
    (tmp_path / "cut.deb").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UserError, match=r"cut\.deb is truncated or not a Debian package"):
        unpack_members(tmp_path / "cut.deb", out, "*.sh3f")
    assert sorted(path.name for path in out.iterdir()) == [MANIFEST, "one.sh3f", "two.sh3f"]
    assert (out / "one.sh3f").read_bytes() == b"one" * 5000


def test_a_damaged_archive_inside_a_whole_package_is_refused(tmp_path: Path) -> None:
    data = tar(FILES)
    write_deb(tmp_path / "p.deb", data[: len(data) // 2])
    with pytest.raises(UserError, match="truncated or not a Debian package"):
        unpack_members(tmp_path / "p.deb", tmp_path / "out", "*.sh3f")
    assert not (tmp_path / "out" / MANIFEST).exists()


def test_a_file_that_is_no_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.deb").write_bytes(b"<html>404</html>")
    with pytest.raises(UserError, match="not a Debian package"):
        unpack_members(tmp_path / "p.deb", tmp_path / "out", "*")
    (tmp_path / "q.deb").write_bytes(ar({"debian-binary": b"2.0\n"}))
    with pytest.raises(UserError, match=r"ends before data\.tar"):
        unpack_members(tmp_path / "q.deb", tmp_path / "out", "*")
    with pytest.raises(UserError, match=r"none\.deb does not exist"):
        unpack_members(tmp_path / "none.deb", tmp_path / "out", "*")


def test_zstd_is_named_with_the_way_out(tmp_path: Path) -> None:
    write_deb(tmp_path / "p.deb", b"", "data.tar.zst")
    with pytest.raises(UserError, match=r"zstd.*dpkg-deb -x"):
        unpack_members(tmp_path / "p.deb", tmp_path / "out", "*")


def test_a_package_without_the_wanted_files_is_refused(tmp_path: Path) -> None:
    write_deb(tmp_path / "p.deb", tar(FILES))
    with pytest.raises(UserError, match=r"no file like \*\.wrl"):
        unpack_members(tmp_path / "p.deb", tmp_path / "out", "*.wrl")


@pytest.mark.parametrize("name", ["../evil.sh3f", "usr/../../evil.sh3f", "/etc/evil.sh3f", f"x.sh3f/{MANIFEST}"])
def test_members_that_lead_out_of_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    write_deb(tmp_path / "p.deb", tar({name: b"evil"}))
    with pytest.raises(UserError, match="unsafe member"):
        unpack_members(tmp_path / "p.deb", tmp_path / "a" / "out", "*sh3f*")
    assert not list(tmp_path.rglob("evil*"))


def test_links_are_refused_where_they_match_and_ignored_elsewhere(tmp_path: Path) -> None:
    write_deb(tmp_path / "p.deb", tar(FILES, links={"./usr/l.sh3f": "/etc/passwd"}))
    with pytest.raises(UserError, match="unsafe member"):
        unpack_members(tmp_path / "p.deb", tmp_path / "out", "*.sh3f")
    assert len(unpack_members(tmp_path / "p.deb", tmp_path / "out", "usr/share/*.sh3f")) == 2


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    write_deb(tmp_path / "p.deb", tar({"a/x.sh3f": b"1", "b/x.sh3f": b"2"}))
    with pytest.raises(UserError, match="unsafe member"):
        unpack_members(tmp_path / "p.deb", tmp_path / "out", "*.sh3f")


def test_fetch_keeps_what_apt_brings_only_with_the_right_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_apt(tmp_path / "bin", monkeypatch, "printf content > thing_1%3a2_all.deb")
    right = hashlib.sha256(b"content").hexdigest()
    with pytest.raises(UserError, match=rf"thing 1:2 arrived with sha256 {right}, not 0+:"):
        fetch_package("thing", "1:2", "0" * 64, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
    path = fetch_package("thing", "1:2", right, tmp_path / "out")
    assert path.read_bytes() == b"content"
    assert list((tmp_path / "out").iterdir()) == [path]


def test_fetch_takes_a_right_file_that_is_there_without_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    (tmp_path / "thing_1.deb").write_bytes(b"content")
    right = hashlib.sha256(b"content").hexdigest()
    assert fetch_package("thing", "1", right, tmp_path) == tmp_path / "thing_1.deb"


def test_missing_apt_names_the_path_and_the_ways_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match=r"apt-get is not on this machine.*thing_1\.deb.*--deb FILE.*DATA=procedural"):
        fetch_package("thing", "1", "0" * 64, tmp_path)


def test_a_failed_download_says_why_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_apt(tmp_path / "bin", monkeypatch, "echo 'E: Unable to locate package thing' >&2; exit 100")
    with pytest.raises(UserError, match=r"could not fetch thing 1 \(Unable to locate package thing\)"):
        fetch_package("thing", "1", "0" * 64, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_apt_that_brings_nothing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_apt(tmp_path / "bin", monkeypatch, "true")
    with pytest.raises(UserError, match="left no file for thing 1"):
        fetch_package("thing", "1", "0" * 64, tmp_path / "out")
