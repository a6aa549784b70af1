"""What is heard, and numbers that follow it."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from pydantic import Field

import melies
from melies.effect import Effect, FrameEffect
from melies.engine.chain import run_effect
from melies.errors import UseError
from melies.frame import Frame, Image, VideoSpec
from melies.hearing.features import NAMES, listen
from melies.hearing.reaction import Reaction
from melies.hearing.shaping import PIPES, shaping


def write_wave(path: Path, samples: np.ndarray, rate: int = 8000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


@pytest.fixture(scope="module")
def clicks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """Clicks at odd times for five minutes."""
    rate, times = 8000, list(np.cumsum(np.random.default_rng(3).uniform(0.4, 1.1, 380)))
    times = [time for time in times if time < 299]
    samples = np.zeros(300 * rate, np.float32)
    for time in times:
        at = round(time * rate)
        samples[at : at + 40] = 0.9 * np.exp(-np.arange(40) / 8) * np.sign(np.sin(np.arange(40) * 2.5 + 0.1))
    return write_wave(tmp_path_factory.mktemp("sound") / "clicks.wav", samples, rate), times


class Dot(FrameEffect):
    """Write a number into every pixel."""

    level: float = Field(0.0, ge=0, le=1, description="how bright")

    def process(self, image: Image) -> Image:
        """Paint it."""
        return np.full_like(image, round(self.level * 255))


class Memory(Effect):
    """Count the frames of a run."""

    scope: ClassVar = "video"
    step: int = Field(1, ge=0, le=9, description="by how much")

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Count."""
        for count, frame in enumerate(frames):
            yield frame.with_image(np.full_like(frame.image, count * self.step))


def black(count: int, rate: Fraction) -> tuple[list[Frame], VideoSpec]:
    spec = VideoSpec(4, 4, rate, 1 / rate, frames=count)
    return [Frame(np.zeros((4, 4, 3), np.uint8), index, 1 / rate, 1) for index in range(count)], spec


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_every_click_is_a_peak_within_one_frame(clicks: tuple[Path, list[float]], rate: Fraction) -> None:
    path, times = clicks
    frames, spec = black(int(300 * rate), rate)
    effect = Dot(react=["level=onset"], audio=path)
    levels = np.array([int(frame.image[0, 0, 0]) for frame in run_effect(effect, iter(frames), spec)])
    for time in times:
        index = int(Fraction(time) * rate)
        near = levels[max(0, index - 8) : index + 9]
        assert abs(int(np.argmax(near)) - min(8, index)) <= 1, f"the click at {time:.3f} s"
        assert near.max() > 100


def test_bands_hear_what_is_theirs(tmp_path: Path) -> None:
    t = np.arange(3 * 24000) / 24000
    tones = np.concatenate([np.sin(2 * np.pi * hertz * t[:24000]) for hertz in (80, 800, 6000)])
    heard = listen(write_wave(tmp_path / "tones.wav", 0.5 * tones, 24000))
    rows = np.array([heard.row(name, Fraction(10))[:30] for name in ("bass", "mid", "high")])
    for band in range(3):
        middle = slice(10 * band + 3, 10 * band + 8)
        assert rows[band, middle].min() > 0.8
        assert np.delete(rows[:, middle], band, axis=0).max() < 0.2
    assert heard.seconds == 3


@pytest.mark.parametrize("samples", [np.zeros(8000), np.ones(4000) * 5, np.full(50, -1.0)])
def test_silence_clipping_and_moments_behave(tmp_path: Path, samples: np.ndarray) -> None:
    heard = listen(write_wave(tmp_path / "odd.wav", samples))
    for name in NAMES:
        row = heard.row(name, Fraction(25))
        assert np.isfinite(row).all()
        assert row.min() >= 0
        assert name == "tempo" or row.max() <= 1
        if not samples.any():
            assert name == "section_phase" or not row.any()


