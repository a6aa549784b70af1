"""Recipes: strictly read, written back the same, and the ten that come along really run."""

import json
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import melies
from melies import effects
from melies.errors import UseError
from melies.media.synthetic import write_clip
from melies.recipe import LIMIT, Recipe, parse

READY = sorted((Path(__file__).parents[1] / "examples" / "recipes").glob("*.yaml"))

TEXT = """
version: 1
input: film.mp4
output: out/film.mkv
start: 0:00:01.5
end: 12
rate: 29.97
effects:
  - resize: {width: 64, even: true}
  - reverse
  - fade: {fade-in: 0.25}
save: {codec: ffv1, fps: 24000/1001, set: {level: "3"}}
"""


def make(text: str) -> Recipe:
    return Recipe.make(parse(text, "recipe"))


def test_a_recipe_says_the_same_in_yaml_json_and_python():
    recipe = make(TEXT)
    assert (recipe.start, recipe.end, recipe.rate) == (Fraction(3, 2), 12, Fraction(30000, 1001))
    assert [effect.name() for effect in recipe.effects] == ["resize", "reverse", "fade"]
    assert recipe.effects[2].fade_in == 0.25
    assert (recipe.save.codec, recipe.save.fps) == ("ffv1", Fraction(24000, 1001))
    assert make(recipe.to_yaml()) == recipe
    assert Recipe.make(parse(recipe.to_json(), "recipe", strict_json=True)) == recipe
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_what_is_at_its_default_is_not_written():
    recipe = make("version: 1\neffects: [resize: {width: 64, scale: null}]\nsave: {quality: 70}")
    assert json.loads(recipe.to_json()) == {"version": 1, "effects": [{"resize": {"width": 64}}]}


@given(st.fractions(min_value=0, max_value=10**6))
def test_every_time_survives(seconds):
    recipe = Recipe(start=seconds)
    assert make(recipe.to_yaml()).start == seconds
    assert Recipe.make(parse(recipe.to_json(), "recipe", strict_json=True)).start == seconds


