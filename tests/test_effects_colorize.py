"""`colorize` and what it is built from: real pictures whose colours are known, and what each step promises."""

import logging
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

import melies
from melies.colouring.carry import Motion, Track, between
from melies.colouring.chroma import chroma, join, luma
from melies.colouring.palette import palette
from melies.colouring.references import Place
from melies.colouring.shot import known
from melies.colouring.spread import Fit, spread
from melies.colouring.vote import suited, swatch, vote
from melies.effects.colorize import Colorize
from melies.errors import UseError
from melies.frame import Frame, VideoSpec
from melies.media.synthetic import write_clip

TICK = Fraction(1, 25)
BYTE = np.dtype(np.uint8)


def picture(name="astronaut", size=(96, 72)):
    return cv2.resize(getattr(data, name)(), size, interpolation=cv2.INTER_AREA)


def greyed(image):
    return join(luma(image), np.zeros_like(chroma(image)), image.dtype)


def moving(count, name="astronaut"):
    """A picture that drifts and grows."""
    image = picture(name, (120, 90))
    moves = [np.float32([[1 + k / 150, 0, -k - 8], [0, 1 + k / 150, -k / 2 - 8]]) for k in range(count)]
    return [cv2.warpAffine(image, move, (96, 72)) for move in moves]


def write(path, image):
    code = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
    cv2.imwrite(str(path), cv2.cvtColor(image, code))
    return str(path)


def coloured(*images, **options):
    height, width, channels = images[0].shape
    spec = VideoSpec(width, height, 1 / TICK, TICK, alpha=channels == 4)
    frames = [Frame(image.copy(), index, TICK, 1) for index, image in enumerate(images)]
    effect = Colorize(**options)
    assert effect.output(spec) == spec
    return [frame.image for frame in effect.apply(iter(frames), spec)]


def apart(found, truth):
    """Mean squared difference in colour."""
    return float(np.mean([np.square(chroma(a) - chroma(b)).mean() for a, b in zip(found, truth, strict=True)]))


def strokes(*lines, size=(96, 72)):
    image = np.zeros((size[1], size[0], 4), np.uint8)
    for x, y, length, colour in lines:
        image[y : y + 4, x : x + length] = (*colour, 255)
    return image


def halves():
    """Dark on the left, bright on the right, with a little grain."""
    grain = np.random.default_rng(1).normal(0, 2, (72, 96))
    level = np.where(np.arange(96) < 48, 70, 180) + grain
    return np.repeat(np.clip(level, 0, 255).astype(np.uint8)[..., None], 3, 2)


# --- the effect ------------------------------------------------------------------------------------


def test_a_picture_after_itself_gets_its_colours_back(tmp_path):
    image = picture()
    found = coloured(greyed(image), reference=[write(tmp_path / "own.png", image)])
    grey = apart([greyed(image)], [image])
    assert apart(found, [image]) < 0.2 * grey


def test_a_film_after_one_of_its_frames_gets_its_colours_and_keeps_them_steady(tmp_path):
    images = moving(16)
    greys = [greyed(image) for image in images]
    found = coloured(*greys, reference=[write(tmp_path / "one.png", images[4])])
    assert apart(found, images) < 0.15 * apart(greys, images)
    jumps = [np.abs(np.diff([chroma(i)[y, x] for i in found], axis=0)).max() for y, x in ((45, 40), (60, 70))]
    assert max(jumps) < 0.1


def test_colours_of_another_scene_neither_wax_nor_wane_from_key_frame_to_key_frame(tmp_path):
    grain = np.random.default_rng(0).normal(0, 6, (25, 72, 96, 1))
    shot = [np.clip(greyed(picture()) + one, 0, 255).astype(np.uint8) for one in grain]
    found = coloured(*shot, reference=[write(tmp_path / "other.png", picture("coffee"))])
    strong = [float(np.linalg.norm(chroma(image), axis=-1).mean()) for image in found]
    assert max(strong) / min(strong) < 1.15


@pytest.mark.parametrize("options", [{}, {"tint": "teal", "strength": 2}, {"reference": ["ref.png"], "strength": 2}])
def test_brightness_stays(tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "ref.png", picture("coffee"))
    grey = greyed(picture())
    (found,) = coloured(grey, **options)
    assert np.abs(luma(found) - luma(grey)).max() < 0.6 / 255
    assert np.abs(chroma(found)).max() > 0.05


def test_old_colours_count_for_nothing(tmp_path):
    image = picture()
    reference = write(tmp_path / "ref.png", picture("coffee"))
    faded = join(luma(image), chroma(image) * np.float32(0.3), BYTE)
    (a,), (b,) = coloured(greyed(image), reference=[reference]), coloured(faded, reference=[reference])
    assert np.abs(a.astype(int) - b).mean() < 1.5


def test_no_strength_is_black_and_white(tmp_path):
    (found,) = coloured(picture(), reference=[write(tmp_path / "ref.png", picture())], strength=0)
    assert np.abs(found.astype(int) - greyed(picture())).max() <= 1


