"""The recipes that come along: found by name, listed, and really run."""

import numpy as np
import pytest

import melies
from melies import cli
from melies.errors import UseError
from melies.media.synthetic import write_clip
from melies.recipe import PRESETS, Recipe, locate, presets


@pytest.mark.parametrize("name", presets())
def test_each_runs_and_says_what_it_is_for(name, tmp_path):
    recipe = Recipe.load(locate(name))
    assert len(recipe.effects) >= 2
    assert len(presets()[name]) > 20
    film = write_clip(tmp_path / "film.mp4", size=(96, 64), frames=8)
    frames = list(melies.open(film).apply(*recipe.effects).frames())
    assert len(frames) in (8, 16)
    assert np.isfinite(frames[0].image.mean())


def test_a_file_comes_before_what_came_along(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert locate("restore") == PRESETS / "restore.yaml"
    (tmp_path / "restore").write_text("version: 1")
    assert locate("restore").resolve() == tmp_path / "restore"


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UseError, match=r"no recipe restroe\. Did you mean restore"):
        locate("restroe")


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["run", "--list"], 0, "restore"),
        (["apply", "in.mp4", "out.mp4", "restore"], 2, "melies run restore IN OUT"),
    ],
)
def test_the_command_line_points_to_them(words, status, sentence, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(words)
    said = capsys.readouterr()
    assert (left.value.code or 0) == status
    assert sentence in said.out + said.err