@given(st.text(max_size=200))
def test_any_text_is_a_recipe_or_a_use_error(text):
    with suppress(UseError):
        make(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [", "line 1"),
        ("version: 2", "version 2: should be 1"),
        ("inptu: film.mp4", "recipe has no key inptu. Did you mean input?"),
        ("save: {qualty: 3}", "recipe has no key save.qualty. Did you mean quality?"),
        ("save: {quality: 300}", "save.quality 300"),
        ("save: fine", "save 'fine'"),
        ("start: -3", "start -3: should be a time"),
        ("start: .inf", "start inf: should be a time"),
        ("rate: 0", "rate 0: should be a rate"),
        ("input: http://example.org/a.mp4", "http://example.org/a.mp4 is an address"),
        ("effects: [resizee]", "Did you mean resize"),
        ("effects: [resize: {widht: 3}]", "Did you mean width"),
        ("effects: [resize: {width: 0}]", "--width 0"),
        ("effects: [resize: 3]", "The options of resize are 3"),
        ("effects: [3]", "one name with its options"),
        ("effects: [{resize: {}, reverse: {}}]", "one name with its options"),
        ("effects: resize", "effects 'resize'"),
        ("version: 1\nversion: 1", "version is given twice"),
        ("a: &x [1]\nb: *x", "aliases"),
        ("[" * 60, "nested too deeply"),
        ("input: !!python/name:os.system x", "could not determine a constructor"),
        ("just words", "is not a recipe"),
        ("? [1, 2]\n: 3", ""),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(text, sentence):
    with pytest.raises(UseError) as error:
        make(text)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_are_no_recipes_are_refused(tmp_path):
    large, binary, deep = tmp_path / "large.yaml", tmp_path / "binary.yaml", tmp_path / "deep.json"
    large.write_bytes(b"#" * (LIMIT + 1))
    binary.write_bytes(b"\xff\xfe\x00")
    deep.write_text("[" * 100_000)
    for path, sentence in ((large, "too many"), (binary, "UTF-8"), (deep, "nested"), (tmp_path, "no recipe")):
        with pytest.raises(UseError, match=sentence):
            Recipe.load(path)


def test_paths_start_from_the_recipes_folder_and_are_written_that_way(tmp_path):
    (tmp_path / "room.png").write_bytes(b"")
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "version: 1\ninput: film.mp4\noutput: /elsewhere/out.mp4\n"
        "effects:\n- matte: {background: room.png, keep: keep.png}\n- matte: {background: no-such.colour}\n"
    )
    recipe = Recipe.load(path)
    assert recipe.input == tmp_path / "film.mp4"
    assert recipe.output == Path("/elsewhere/out.mp4")
    assert recipe.effects[0].background == str(tmp_path / "room.png")
    assert recipe.effects[0].keep == tmp_path / "keep.png"
    assert recipe.effects[1].background == "no-such.colour"
    for name in ("copy.yaml", "copy.json"):
        recipe.dump(tmp_path / name)
        assert str(tmp_path) not in (tmp_path / name).read_text()
        assert Recipe.load(tmp_path / name) == recipe


def test_a_clip_becomes_a_recipe_and_a_clip_again(tmp_path):
    film = write_clip(tmp_path / "film.mp4", frames=20)
    clip = melies.open(film, start="0.2", end=0.6).apply(melies.Resize(width=48), melies.Reverse())
    recipe = Recipe.from_clip(clip)
    again = make(recipe.to_yaml()).clip()
    assert again.spec == clip.spec
    for one, other in zip(clip.frames(), again.frames(), strict=True):
        assert (one.pts, one.duration) == (other.pts, other.duration)
        assert np.array_equal(one.image, other.image)


def test_a_recipe_without_input_or_output_says_so(tmp_path):
    with pytest.raises(UseError, match="names no input"):
        Recipe().clip()
    with pytest.raises(UseError, match="names no output"):
        Recipe(input=Path("film.mp4")).write()


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_a_ready_recipe_runs(path, tmp_path):
    recipe = Recipe.load(path)
    missing = {effect.name() for effect in recipe.effects} - set(effects.names())
    assert not missing
    suffix = {"swing": ".gif", "cutout": ".webm", "mask": ".mkv", "key": ".mov"}.get(path.stem, ".mp4")
    film = write_clip(tmp_path / "in.mp4", size=(160, 120), frames=10, sound=True)
    out = tmp_path / f"out{suffix}"
    assert recipe.model_copy(update={"input": film, "output": out}).write() == out
    made = melies.open(out)
    assert sum(1 for _ in made.frames()) > 0
    assert made.spec.alpha == (path.stem in ("cutout", "key"))


def test_there_are_ten_ready_recipes():
    assert len(READY) >= 10


def test_only_options_that_may_name_files_are_taken_for_files(tmp_path):
    for name in ("film.png", "sky.png"):
        (tmp_path / name).write_bytes(b"x")
    steps = [
        {"caption": {"text": "film.png"}},
        {"key": {"background": "sky.png"}},
        {"matte": {"background": "sky.png"}},
        {"colorize": {"reference": ["sky.png@2"]}},
        {"bokeh": {"depth": "depth.png"}},
    ]
    caption, key, matte, colorize, bokeh = Recipe.make({"effects": steps}).located(tmp_path).effects
    assert caption.text == "film.png"
    assert key.background == str(tmp_path / "sky.png")
    assert matte.background == key.background
    assert colorize.reference == [f"{key.background}@2"]
    assert bokeh.depth == tmp_path / "depth.png"
    inputs = melies.Clip(None, (caption, key, matte, colorize, bokeh)).inputs()
    assert [path.name for path in inputs] == ["sky.png", "sky.png", "sky.png", "depth.png"]


def test_names_that_are_too_long_are_names_of_nothing():
    long = "x" * 300
    for step in (melies.Caption(text=long), melies.Key(background=long), melies.Colorize(reference=[long + "@1"])):
        assert melies.Clip(None, (step,)).inputs() == []
    with pytest.raises(UseError, match="There is no file"):
        melies.open(long + ".mp4")
    for step in (melies.Key(background=long), melies.Colorize(reference=[long]), melies.Caption(text="a", font=long)):
        with pytest.raises(UseError):
            step.output(melies.VideoSpec(64, 64, Fraction(25), Fraction(1, 25)))