def test_no_sound_at_all_is_said(tmp_path: Path) -> None:
    empty = write_wave(tmp_path / "empty.wav", np.zeros(0))
    with pytest.raises(UseError, match=r"holds no sound|cannot be"):
        listen(empty)
    with pytest.raises(UseError, match="There is no sound file"):
        listen(tmp_path / "missing.wav")
    with pytest.raises(UseError, match=r"nothing for .* to listen to"):
        Reaction(Dot(react=["level=bass"]), Fraction(25))


@pytest.mark.parametrize("react", [(), ("level=t",), ("level=rms",)])
def test_a_wrong_audio_is_refused_at_once(tmp_path: Path, react: tuple[str, ...]) -> None:
    from melies import generators
    from melies.recipe import Recipe

    bars = generators.find("bars")
    silent = melies.Clip(bars(size="32x24", fps=10, duration=0.2)).save(tmp_path / "silent.mp4", threads=1)
    still = melies.Clip(bars(size="32x24", fps=10, duration=0.1)).save(tmp_path / "still.png", threads=1)
    before = sorted(tmp_path.iterdir())
    wrong = {"nope.wav": "There is no sound file", "": "is a folder", still.name: "no sound", silent.name: "no sound"}
    for name, said in wrong.items():
        audio = tmp_path / name
        with pytest.raises(UseError, match=said):
            melies.open(silent).apply(Dot(audio=audio, react=react))
        made = bars(size="32x24", fps=10, duration=1, audio=audio)
        with pytest.raises(UseError, match=said):
            melies.Clip(made).save(tmp_path / "out.mp4", threads=1)
        steps = [{"grade": {"audio": audio}}]
        recipe = Recipe.make({"input": silent, "output": tmp_path / "out.mp4", "effects": steps})
        with pytest.raises(UseError, match=said):
            recipe.write(threads=1)
    assert sorted(tmp_path.iterdir()) == before


def test_formulas_of_time_need_no_sound_and_bounds_are_kept() -> None:
    frames, spec = black(50, Fraction(25))
    made = list(run_effect(Dot(react=["level=t*2-1"]), iter(frames), spec))
    levels = [int(frame.image[0, 0, 0]) for frame in made]
    assert levels[:13] == [0] * 13
    assert levels[-1] == 255
    assert levels == sorted(levels)
    endless = Reaction(Dot(react=["level=abs(sin(t))"]), Fraction(25))
    assert endless.at(Fraction(1000)).level == pytest.approx(abs(np.sin(1000)))


def test_an_effect_with_memory_goes_on_while_nothing_changes() -> None:
    frames, spec = black(6, Fraction(25))
    made = list(run_effect(Memory(react=["step=where(frame < 3, 2, 3)"]), iter(frames), spec))
    assert [int(frame.image[0, 0, 0]) for frame in made] == [0, 2, 4, 0, 3, 6]


def test_what_decides_the_size_or_length_must_not_change() -> None:
    from melies import effects

    frames, spec = black(5, Fraction(25))
    for step in (effects.find("pad")(left=4, react=["left=4+frame"]), effects.find("speed")(react=["factor=1+t"])):
        with pytest.raises(UseError, match="must not change"):
            list(run_effect(step, iter(frames), spec))


@pytest.mark.parametrize(("name", "react"), [("toon", "levels=3+frame"), ("datamosh", "push=1+frame*0.1")])
def test_memory_outlives_changing_numbers(name: str, react: str) -> None:
    from melies import effects
    from melies.media.synthetic import picture

    spec = VideoSpec(64, 48, Fraction(25), Fraction(1, 25), frames=6)
    frames = [Frame(picture(64, 48, index), index, spec.time_base, 1, cut=index in (0, 3)) for index in range(6)]
    effect = effects.find(name)(react=[react])
    begun: list[int] = []
    apply = type(effect).apply

    def watched(self: Effect, given: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        begun.append(1)
        return apply(self, given, spec)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(effect), "apply", watched)
        steered = [frame.image for frame in run_effect(effect, iter(frames), spec)]
    assert not begun
    still = [frame.image for frame in run_effect(effects.find(name)(), iter(frames), spec)]
    assert len(steered) == len(still) == 6
    assert any((one != other).any() for one, other in zip(steered, still, strict=True))