def test_each_shot_takes_the_reference_that_suits_it(tmp_path):
    names = "astronaut", "coffee"
    references = [write(tmp_path / f"{name}.png", picture(name)) for name in names]
    for name in names:
        image = picture(name)
        assert apart(coloured(greyed(image), reference=references), [image]) < 0.2 * apart([greyed(image)], [image])


def test_unlike_references_are_left_out():
    pictures = [known(picture(name)) for name in ("astronaut", "coffee")]
    assert suited(pictures[1][0], pictures, 0.25) == [pictures[1]]


def test_strokes_fill_what_looks_the_same_and_stop_at_edges(tmp_path):
    painted = write(tmp_path / "s.png", strokes((20, 40, 20, (200, 40, 40)), (64, 20, 20, (40, 60, 220))))
    (found,) = coloured(halves(), scribbles=[painted])
    red, blue = (chroma(np.array([[c]], np.uint8))[0, 0] for c in ((200, 40, 40), (40, 60, 220)))
    left, right = chroma(found)[:, 4:42].reshape(-1, 2), chroma(found)[:, 54:92].reshape(-1, 2)
    assert np.percentile(left @ red / (red @ red), 5) > 0.5
    assert np.percentile(right @ blue / (blue @ blue), 5) > 0.4
    assert np.sign(left.mean(0)).tolist() == np.sign(red).tolist()


def test_strokes_later_in_a_shot_count_before_and_after(tmp_path):
    images = moving(8)
    greys = [greyed(image) for image in images]
    line = [
        (x, y, 12, tuple(int(v) for v in images[5][y + 2, x + 4])) for x in range(4, 84, 16) for y in range(4, 68, 8)
    ]
    path = write(tmp_path / "s.png", strokes(*line))
    found = coloured(*greys, scribbles=[f"{path}@0.2"])
    for index in (0, 5, 7):
        assert apart([found[index]], [images[index]]) < 0.5 * apart([greys[index]], [images[index]])


def test_strokes_correct_what_a_reference_makes_wrong(tmp_path):
    reference = np.dstack([halves()[..., 0]] * 3)
    reference[:, :48, 0] = 160
    reference[:, 48:, 2] = 60
    painted = write(tmp_path / "s.png", strokes((64, 20, 20, (60, 200, 80))))
    (found,) = coloured(halves(), reference=[write(tmp_path / "r.png", reference)], scribbles=[painted])
    assert chroma(found)[20:24, 66:82, 1].mean() < -0.1, "green where it was painted"
    assert chroma(found)[50:, 5:40, 1].mean() > 0.1, "red where it was not"


def test_a_shot_without_strokes_stays_as_it_is(tmp_path, caplog):
    path = write(tmp_path / "s.png", strokes((20, 40, 20, (200, 40, 40))))
    with caplog.at_level(logging.WARNING, "melies"):
        found = coloured(halves(), scribbles=[f"{path}@60"])
    assert np.array_equal(found[0], halves())
    assert "has no strokes" in caplog.text


def test_alpha_stays(tmp_path):
    image = np.dstack([picture(), np.arange(72 * 96).reshape(72, 96).astype(np.uint8)])
    (found,) = coloured(image, reference=[write(tmp_path / "r.png", picture())])
    assert np.array_equal(found[..., 3], image[..., 3])


# --- what is refused -------------------------------------------------------------------------------


def test_wrong_files_are_named(tmp_path):
    grey = write(tmp_path / "grey.png", greyed(picture()))
    solid = write(tmp_path / "solid.png", picture())
    empty = write(tmp_path / "empty.png", strokes())
    for options, words in (
        ({"reference": [grey]}, "grey.png is black and white"),
        ({"reference": [str(tmp_path / "none.png")]}, "none.png"),
        ({"scribbles": [solid]}, "solid.png cover the whole frame"),
        ({"scribbles": [empty]}, "no strokes in .*empty.png"),
    ):
        with pytest.raises(UseError, match=words):
            coloured(picture(), **options)


def test_times_past_the_end_and_other_proportions_are_refused(tmp_path):
    film = write_clip(tmp_path / "film.mkv", frames=5, codec="ffv1", size=(96, 72))
    painted = write(tmp_path / "s.png", strokes((20, 40, 20, (200, 40, 40))))
    wide = write(tmp_path / "wide.png", strokes((20, 40, 20, (200, 40, 40)), size=(128, 72)))
    spec = VideoSpec(96, 72, 1 / TICK, TICK, frames=25)
    Colorize(reference=[f"{film}@0.16"], scribbles=[f"{painted}@0.9"]).output(spec)
    for options, words in (
        ({"reference": [f"{film}@9999"]}, "comes after the end of .*film.mkv at 0.2 s"),
        ({"scribbles": [f"{painted}@50"]}, "after the clip's end at 1 s"),
        ({"scribbles": [wide]}, "wide.png are 128×72, but the clip is 96×72"),
    ):
        with pytest.raises(UseError, match=words):
            Colorize(**options).output(spec)


