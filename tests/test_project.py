"""The project around the code: what is promised in its files holds."""

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import melies

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PINS = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
)

PUBLIC = {
    *("Clip", "Colour", "Effect", "Frame", "FrameEffect", "Generator", "MeliesError", "Sound", "UseError"),
    *("VideoSpec", "__version__", "open"),
}
"""What programs may rely on. Every effect is there under its class name as well."""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement(text: str) -> str:
    return canonical(re.split(r"[^\w.-]", text)[0])


def test_public_names():
    assert set(melies.__all__) == PUBLIC
    for name in melies.__all__:
        assert getattr(melies, name) is not None
    assert melies.Resize.__name__ == "Resize"
    with pytest.raises(AttributeError):
        _ = melies.Nothing


def test_versions_agree():
    assert PROJECT["project"]["version"] == melies.__version__ == importlib.metadata.version("melies")


def test_everything_asked_for_is_pinned():
    pinned = {canonical(name) for name in PINS}
    asked = PROJECT["project"]["dependencies"] + PROJECT["build-system"]["requires"]
    asked += [text for group in PROJECT["dependency-groups"].values() for text in group]
    assert {requirement(text) for text in asked} <= pinned


def test_pins_are_versions_and_nothing_else():
    for name, version in PINS.items():
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
        assert re.fullmatch(r"[0-9][A-Za-z0-9.+]*", version)


def test_what_the_metadata_names_is_there():
    for name in [PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]]:
        assert (ROOT / name).stat().st_size > 0
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    (entry,) = importlib.metadata.entry_points(group="console_scripts", name="melies")
    assert callable(entry.load())


@pytest.mark.skipif(os.name == "nt", reason="make is not expected on Windows")
def test_make_explains_itself():
    text = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert all(f"make {name} " in text for name in ("demo", "test", "lint", "bench", "docs", "help"))
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_import_is_light():
    code = (
        "import sys, melies\n"
        "print(sorted({'numpy', 'av', 'pydantic', 'cv2', 'click', 'torch', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_decisions_are_numbered_and_have_their_three_parts():
    records = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    for path in records:
        text = path.read_text()
        assert text.startswith(f"# {int(path.name[:4])}. "), path.name
        assert all(f"\n## {part}\n" in text for part in ("Context", "Decision", "Consequences")), path.name


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(name):
    targets = re.findall(r"\]\(([^)#:]+)\)", (ROOT / name).read_text())
    assert [target for target in targets if not (ROOT / target).exists()] == []