@pytest.mark.parametrize(
    ("react", "said"),
    [
        (["levl=1"], "Did you mean level"),
        (["level"], r"PARAM=FORMULA; PARAM is one of level\. See"),
        (["level=1", "level=2"], "two formulas"),
        (["level=bas"], r"bass"),
        (["level=1+*2"], r"\^"),
        (["level=rms|smoth(1)"], "smooth"),
        (
            ["level=rms|smooth(1e9)"],
            r"smooth wants seconds \(0 to 600\), not 1e\+09:\n  level=rms\|smooth\(1e9\)\n {12}\^\nSee",
        ),
        (["level=rms|decay(-1)"], "decay wants seconds"),
        (["level=rms|delay(1/0)"], "delay wants seconds"),
        (["level=rms|smooth(t)"], "one number"),
        (["level=rms|decay"], "takes 1 number"),
        (["level=t&1"], "whole numbers"),
    ],
)
def test_wrong_reactions_are_pointed_at(react: list[str], said: str) -> None:
    with pytest.raises(UseError, match=said):
        Dot(react=react)


def test_how_long_a_film_is_cannot_follow_anything() -> None:
    from melies import generators

    Cppn = generators.find("cppn")  # noqa: N806 - a class
    with pytest.raises(UseError, match="duration cannot follow anything"):
        Cppn(react=["duration=t"])
    with pytest.raises(UseError) as refused:
        Cppn(react=["zom=t"])
    assert "duration" not in str(refused.value)
    with pytest.raises(UseError, match=r"\n  zoom=__import__\(1\)") as refused:
        Cppn(react=["zoom=__import__(1)"])
    assert "there is no function __import__:\n" in str(refused.value)


def test_shapes_do_what_they_say() -> None:
    row = np.zeros(100)
    row[50] = 1.0
    with shaping(25):
        assert np.argmax(PIPES["smooth"](row, 0.4)) == 50
        assert PIPES["smooth"](row, 0.4).sum() == pytest.approx(1)
        fallen = PIPES["decay"](row, 0.4)
        assert fallen[60] == pytest.approx(np.exp(-1))
        assert not fallen[:50].any()
        assert np.argmax(PIPES["delay"](row, 0.2)) == 55
        assert np.argmax(PIPES["delay"](row, -0.2)) == 45
        assert PIPES["range"](row, 0.4, 1.0)[50] == 1.0
        assert PIPES["range"](row, 0.4, 1.0)[0] == 0.4
        assert PIPES["sum"](np.ones(100))[-1] == pytest.approx(4.0)
        assert 0 < PIPES["attack"](row, 0.1)[50] < 1
        assert not PIPES["gate"](row, 2.0).any()
        # No window is longer than what there is, whatever is asked for.
        assert np.allclose(PIPES["smooth"](np.ones(100), 500), 1)
        assert not PIPES["delay"](row, 1e9).any()


def test_a_generator_follows_a_song_and_gets_it(tmp_path: Path) -> None:
    from melies import generators

    tune = write_wave(tmp_path / "tune.wav", 0.5 * np.sin(np.arange(12000)))
    bars = generators.find("bars")(size="64x48", fps=25, duration=1, audio=tune, react=["seed=0*rms"])
    film = melies.Clip(bars).save(tmp_path / "film.mkv", codec="ffv1", threads=1)
    made = melies.open(film)
    assert made.spec.sound
    assert len(list(made.frames())) == 25
    assert abs(sum(len(block.samples) / block.rate for block in made.sound()) - 1) < 0.05
    walk = generators.find("cppn")(size="32x24", fps=10, audio=tune)  # it has a field called path
    made = melies.open(melies.Clip(walk).save(tmp_path / "walk.mkv", codec="ffv1", threads=1))
    assert made.spec.sound
    assert len(list(made.frames())) == 15


def test_a_song_is_heard_to_its_end(tmp_path: Path) -> None:
    from melies import generators

    for samples, frames in ((8000, 10), (8001, 11), (8300, 11), (8799, 11)):
        tune = write_wave(tmp_path / f"{samples}.wav", 0.5 * np.sin(np.arange(samples)))
        bars = generators.find("bars")(size="32x24", fps=10, audio=tune)
        assert bars.spec.frames == frames
        assert sum(len(block.samples) for block in bars.sound()) == samples


