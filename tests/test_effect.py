"""Making effects in Python: what is wrong is said in one sentence, and nothing of pydantic is lost."""

import pickle

import pytest
from pydantic import Field, ValidationError, model_validator

import melies
from melies import effects, generators, train
from melies.effect import Effect
from melies.errors import MeliesError, UseError
from melies.media.synthetic import write_clip


class Tint(Effect):
    """Tint."""

    strength: float = Field(1, ge=0, le=1)
    colour: str = Field(alias="color")

    @model_validator(mode="after")
    def _no_grey(self):
        if self.colour == "grey":
            raise ValueError("grey tints nothing")
        return self


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"color": "red", "strength": 1e9}, "--strength 1000000000.0: should be less than or equal to 1."),
        ({"color": "red", "strenght": 1}, "has no option --strenght. Did you mean strength?"),
        ({"colr": "red"}, "needs the option --color."),
        ({"color": "grey"}, "grey tints nothing."),
    ],
)
@pytest.mark.parametrize("make", [Tint, Tint.model_validate], ids=["call", "validate"])
def test_a_wrong_option_is_a_use_error_however_it_is_given(options, sentence, make):
    with pytest.raises(UseError) as error:
        make(**options) if make is Tint else make(options)
    assert sentence in str(error.value)
    assert "pydantic" not in str(error.value)
    assert "\n" not in str(error.value)


def test_built_in_effects_and_generators_say_it_too():
    with pytest.raises(MeliesError, match=r"matte --feather 1000000000.0: should be .* See: melies effects matte"):
        melies.Matte(feather=1e9)
    with pytest.raises(UseError, match=r"bars --seed -3: should be greater than or equal to 0.$"):
        generators.find("bars")(seed=-3)


def test_json_copies_and_pickles_are_as_ever():
    tint = Tint(color="red", strength="0.5")
    assert Tint.model_validate_json(tint.model_dump_json(by_alias=True)) == tint
    assert pickle.loads(pickle.dumps(tint)) == tint
    assert tint.model_copy(update={"strength": 0.25}).strength == 0.25
    with pytest.raises(ValidationError):
        tint.strength = 1


def test_a_clip_takes_effects_and_nothing_else(tmp_path):
    clip = melies.open(write_clip(tmp_path / "film.mp4", frames=3))
    for wrong in ("matte", melies.Matte, None):
        with pytest.raises(UseError, match=r"is no effect. Give objects, such as melies.Matte\(\)"):
            clip.apply(wrong)
    with pytest.raises(UseError, match="threads must be at least 1, not 0"):
        clip.save(tmp_path / "out.mp4", threads=0)
    with pytest.raises(UseError, match=r"Saving has no option --qualty. Did you mean quality\?"):
        clip.save(tmp_path / "out.mp4", qualty=3)
    with pytest.raises(UseError, match="--quality 101: should be"):
        clip.save(tmp_path / "out.mp4", quality=101)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("upscale", {"scale": "2", "width": "400"}, "upscale: give either --scale, or --width and --height, not both."),
        ("caption", {"text": "a", "start": 3, "end": 2}, "caption: --end should be later than --start."),
        ("seamless", {"shortest": 9}, "seamless: --longest 6 should not be less than --shortest 9."),
        ("bokeh", {"near": "black"}, "bokeh: --near needs --depth: give a depth map,"),
        ("bokeh", {"focus_at": (0, 1)}, "bokeh: --focus-at needs --depth: give a depth map,"),
    ],
)
def test_options_that_do_not_go_together_are_named_as_typed(name, options, words):
    with pytest.raises(UseError) as caught:
        effects.find(name)(**options)
    assert str(caught.value).startswith(words)


def test_all_that_is_missing_is_named_at_once():
    with pytest.raises(UseError, match=r"^swap needs the options --out, --b\."):
        train.find("swap")(a="film.mp4")


@pytest.mark.parametrize("strength", [300, -1, "nan", "foo"])
def test_all_that_an_option_takes_is_named(strength):
    with pytest.raises(UseError, match=f"denoise --strength {strength!r}: should be auto, or a number from 0 to 100"):
        effects.find("denoise")(strength=strength)
