"""The handbook: it builds, its reference is complete, and what it tells people to type works."""

import re
import shlex
import subprocess
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

import melies
from melies import cli, effects
from melies.cli import general
from melies.recipe import Recipe, parse
from melies.schema import settings

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    *(
        page
        for part in (".", "effects", "footage", "generators")
        for page in sorted((ROOT / "docs" / part).glob("*.md"))
    ),
]


def commands() -> list[str]:
    found = []
    for page in PAGES:
        text = page.read_text()
        fenced = "\n".join(re.findall(r"```(?:sh|console)\n(.*?)```", text, re.S))
        inline = re.findall(r"`(melies [^`\n]*)`", re.sub(r"```.*?```", "", text, flags=re.S))
        found += [line.split("  #")[0].strip() for line in fenced.splitlines() if line.startswith("melies ")]
        found += inline
    return sorted({text for text in found if "…" not in text and text.split()[1:] and not text.isupper()})


@pytest.mark.parametrize("text", commands())
def test_what_people_are_told_to_type_is_understood(text, monkeypatch, capsys, tmp_path):
    words = shlex.split(text)[1:]
    if words[0] not in ("apply", "run"):
        words.append("--help")
    if any(word.isupper() and word.isalpha() for word in words):
        words.append("--help")
    monkeypatch.chdir(tmp_path)
    Path("greenscreen.yaml").write_text("version: 1")
    monkeypatch.setattr(general, "render", lambda recipe, given: general.overridden(recipe, given))
    with pytest.raises(SystemExit) as left:
        cli.main(words)
    assert not left.value.code, capsys.readouterr().err


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_blocks_of_code_are_code(page):
    text = page.read_text()
    for block in re.findall(r"```python\n(.*?)```", text, re.S):
        compile(block, page.name, "exec")
    for block in re.findall(r"```yaml\n(.*?)```", text, re.S):
        Recipe.make(parse(block, page.name))


def test_the_effect_shown_in_the_handbook_works():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), re.S)
    names: dict = {"__name__": "shown"}
    exec(next(block for block in blocks if "class Negative" in block), names)
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    image.flags.writeable = False
    assert np.array_equal(names["Negative"]().process(image), 255 - image)
    assert names["Negative"](strength=0).process(image) is image


def reference():
    spec = spec_from_file_location("gen_reference", ROOT / "docs" / "gen_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", effects.names())
def test_every_option_is_in_the_reference_with_a_word_about_it(name):
    effect = effects.find(name)
    text = reference().reference(effect)
    for setting in settings(effect):
        assert f"`{setting.option}`" in text
        assert setting.help, f"{name} {setting.option} has no description"
    assert f"melies.{effect.__name__}(" in text
    assert getattr(melies, effect.__name__) is effect


@pytest.mark.skipif(find_spec("mkdocs") is None, reason="mkdocs is not installed")
def test_the_handbook_builds_without_a_warning(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path / "site"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "decontaminate" in (tmp_path / "site" / "effects" / "matte.html").read_text()
    assert "&lt;!--" not in (tmp_path / "site" / "cli.html").read_text()
