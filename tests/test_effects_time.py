"""speed, reverse, loop and fade."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from melies.effects._tempo import _Tempo
from melies.effects.fade import Fade
from melies.effects.loop import Loop
from melies.effects.reverse import Reverse
from melies.effects.speed import Speed
from melies.frame import Frame, Sound, VideoSpec
from melies.media.synthetic import picture

TICK = Fraction(1, 1000)
RATE = 8000


def clip(durations, *, depth=8, alpha=False, cuts=(0,), size=(17, 11)):
    """Frames that last `durations` ticks of a millisecond, and their spec."""
    frames, at = [], 0
    for index, duration in enumerate(durations):
        image = picture(*size, index, depth=depth, alpha=alpha)
        frames.append(Frame(image, at, TICK, duration, cut=index in cuts))
        at += duration
    rate = Fraction(1000 * len(durations), at)
    spec = VideoSpec(*size, rate, TICK, len(set(durations)) > 1, depth, alpha, frames=len(durations), sound=True)
    return frames, spec


def sound(seconds, channels=2):
    """A ramp that says at which sample one is, in uneven blocks."""
    count = round(seconds * RATE)
    samples = np.repeat(np.arange(count, dtype=np.float32)[:, None] / count, channels, 1)
    return [Sound(samples[i : i + 777], RATE, i) for i in range(0, count, 777)]


def heard(effect, blocks, spec):
    parts = list(effect.sound(iter(blocks), spec))
    at = 0
    for part in parts:
        assert part.start == at
        assert part.rate == RATE
        assert part.samples.dtype == np.float32
        at += len(part.samples)
    return np.concatenate([part.samples for part in parts]) if parts else np.zeros((0, 2))


def times(frames):
    return [(frame.pts * frame.time_base, frame.duration * frame.time_base) for frame in frames]


def seamless(frames):
    return all(a.pts + a.duration == b.pts for a, b in itertools.pairwise(frames))


DURATIONS = [[40] * 6, [10, 70, 33, 41, 5], [40], [40, 40]]
KINDS = [(8, False), (8, True), (10, False), (16, True)]


@pytest.mark.parametrize("durations", DURATIONS)
@pytest.mark.parametrize("effect", [Speed(), Loop(times=1), Fade(fade_in=0, fade_out=0)])
def test_settings_that_change_nothing_return_the_same_frames(effect, durations):
    frames, spec = clip(durations)
    assert list(effect.apply(iter(frames), spec)) == frames
    assert effect.output(spec) == spec
    assert not effect.touches_sound


@pytest.mark.parametrize("durations", DURATIONS)
@pytest.mark.parametrize("factor", [0.05, 0.3, 1.5, 2, 20])
def test_speed_scales_time_exactly(factor, durations):
    frames, spec = clip(durations)
    effect = Speed(factor=factor)
    out = list(effect.apply(iter(frames), spec))
    exact = Fraction(str(factor))
    assert times(out) == [(begin / exact, last / exact) for begin, last in times(frames)]
    assert effect.output(spec).time_base == out[0].time_base
    assert effect.output(spec).rate == spec.rate * exact
    assert all(a.image is b.image for a, b in zip(frames, out, strict=True))


@pytest.mark.parametrize("pitch", ["keep", "shift"])
@pytest.mark.parametrize("factor", [0.5, 1.1, 3])
def test_speed_takes_sound_along(factor, pitch):
    seconds = 2
    tone = np.sin(2 * np.pi * 440 * np.arange(seconds * RATE) / RATE)[:, None].astype(np.float32)
    tone[RATE : RATE + RATE // 2] = 0
    blocks = [Sound(tone[i : i + 1000], RATE, i) for i in range(0, len(tone), 1000)]
    _, spec = clip([40] * 50)
    result = heard(Speed(factor=factor, pitch=pitch), blocks, spec)
    assert len(result) == round(seconds * RATE / Fraction(str(factor)))
    spectrum = np.abs(np.fft.rfft(result[: int(RATE / factor), 0] * np.hanning(int(RATE / factor))))
    pitch_now = spectrum.argmax() * factor
    assert pitch_now == pytest.approx(440 if pitch == "keep" else 440 * factor, rel=0.02)
    quiet = np.flatnonzero(np.abs(result[:, 0]) < 0.01)
    middle = np.median(quiet[(quiet > len(result) * 0.4)]) / RATE * factor
    assert middle == pytest.approx(1.25, abs=0.05)


@pytest.mark.parametrize("factor", [0.05, 0.25, 0.37, 0.5, 0.8, 1.5, 2, 5])
@pytest.mark.parametrize("background", [0, 0.03])
def test_beeps_stay_with_their_pictures(factor, background):
    when = np.arange(2 * RATE) / RATE
    tone = background * np.sin(2 * np.pi * 220 * when)
    onsets = [0.3, 0.7, 1.01, 1.5]
    for onset in onsets:
        beep = (when >= onset) & (when < onset + 0.1)
        tone[beep] += 0.5 * np.sin(2 * np.pi * 1000 * (when[beep] - onset))
    tone = np.repeat(tone[:, None], 2, 1).astype(np.float32) * [1, -1]
    blocks = [Sound(tone[i : i + 777].astype(np.float32), RATE, i) for i in range(0, len(tone), 777)]
    result = np.abs(heard(Speed(factor=factor), blocks, clip([40] * 50)[1])[:, 0]) > 0.15
    assert len(result) == round(2 * RATE / Fraction(factor).limit_denominator(1000))
    for onset in onsets:
        first, last = (round((onset + away) / factor * RATE) for away in (-0.15, 0.15))
        beep = np.flatnonzero(result[first:last]) + first
        assert beep[0] / RATE == pytest.approx(onset / factor, abs=0.02)
        assert beep[-1] / RATE == pytest.approx((onset + 0.1) / factor, abs=0.02)


def test_another_tempo_needs_no_more_memory_for_longer_sound():
    blocks = (np.zeros((RATE, 2), np.float32) for _ in range(60))
    tempo = _Tempo(RATE, Fraction(1, 2))
    most = max(len(tempo._held) for _ in tempo.play(blocks))
    assert most < 4 * RATE


@pytest.mark.parametrize("durations", DURATIONS)
@pytest.mark.parametrize(("depth", "alpha"), KINDS)
def test_reverse_turns_frames_and_their_lengths_around(durations, depth, alpha):
    frames, spec = clip(durations, depth=depth, alpha=alpha)
    out = list(Reverse().apply(iter(frames), spec))
    assert seamless(out)
    assert out[0].pts == 0
    assert [frame.duration for frame in out] == durations[::-1]
    for one, other in zip(out, frames[::-1], strict=True):
        assert np.array_equal(one.image, other.image)
        assert one.image.dtype == other.image.dtype


def test_reverse_moves_the_cuts_to_where_shots_now_begin():
    frames, spec = clip([40] * 7, cuts=(0, 3, 5))
    out = list(Reverse().apply(iter(frames), spec))
    assert [frame.cut for frame in out] == [True, False, True, False, True, False, False]


def test_reverse_twice_is_the_clip_itself():
    frames, spec = clip(DURATIONS[1], cuts=(0, 2))
    out = list(Reverse().apply(Reverse().apply(iter(frames), spec), spec))
    assert times(out) == times(frames)
    assert [frame.cut for frame in out] == [frame.cut for frame in frames]


@pytest.mark.parametrize("seconds", [1, 0.9, 1.1])
def test_reverse_turns_sound_around_the_picture(seconds):
    _, spec = clip([40] * 25)
    result = heard(Reverse(), sound(seconds), spec)
    assert len(result) == RATE
    whole = np.concatenate([block.samples for block in sound(seconds)])
    whole = np.pad(whole, ((0, max(0, RATE - len(whole))), (0, 0)))[:RATE]
    assert np.array_equal(result, whole[::-1])


@pytest.mark.parametrize("durations", DURATIONS)
@pytest.mark.parametrize("boomerang", [False, True])
@pytest.mark.parametrize("times_", [1, 3])
def test_loop_repeats(durations, boomerang, times_):
    frames, spec = clip(durations)
    effect = Loop(times=times_, boomerang=boomerang)
    out = list(effect.apply(iter(frames), spec))
    order = list(range(len(frames)))
    order = (order + (order[-2:0:-1] if boomerang else [])) * times_
    assert len(out) == len(order) == effect.output(spec).frames
    assert seamless(out)
    for frame, index in zip(out, order, strict=True):
        assert np.array_equal(frame.image, frames[index].image)
        assert frame.duration == frames[index].duration


def test_loop_cuts_where_it_jumps_but_not_where_it_turns():
    frames, spec = clip([40] * 4, cuts=(0, 2))
    plain = [frame.cut for frame in Loop(times=2).apply(iter(frames), spec)]
    assert plain == [True, False, True, False] * 2
    turned = [frame.cut for frame in Loop(times=2, boomerang=True).apply(iter(frames), spec)]
    assert turned == [True, False, True, False, False, True, False, False, True, False, False, True]


def test_loop_keeps_sound_as_long_as_the_picture():
    frames, spec = clip([40] * 25)
    result = heard(Loop(times=3), sound(0.98), spec)
    assert len(result) == 3 * RATE
    assert np.array_equal(result[:RATE], result[RATE : 2 * RATE])
    effect = Loop(boomerang=True, times=2)
    out = list(effect.apply(iter(frames), spec))
    result = heard(effect, sound(1), spec)
    assert len(result) == sum(frame.duration for frame in out) * RATE // 1000
    assert np.array_equal(result[RATE : RATE + 100], result[RATE - 420 : RATE - 320][::-1])


@pytest.mark.parametrize(("depth", "alpha"), KINDS)
def test_fade_goes_from_black_to_black(depth, alpha):
    frames, spec = clip([100] * 20, depth=depth, alpha=alpha)
    effect = Fade(fade_in=0.5, fade_out=0.5)
    out = list(effect.apply(iter(frames), spec))
    assert times(out) == times(frames)
    assert not out[0].image[..., :3].any()
    assert not out[-1].image[..., :3].any()
    assert all(out[i] is frames[i] for i in range(5, 15))
    if not alpha:
        half = frames[2].image * 0.4
        assert np.abs(out[2].image - half).max() <= 1 + spec.white * 1e-6


def test_fade_to_transparent_keeps_colours():
    frames, spec = clip([100] * 20)
    effect = Fade(fade_in=1, fade_out=0, colour="transparent")
    assert effect.output(spec).alpha
    out = list(effect.apply(iter(frames), spec))
    assert [int(frame.image[0, 0, 3]) for frame in out[:11]] == [round(25.5 * i) for i in range(11)]
    assert all(np.array_equal(a.image[..., :3], b.image) for a, b in zip(out, frames, strict=True))


def test_fades_longer_than_the_clip_meet():
    frames, spec = clip([100] * 5)
    out = list(Fade(fade_in=10, fade_out=10).apply(iter(frames), spec))
    assert len(out) == 5
    assert not out[-1].image.any()


def test_fade_holds_what_does_not_fit_in_memory_on_disk(monkeypatch):
    from melies.effects import _shelf, fade

    monkeypatch.setattr(fade, "Delay", lambda: _shelf.Delay(budget=2000))
    frames, spec = clip([100] * 30)
    effect = Fade(fade_in=0, fade_out=1)
    images = [frame.image for frame in effect.apply(iter(frames), spec)]
    monkeypatch.undo()
    expected = [frame.image for frame in effect.apply(iter(frames), spec)]
    assert all(np.array_equal(a, b) for a, b in zip(images, expected, strict=True))


def test_fade_takes_sound_along():
    _, spec = clip([40] * 50)
    ones = [Sound(np.ones((100, 2), np.float32), RATE, i) for i in range(0, 2 * RATE, 100)]
    result = heard(Fade(fade_in=0.5, fade_out=1), ones, spec)[:, 0]
    assert len(result) == 2 * RATE
    assert result[0] == 0
    assert result[-1] == 0
    assert result[RATE // 4] == pytest.approx(0.5, abs=0.01)
    assert result[RATE * 3 // 2] == pytest.approx(0.5, abs=0.01)
    assert (result[RATE // 2 : RATE - 1] == 1).all()
    assert not Fade(fade_sound=False).touches_sound


def test_no_sound_stays_none():
    _, spec = clip([40] * 5)
    for effect in (Speed(factor=2), Reverse(), Loop(), Fade()):
        assert list(effect.sound(iter(()), spec)) == []


def test_no_frames_stay_none():
    _, spec = clip([40] * 5)
    for effect in (Speed(factor=2), Reverse(), Loop(boomerang=True), Fade()):
        assert list(effect.apply(iter(()), spec)) == []