def test_a_tint_beside_references_is_refused():
    with pytest.raises(UseError, match="either --tint"):
        Colorize(tint="sepia", reference=["a.png"])
    with pytest.raises(UseError, match="--tint"):
        Colorize(tint="no such colour")


def test_a_time_may_stand_behind_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Place.parse("film.mp4@1:02.5") == Place(Path("film.mp4"), Fraction("62.5"))
    assert Place.parse("film.mp4") == Place(Path("film.mp4"), None)
    assert Place.parse("me@home.png") == Place(Path("me@home.png"), None)
    (tmp_path / "take@3").touch()
    assert Place.parse("take@3") == Place(Path("take@3"), None)


# --- the steps -------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.sampled_from([np.uint8, np.uint16]))
@settings(max_examples=15)
def test_colour_and_brightness_go_apart_and_together(seed, kind):
    image = np.random.default_rng(seed).integers(0, np.iinfo(kind).max + 1, (9, 7, 3)).astype(kind)
    again = join(luma(image), chroma(image), image.dtype)
    assert np.abs(again.astype(int) - image).max() <= 1


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_what_is_spread_lies_between_what_is_known(seed):
    random = np.random.default_rng(seed)
    bright, trust = random.random((30, 40), np.float32), np.zeros((30, 40), np.float32)
    colours = np.zeros((30, 40, 2), np.float32)
    for value in (-0.3, 0.4):
        y, x = random.integers(30), random.integers(40)
        colours[y, x], trust[y, x] = value, 100
    found = spread(bright, colours, trust)
    assert found.min() > -0.32
    assert found.max() < 0.42


def test_nothing_known_gives_no_colour():
    bright = picture()[..., 0].astype(np.float32) / 255
    assert np.abs(spread(bright, np.zeros((*bright.shape, 2), np.float32), np.zeros_like(bright))).max() < 1e-6


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_a_fit_finds_a_linear_relation_despite_what_is_not_trusted(seed):
    random = np.random.default_rng(seed)
    bright = random.random((30, 40), np.float32)
    values = np.dstack([0.5 * bright - 0.1, -0.2 * bright])
    trust = np.ones_like(bright)
    wrong = random.random(bright.shape) < 0.2
    values_seen = np.where(wrong[..., None], np.float32(5), values)
    trust[wrong] = 0
    assert np.allclose(Fit(bright, values_seen, trust, 4, 1e-6).at(bright), values, atol=0.02)


def test_a_palette_holds_rare_colours_too():
    colours = np.zeros((1000, 2), np.float32)
    colours[:20] = 0.3, -0.2
    centres, groups = palette(colours, 8)
    assert sorted(centres.round(3).tolist()) == [[0, 0], [pytest.approx(0.3), pytest.approx(-0.2)]]
    assert len(set(groups[:20])) == len(set(groups[20:])) == 1


def test_votes_find_the_colours_of_the_same_picture():
    bright, colours = known(picture())
    votes, found = vote(bright, swatch([(bright, colours)], 0.25), 0.25)
    assert np.allclose(votes.sum(-1), 1, atol=1e-4)
    assert np.square(found - colours).mean() < 0.05 * np.square(colours).mean()


def test_a_track_follows_what_moves():
    images = moving(7)
    brights = [luma(image) for image in images]
    motion, track = Motion(), Track(brights[0])
    for past, present in pairwise(brights):
        forth, back = motion.between(past, present)
        track.step(present, back, forth)
    moved = track.fetch(chroma(images[0]))
    good = track.trust > 0.5
    assert good.mean() > 0.6
    still = np.abs(chroma(images[0]) - chroma(images[-1]))[good].mean()
    assert np.abs(moved - chroma(images[-1]))[good].mean() < 0.3 * still


def test_frames_between_key_frames_pass_from_one_to_the_other():
    bright = luma(picture())
    still = [np.zeros((*bright.shape, 2), np.float32)] * 2
    first, last = np.zeros_like(still[0]), np.ones_like(still[0])
    middle = between([bright] * 5, [tuple(still)] * 4, first, last)
    assert [round(float(colours.mean()), 2) for colours, _ in middle] == [0.25, 0.5, 0.75]
    assert all(trust.min() > 0.9 for _, trust in middle)


def test_a_reference_with_a_time_is_among_the_files_that_are_not_overwritten(tmp_path: Path) -> None:
    film = write_clip(tmp_path / "film.mkv", frames=3, codec="ffv1", size=(48, 32))
    grey = write_clip(tmp_path / "grey.mkv", frames=3, codec="ffv1", size=(48, 32))
    clip = melies.open(grey).apply(melies.Colorize(reference=[f"{film}@0.04"]))
    assert film in clip.inputs()
    with pytest.raises(UseError):
        clip.save(film, overwrite=True)
