"""Every example runs, in a folder and a process of its own and without help."""

import multiprocessing
import os
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("[!_]*.py"))
ARGUMENTS = {"demo.py": ["--seconds", "0.2"], "backdrop.py": ["backdrop.png"]}
NEEDS = {"demo.py": "skvideo"}
SECONDS = 300


def act(path: Path, folder: Path, said: Path) -> None:
    """Do what `python PATH` does, in a process whose imports are done."""
    with said.open("w") as file:
        os.dup2(file.fileno(), 2)
        os.dup2(file.fileno(), 1)
    os.chdir(folder)
    os.environ["MELIES_HOME"] = str(folder / "home")
    sys.argv = [str(path), *ARGUMENTS.get(path.name, [])]
    sys.path[0] = str(path.parent)
    runpy.run_path(str(path), run_name="__main__")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example(path, tmp_path):
    if NEEDS.get(path.name) and find_spec(NEEDS[path.name]) is None:
        pytest.skip(f"{NEEDS[path.name]} is not installed")
    folder, said = tmp_path / "folder", tmp_path / "said.txt"
    folder.mkdir()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", "melies.engine.render"])  # imported once, not for each example
    child = context.Process(target=act, args=(path, folder, said))
    child.start()
    child.join(SECONDS)
    child.kill()
    child.join()
    assert child.exitcode == 0, said.read_text()
    assert any(folder.iterdir()), "it left nothing"
