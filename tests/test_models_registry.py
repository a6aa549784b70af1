"""The registry of models: what a row must say, and what is refused."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from melies.errors import ModelError, UseError
from melies.models import registry

ROW = """
[[model]]
name = "tiny"
task = "test"
description = "Nothing."
format = "onnx"
licence = { code = "MIT", weights = "MIT", url = "https://example.org" }
size = 10
sha256 = "%s"

[[model.sources]]
kind = "wheel"
package = "tiny"
version = "1.0"
members = [{ path = "tiny/a.onnx" }]
""" % ("0" * 64)


def test_every_row_can_be_read_and_says_what_it_must() -> None:
    rows = registry.rows()
    assert {"selfie", "selfie-landscape", "rvm", "isnet", "face", "centernet"} <= {r.name for r in rows}
    for row in rows:
        assert row.description.endswith(".")
        assert row.licence.url.startswith("https://")


def test_every_row_is_documented() -> None:
    page = (Path(__file__).parents[1] / "docs" / "models.md").read_text(encoding="utf-8")
    for row in registry.rows():
        assert f"`{row.name}`" in page


def test_an_unknown_name_suggests_near_ones() -> None:
    with pytest.raises(UseError, match=re.escape("There is no model 'selfi'. Did you mean selfie")):
        registry.find("selfi")


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('path = "tiny/a.onnx"', 'path = "../a.onnx"', "members.0.path"),
        ('path = "tiny/a.onnx"', 'path = "/etc/passwd"', "members.0.path"),
        ('path = "tiny/a.onnx"', "path = 'tiny\\..\\..\\a.onnx'", "members.0.path"),
        ('name = "tiny"', 'name = "../tiny"', "model.0.name"),
        ('version = "1.0"', 'version = "--index-url=x"', "version"),
        ('package = "tiny"', 'package = "-r"', "package"),
        ("0" * 64, "0" * 63, "sha256"),
        ("size = 10", "size = 0", "size"),
        ('task = "test"', "", "model.0.task"),
        ('{ path = "tiny/a.onnx" }', '{ path = "tiny/a" }, { path = "tiny/b" }', "several members"),
        ('members = [{ path = "tiny/a.onnx" }]', 'members = [{ path = "a" }]\nconvert = "tfjs"', "size and sha256"),
        ('kind = "wheel"', 'kind = "ftp"', "ftp"),
    ],
)
def test_a_wrong_row_is_refused_with_its_place(old: str, new: str, place: str) -> None:
    assert old in ROW
    with pytest.raises(ModelError, match=re.escape(place)):
        registry.read(ROW.replace(old, new), "here")


def test_a_plain_http_address_is_refused() -> None:
    source = '[[model.sources]]\nkind = "url"\nurl = "http://example.org/tiny.onnx"\n'
    with pytest.raises(ModelError, match="url"):
        registry.read(ROW + source, "here")


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Install the registry `text` as a plugin's."""

    def install(text: str) -> None:
        path = tmp_path / "rows.toml"
        path.write_text(text, encoding="utf-8")
        monkeypatch.setattr(EntryPoint, "load", lambda self: lambda: path)
        point = EntryPoint("tiny", "tiny:rows", registry.GROUP)
        monkeypatch.setattr(registry, "entry_points", lambda group: [point])
        registry._rows.cache_clear()

    yield install
    registry._rows.cache_clear()


def test_a_plugin_adds_rows(plugin: Any) -> None:
    plugin(ROW)
    assert registry.find("tiny").size == 10
    assert registry.find("selfie")


def test_a_name_taken_twice_is_refused(plugin: Any) -> None:
    plugin(ROW.replace('name = "tiny"', 'name = "selfie"'))
    with pytest.raises(ModelError, match=r"Two models are called 'selfie'.*tiny:rows"):
        registry.rows()