def test_sound_that_is_no_number_is_silence(tmp_path: Path) -> None:
    from melies import generators

    samples = np.where(np.arange(8000) % 1000 < 500, np.float32(0.5), np.float32(np.nan))
    samples[3000] = np.inf
    path = tmp_path / "nan.wav"
    head = b"RIFF" + (36 + 4 * 8000).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    kind = b"\3\0\1\0" + (8000).to_bytes(4, "little") + (32000).to_bytes(4, "little") + b"\4\0\x20\0"
    path.write_bytes(head + kind + b"data" + (4 * 8000).to_bytes(4, "little") + samples.tobytes())
    bars = generators.find("bars")(size="32x24", fps=10, audio=path)
    film = melies.open(melies.Clip(bars).save(tmp_path / "film.mp4", threads=1))
    heard = np.concatenate([block.samples for block in film.sound()])
    assert np.isfinite(heard).all()
    assert 0.3 < heard.max() < 1


def test_what_a_bound_excludes_is_not_reached() -> None:
    from melies import generators

    silent = generators.find("cppn")(size="16x16", duration=1, fps=2, react=["zoom=0*t", "contrast=-t", "pace=0"])
    now = Reaction.of(silent, silent.spec).at(Fraction(0))
    assert min(now.zoom, now.contrast, now.pace) >= 1e-6
    assert next(silent.frames()).image.any()


def test_a_place_follows_where_the_size_is_given() -> None:
    from melies import effects

    frames, spec = black(5, Fraction(5))
    spec = spec.replace(width=16)
    frames = [frame.with_image(np.tile(np.arange(16, dtype=np.uint8)[:, None], (4, 1, 3))) for frame in frames]
    crop = effects.find("crop")
    moved = run_effect(crop(width=4, height=4, react=["x=10*t"]), iter(frames), spec)
    assert [int(frame.image[0, 0, 0]) for frame in moved] == [0, 2, 4, 6, 8]
    with pytest.raises(UseError, match=r"must not change\. Where a size is given"):
        list(run_effect(crop(react=["x=10*t"]), iter(frames), spec))


def test_what_was_cut_off_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from melies import generators
    from melies.engine import render
    from melies.media import encode

    tune = write_wave(tmp_path / "tune.wav", 0.5 * np.sin(np.arange(16000) / 3) * (np.arange(16000) % 2000 < 800))
    react = ["zoom=1 + rms | decay(0.3)", "angle=90*t", "seed=beat > 0.5"]
    cppn = generators.find("cppn")(size="32x24", fps=25, audio=tune, react=react)
    clip = melies.Clip(cppn).apply(melies.Grade(react=["exposure=onset | smooth(0.2)"]))
    monkeypatch.setattr(render, "SEGMENT", Fraction(1, 2))
    whole = clip.save(tmp_path / "whole.mkv", codec="ffv1", threads=1)
    add, left = encode.Encoder.add, [30]

    def dying(*given: Any) -> Any:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return add(*given)

    with monkeypatch.context() as patch:
        patch.setattr(encode.Encoder, "add", dying)
        with pytest.raises(KeyboardInterrupt):
            clip.save(tmp_path / "part.mkv", codec="ffv1", threads=1)
    assert list((tmp_path / "part.mkv.part").glob("0*"))
    left[0] = 25  # fewer than all, so that what was made is not made again
    monkeypatch.setattr(encode.Encoder, "add", dying)
    clip.save(tmp_path / "part.mkv", codec="ffv1", threads=1, resume=True)
    films = [[frame.image for frame in melies.open(path).frames()] for path in (whole, tmp_path / "part.mkv")]
    assert len(films[0]) == 50
    assert np.array_equal(np.stack(films[0]), np.stack(films[1]))
    assert len(np.unique(np.stack(films[0]).reshape(50, -1), axis=0)) > 40
