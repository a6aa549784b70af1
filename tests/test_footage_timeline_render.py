"""Timelines rendered: every frame and every sound is the original's, at its place."""

import json
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

import melies
from melies import cli
from melies.errors import UseError
from melies.footage import timeline as tl
from melies.footage.conform import conform, with_handles
from melies.footage.timeline import Cut, Timeline
from melies.media.reader import Reader
from melies.media.synthetic import SOUND_RATE, write_clip

RATE = Fraction(24000, 1001)


def f(frames):
    return Fraction(frames) / RATE


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Films whose every frame differs: one of them counts roughly, one is of another size, rate and length."""
    path = tmp_path_factory.mktemp("render")
    sound = {"sound": True, "sound_codec": "pcm_s16le"}
    write_clip(path / "a.mov", size=(64, 48), frames=90, rate=RATE, metadata={"timecode": "01:00:00:00"}, **sound)
    # A clock of 1/90000 s does not hold this rate exactly.
    write_clip(path / "b.ts", size=(64, 48), frames=90, rate=RATE, options={"bf": "0"})
    write_clip(path / "wide.mp4", size=(96, 32), frames=60, rate=50)
    write_clip(path / "beeps.mov", size=(64, 48), frames=90, rate=RATE, flash_at=[20, 50], **sound)
    return path


@pytest.fixture(scope="module")
def originals(folder):
    return {path.name: [frame.image for frame in melies.open(path).frames()] for path in folder.iterdir()}


def of(folder, *cuts, **others):
    """A timeline of cuts written as (file, first frame, frame after the last, frames of dissolve)."""
    made = tuple(
        Cut(folder / name if name else None, f(first), f(stop), RATE, dissolve=f(melts))
        for name, first, stop, melts in cuts
    )
    return Timeline("cut", RATE, made, **others)


def same(frames, pictures):
    assert len(frames) == len(pictures)
    assert [frame.pts for frame in frames] == list(range(len(frames)))
    assert all(np.array_equal(a.image, b) for a, b in zip(frames, pictures, strict=True))


def test_every_frame_is_the_one_that_was_chosen(folder, originals):
    a, b = originals["a.mov"], originals["b.ts"]
    frames = list(conform(of(folder, ("a.mov", 30, 47, 0), ("b.ts", 7, 30, 0), ("a.mov", 0, 12, 0))).frames())
    same(frames, [*a[30:47], *b[7:30], *a[:12]])
    assert [frame.pts for frame in frames if frame.cut] == [0, 17, 40]


def test_a_dissolve_mixes_what_plays_on_with_what_begins(folder, originals):
    a, b = originals["a.mov"], originals["b.ts"]
    frames = list(conform(of(folder, ("a.mov", 10, 20, 0), ("b.ts", 40, 60, 8))).frames())
    same(frames[:10], a[10:20])
    for index in range(8):
        share = (index + 0.5) / 8
        mixed = share * b[40 + index].astype(float) + (1 - share) * a[20 + index]
        assert np.abs(frames[10 + index].image - mixed).max() <= 0.51
    assert all(np.array_equal(frame.image, b[48 + index]) for index, frame in enumerate(frames[18:]))


def test_it_fades_from_and_to_black(folder, originals):
    a = originals["a.mov"]
    frames = list(conform(of(folder, ("a.mov", 10, 20, 4), (None, 0, 6, 4))).frames())
    light = [frame.image.mean() for frame in frames]
    assert light[0] == pytest.approx(a[10].mean() / 8, rel=0.05)
    assert light[10] == pytest.approx(a[20].mean() * 7 / 8, rel=0.05)
    assert light[14:] == [0, 0]


@pytest.mark.parametrize("since", [0, 1, 16, 17, 21, 25, 39])
@pytest.mark.parametrize("lead_in", [0, 3])
def test_it_begins_anywhere_with_the_same_frames(folder, since, lead_in):
    source = conform(of(folder, ("a.mov", 30, 47, 0), ("b.ts", 7, 30, 8))).source
    whole = list(source.frames())
    part = list(source.frames(f(since), lead_in))
    first = max(0, since - lead_in)
    assert [frame.pts for frame in part] == list(range(first, 40))
    assert [frame.cut for frame in part] == [frame.cut for frame in whole[first:]]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(part, whole[first:], strict=True))


def test_a_film_of_another_shape_gets_bars_and_keeps_its_time(folder, originals):
    start = Fraction(1, 5)
    cuts = Cut(folder / "a.mov", f(0), f(5), RATE), Cut(folder / "wide.mp4", start, start + f(10), Fraction(50))
    made = Timeline("x", RATE, cuts)
    frames = list(conform(made).frames())[5:]
    wide = originals["wide.mp4"]
    for index, frame in enumerate(frames):
        assert frame.image.shape == (48, 64, 3)
        assert not frame.image[:13].any()
        assert not frame.image[35:].any()
        # Which of its frames is shown at that moment?
        small = [melies.imaging.resize(picture, 64, 21) for picture in wide]
        nearest = int(np.argmin([np.abs(one.astype(int) - frame.image[13:34]).mean() for one in small]))
        assert nearest == int((Fraction(1, 5) + f(index)) * 50 + Fraction(1, 4))


def test_the_size_can_be_chosen(folder):
    made = of(folder, ("a.mov", 0, 5, 0))
    assert conform(made, width=128).spec.shape == (96, 128, 3)
    assert conform(made, height=24).spec.shape == (24, 32, 3)
    clip = conform(made, width=96, height=48)
    image = next(clip.frames()).image
    assert image.shape == (48, 96, 3)
    assert not image[:, :16].any()
    assert image[:, 16:80].any()


def heard(timeline):
    blocks = list(conform(timeline).sound())
    assert all(a.start + len(a.samples) == b.start for a, b in pairwise(blocks))
    return np.concatenate([block.samples for block in blocks])[:, 0], blocks[0].rate


def test_sound_stays_in_step(folder):
    # The beep begins with frame 20 of its film: here 12 frames after the second cut, and again in the third.
    made = of(folder, ("b.ts", 0, 10, 0), ("beeps.mov", 8, 40, 0), ("beeps.mov", 45, 60, 0))
    samples, rate = heard(made)
    assert len(samples) == round(f(57) * rate)
    loud = np.abs(samples) > 0.1
    starts = np.flatnonzero(loud & ~np.concatenate([[False], loud[:-1]]))
    groups = starts[np.diff(starts, prepend=-rate) > rate // 20]
    assert groups / rate == pytest.approx([float(f(10 + 12)), float(f(42 + 5))], abs=1e-3)


def test_sound_does_not_click_at_cuts(folder):
    # The hum is in any phase where it is cut; what it may do from one sample to the next is known.
    steepest = 0.1 * 2 * np.pi * 440 / SOUND_RATE
    cuts = [("a.mov", 3 + 7 * n, 8 + 7 * n, 0) for n in range(8)]
    samples, _ = heard(of(folder, *cuts))
    assert np.abs(np.diff(samples[500:])).max() < steepest + 0.2 / 240 + 1e-3
    parts = [np.arange(*(round(float(f(n)) * SOUND_RATE) for n in cut[1:3])) for cut in cuts]
    joined = 0.1 * np.sin(2 * np.pi * 440 * np.concatenate(parts) / SOUND_RATE)
    assert np.abs(np.diff(joined)).max() > 5 * steepest, "the hum should break where it is simply joined"


def test_a_film_cut_in_two_sounds_like_the_whole(folder):
    whole, _ = heard(of(folder, ("a.mov", 5, 60, 0)))
    halves, _ = heard(of(folder, ("a.mov", 5, 31, 0), ("a.mov", 31, 60, 0)))
    assert np.allclose(whole, halves, atol=1e-4)


def test_a_mute_cut_is_silent_and_music_makes_room(folder, tmp_path):
    loud = of(folder, ("a.mov", 0, 20, 0))
    mute = replace(loud, cuts=(*loud.cuts, replace(loud.cuts[0], sound=False)))
    samples, rate = heard(mute)
    middle = round(f(20) * rate)
    assert np.abs(samples[:middle]).max() > 0.05
    assert not samples[middle + rate // 100 :].any()
    quiet = Cut(folder / "b.ts", f(0), f(40), RATE)
    samples, rate = heard(Timeline("x", RATE, (quiet, *loud.cuts), folder / "beeps.mov", f(10)))
    beep = samples[round(f(10) * rate) :][: rate // 20]
    assert np.abs(beep).max() == pytest.approx(0.5, abs=0.02)
    # The second comes at frame 40, with the hum, and is much softer.
    rms = [np.sqrt(np.mean(samples[round(f(at) * rate) :][: rate // 20] ** 2)) for at in (10, 41)]
    assert rms[1] < 0.9 * rms[0]


def test_a_film_that_is_too_short_stands_still_and_that_is_said(folder, originals, caplog):
    made = of(folder, ("a.mov", 80, 95, 0))
    frames = list(conform(made).frames())
    assert "too early" in caplog.text
    assert len(frames) == 15
    assert all(np.array_equal(frame.image, originals["a.mov"][-1]) for frame in frames[9:])


def test_handles_are_added_where_there_are_some(folder):
    made = tl.completed(of(folder, ("a.mov", 2, 20, 0), (None, 0, 5, 0), ("b.ts", 40, 89, 6)))
    longer = with_handles(made, f(5))
    assert [(cut.start, cut.end, cut.dissolve) for cut in longer.cuts] == [(0, f(25), 0), (f(35), f(90), 0)]


def test_a_timeline_goes_out_comes_back_changed_and_is_rendered(folder, originals, tmp_path, capsys):
    """Shots to OTIO, changed with OpenTimelineIO as an editing program would, rendered by the command."""
    otio = pytest.importorskip("opentimelineio", reason="the extra melies[footage] is not installed")
    made = of(folder, ("a.mov", 10, 30, 0), ("b.ts", 5, 45, 0), ("a.mov", 50, 80, 0))
    path = tl.export(made, tmp_path / "cut.otio")
    changed = otio.adapters.read_from_file(str(path))
    track = changed.video_tracks()[0]
    clips = [track.pop(0) for _ in range(3)]
    span = clips[1].source_range
    clips[1].source_range = otio.opentime.TimeRange(
        span.start_time + otio.opentime.RationalTime(4, span.start_time.rate),
        otio.opentime.RationalTime(9, span.start_time.rate),
    )
    track.extend([clips[2], clips[1], clips[0]])
    otio.adapters.write_to_file(changed, str(path))
    with pytest.raises(SystemExit) as left:
        cli.main(["render", str(path), str(tmp_path / "out.mkv"), "--codec", "ffv1", "--json"])
    assert not left.value.code
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["event"] == "done"
    a, b = originals["a.mov"], originals["b.ts"]
    frames = list(melies.open(tmp_path / "out.mkv").frames())
    assert len(frames) == 59
    assert all(np.array_equal(x.image, y) for x, y in zip(frames, [*a[50:80], *b[9:18], *a[10:30]], strict=True))
    assert Reader(tmp_path / "out.mkv").spec.rate == RATE


@pytest.mark.parametrize("ending", tl.ENDINGS)
def test_all_formats_render_alike(folder, tmp_path, ending):
    made = of(folder, ("a.mov", 10, 20, 0), ("b.ts", 40, 60, 8), (None, 0, 6, 4))
    pictures = [frame.image for frame in conform(made).frames()]
    same(list(conform(tl.read(tl.export(made, tmp_path / f"x{ending}"))).frames()), pictures)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.otio", "out.mp4"], "There is no file none.otio"),
        (["cut.txt", "out.mp4"], "should end in"),
        (["cut.edl", "out.xyz"], "out.xyz"),
        (["cut.edl", "there.mp4"], "exists already"),
        (["cut.edl", "out.mp4", "--rate", "fast"], "--rate 'fast' should be a rate"),
        (["cut.edl", "out.mp4", "--width", "1"], "--width"),
        (["lost.edl", "out.mp4"], "gone.mov is missing. Say where to look with --media"),
    ],
)
def test_what_cannot_be_rendered_is_said(folder, tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    tl.export(of(folder, ("a.mov", 10, 20, 0)), "cut.edl")
    (tmp_path / "lost.edl").write_text(
        "001  A  V  C  01:00:00:10 01:00:00:20 01:00:00:00 01:00:00:10\n* FROM FILE: /no/gone.mov\n"
    )
    (tmp_path / "there.mp4").write_text("mine")
    with pytest.raises(SystemExit) as left:
        cli.main(["render", *words])
    assert left.value.code == 2
    assert said in capsys.readouterr().err
    assert (tmp_path / "there.mp4").read_text() == "mine"
    assert not (tmp_path / "out.mp4").exists()


def test_an_empty_timeline_is_no_clip():
    with pytest.raises(UseError, match="no film"):
        conform(Timeline("x", RATE, (Cut(None, Fraction(0), f(5), RATE),)))


def test_only_the_same_cut_is_resumed(folder):
    made = of(folder, ("a.mov", 10, 20, 0), ("b.ts", 40, 60, 8))
    same_again = of(folder, ("a.mov", 10, 20, 0), ("b.ts", 40, 60, 8))
    shorter = of(folder, ("a.mov", 10, 19, 0), ("b.ts", 40, 60, 8))
    assert conform(made).identity() == conform(same_again).identity()
    assert conform(made).identity() != conform(shorter).identity()
    assert conform(made).identity() != conform(made, width=32).identity()
    assert len(conform(made).identity()["files"]) == 2
