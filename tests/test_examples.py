"""Every example runs, in a folder of its own and without help."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("[!_]*.py"))
ARGUMENTS = {"demo.py": ["--seconds", "0.2"], "backdrop.py": ["backdrop.png"]}
NEEDS = {"demo.py": "skvideo"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example(path, tmp_path):
    if NEEDS.get(path.name) and find_spec(NEEDS[path.name]) is None:
        pytest.skip(f"{NEEDS[path.name]} is not installed")
    done = subprocess.run(
        [sys.executable, path, *ARGUMENTS.get(path.name, [])],
        cwd=tmp_path,
        env=os.environ | {"MELIES_HOME": str(tmp_path / "home")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert any(tmp_path.iterdir()), "it left nothing"
