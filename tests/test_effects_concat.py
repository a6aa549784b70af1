"""concat, with real files."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

import melies
from melies import imaging
from melies.effects.concat import Concat
from melies.errors import UseError
from melies.media.synthetic import write_clip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("concat")
    plain = {"codec": "ffv1", "pix_fmt": "yuv444p"}
    write_clip(path / "own.mkv", size=(64, 48), frames=20, rate=25, sound=True, **plain)
    write_clip(path / "other.mkv", size=(48, 48), frames=15, rate=30, sound=True, **plain)
    write_clip(path / "mute.mkv", size=(64, 48), frames=10, rate=25, **plain)
    write_clip(path / "deep.mkv", size=(64, 48), frames=10, rate=25, codec="ffv1", pix_fmt="yuv444p10le")
    write_clip(path / "clear.mkv", size=(64, 48), frames=10, rate=25, codec="ffv1", pix_fmt="bgra")
    write_clip(
        path / "wobbly.mkv", size=(64, 48), frames=5, pts=[0, 33, 95, 140, 177], time_base=Fraction(1, 1000), **plain
    )
    return path


def joined(path, **options):
    """The frames of a clip after joining, checked against what was declared."""
    clip = melies.open(path).apply(Concat(**options))
    frames = list(clip.frames())
    assert clip.spec.frames in (None, len(frames))
    assert all(frame.image.shape == clip.spec.shape and frame.image.dtype == clip.spec.dtype for frame in frames)
    assert all(frame.time_base == clip.spec.time_base for frame in frames)
    assert all(a.pts + a.duration == b.pts for a, b in pairwise(frames))
    return frames, clip


def seconds(frame):
    return frame.pts * frame.time_base


@pytest.mark.parametrize("other", ["other.mkv", "mute.mkv", "deep.mkv", "clear.mkv", "wobbly.mkv"])
@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("own", ["own.mkv", "deep.mkv", "clear.mkv"])
def test_every_frame_of_both_comes_with_its_own_length(folder, own, other, before):
    first, second = (other, own) if before else (own, other)
    parts = [list(melies.open(folder / name).frames()) for name in (first, second)]
    frames, _ = joined(folder / own, **{"before" if before else "after": [folder / other]})
    lengths = [frame.duration * frame.time_base for part in parts for frame in part]
    assert [float(frame.duration * frame.time_base) for frame in frames] == pytest.approx([float(x) for x in lengths])
    mine = parts[1] if before else parts[0]
    kept = frames[len(parts[0]) :] if before else frames[: len(parts[0])]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(mine, kept, strict=True))
    assert frames[len(parts[0])].cut


def test_frame_times_are_exact_fractions(folder):
    frames, clip = joined(folder / "own.mkv", after=[folder / "mute.mkv"])
    assert [seconds(frame) for frame in frames] == [Fraction(i, 25) for i in range(30)]
    assert clip.spec.rate == 25
    assert not clip.spec.variable


def test_several_files_follow_each_other(folder):
    frames, _ = joined(folder / "mute.mkv", after=[folder / "mute.mkv"] * 3)
    assert len(frames) == 40
    assert [index for index, frame in enumerate(frames) if index and frame.cut] == [10, 20, 30]


def test_another_shape_gets_bars_or_is_cropped(folder):
    barred, _ = joined(folder / "own.mkv", after=[folder / "other.mkv"])
    assert not barred[-1].image[:, :7].any()
    cropped, _ = joined(folder / "own.mkv", after=[folder / "other.mkv"], fit="cover")
    assert cropped[-1].image[:, :7].any()


@pytest.mark.parametrize("other", ["mute.mkv", "other.mkv", "wobbly.mkv"])
def test_a_dissolve_overlaps_without_gap_or_jump(folder, other):
    plain, _ = joined(folder / "own.mkv", after=[folder / other])
    mixed, _ = joined(folder / "own.mkv", after=[folder / other], dissolve=0.2)
    end = seconds(mixed[-1]) + mixed[-1].duration * mixed[-1].time_base
    whole = seconds(plain[-1]) + plain[-1].duration * plain[-1].time_base
    others = list(melies.open(folder / other).frames())
    length = sum(frame.duration * frame.time_base for frame in others)
    assert end == whole - min(Fraction(1, 5), length)
    assert np.array_equal(mixed[14].image, plain[14].image)
    assert not np.array_equal(mixed[17].image, plain[17].image)
    # Frame 17 lies in the middle of the overlap: half of it is the other file's frame at 0.08 s.
    shown = next(frame for frame in reversed(others) if seconds(frame) <= Fraction(2, 25))
    fitted = imaging.fit(shown.image, 64, 48, "contain").astype(float)
    assert np.abs(mixed[17].image - (plain[17].image + fitted) / 2).max() <= 1


def heard(clip):
    blocks = list(clip.sound())
    at = 0
    for block in blocks:
        assert block.start == at
        at += len(block.samples)
    return np.concatenate([block.samples for block in blocks])


@pytest.mark.parametrize("before", [False, True])
def test_sound_is_joined_in_step_with_the_picture(folder, before):
    own = heard(melies.open(folder / "own.mkv"))
    other = heard(melies.open(folder / "other.mkv"))
    clip = melies.open(folder / "own.mkv").apply(Concat(**{"before" if before else "after": [folder / "other.mkv"]}))
    result = heard(clip)
    rate = 48000
    first, second, at = (other, own, 0.5) if before else (own, other, 0.8)
    split = round(at * rate)
    assert len(result) == round(1.3 * rate)
    assert np.array_equal(result[:split], first[:split])
    length = len(result) - split
    assert np.array_equal(result[split:], second[:length])


def test_silence_stands_in_for_missing_sound(folder):
    result = heard(melies.open(folder / "own.mkv").apply(Concat(after=[folder / "mute.mkv"])))
    assert len(result) == round(1.2 * 48000)
    assert not result[round(0.8 * 48000) :].any()
    blocks = Concat(after=[folder / "own.mkv"]).sound(iter(()), melies.open(folder / "mute.mkv").spec)
    late = np.concatenate([block.samples for block in blocks])
    assert len(late) == round(1.2 * 48000)
    assert not late[: round(0.4 * 48000)].any()
    assert late.any()


def test_sound_dissolves_with_the_picture(folder):
    result = heard(melies.open(folder / "own.mkv").apply(Concat(after=[folder / "mute.mkv"], dissolve=0.4)))
    plain = heard(melies.open(folder / "own.mkv"))
    assert len(result) == round(0.8 * 48000)
    half = round(0.6 * 48000)
    assert np.allclose(result[half], plain[half] / 2, atol=1e-3)


def test_a_missing_file_is_refused(folder):
    with pytest.raises(UseError, match=r"none\.mkv"):
        melies.open(folder / "own.mkv").apply(Concat(after=[folder / "none.mkv"])).spec  # noqa: B018


def test_files_on_both_sides(folder):
    frames, _ = joined(folder / "own.mkv", before=[folder / "mute.mkv"], after=[folder / "mute.mkv"])
    assert [index for index, frame in enumerate(frames) if index and frame.cut] == [10, 30]


def test_nothing_to_join_changes_nothing(folder):
    clip = melies.open(folder / "own.mkv")
    assert clip.apply(Concat()).spec == clip.spec
    assert not Concat().touches_sound


def test_a_silent_film_is_saved_with_the_sound_of_the_one_that_follows(folder, tmp_path):
    clip = melies.open(folder / "mute.mkv").apply(Concat(after=[folder / "own.mkv"]))
    assert folder / "own.mkv" in clip.inputs()
    saved = melies.open(clip.save(tmp_path / "joined.mkv", codec="ffv1"))
    assert len(list(saved.frames())) == 30
    result = heard(saved)
    assert not result[: round(0.35 * 48000)].any()
    assert result[round(0.5 * 48000) :].any()
