"""Dreams: the camera goes where Deforum's does, and gradients are those of the network."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from melies import models
from melies.dreaming import cppn, gradient
from melies.dreaming.ascent import Effort, ascend
from melies.dreaming.camera import Move, coloured_like, moved_flat, moved_in_space, noised
from melies.dreaming.cppn import Pattern
from melies.dreaming.guides import _text, of_parts
from melies.dreaming.prompts import Part
from melies.dreaming.schedule import warn_outside
from melies.dreaming.sheets import Going, Patterns
from melies.errors import UseError
from melies.footage import tagger
from melies.generators.dream import Dream


def scene(width: int = 96, height: int = 64) -> np.ndarray:
    """A smooth picture."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    waves = [np.sin(x / 7 + y / 11), np.cos(x / 9 - y / 5), np.sin(y / 6)]
    return np.stack(waves, -1).astype(np.float32) * 0.4 + 0.5


def centroid(picture: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    weights = picture.sum(-1)
    return np.array([(x * weights).sum(), (y * weights).sum()], np.float64) / float(weights.sum())


def test_a_camera_that_stands_still_changes_nothing() -> None:
    picture = scene()
    assert moved_flat(picture, Move()) is picture
    assert moved_in_space(picture, Move()) is picture
    assert noised(picture, 0, np.random.default_rng()) is picture
    assert coloured_like(picture, picture[::-1], "none") is picture


def test_translations_wrap_and_do_not_depend_on_the_size() -> None:
    picture = scene()
    right = moved_flat(picture, Move(translation=(16, -8, 0)))  # 64 pixels high: an eighth
    np.testing.assert_allclose(right, np.roll(picture, (2, -1), (1, 0)), atol=1e-4)


def test_zoom_and_angle_are_about_the_centre() -> None:
    picture = np.zeros((128, 128, 3), np.float32)
    picture[60:68, 92:100] = 1  # right of the centre by 32
    np.testing.assert_allclose(centroid(moved_flat(picture, Move(zoom=1.5))), [64 + 1.5 * 31.5, 63.25], atol=0.3)
    np.testing.assert_allclose(centroid(moved_flat(picture, Move(angle=90))), [63.5, 64 - 31.5], atol=0.6)
    kept = moved_flat(picture, Move(zoom=1.5, centre=(0.75, 0.5)))
    np.testing.assert_allclose(centroid(kept), [95.25, 63.25], atol=0.3)


@pytest.mark.parametrize(
    ("move", "way"),
    [
        (Move(translation=(10, 0, 0)), (1, 0)),
        (Move(translation=(0, 10, 0)), (0, 1)),
        (Move(rotation=(0, 4, 0)), (1, 0)),
        (Move(rotation=(4, 0, 0)), (0, 1)),
    ],
)
def test_space_has_the_axes_of_deforum(move: Move, way: tuple[int, int]) -> None:
    """Worked out by hand from its formula: (x, y, 1) @ R + T, seen through a lens of 70°."""
    picture = np.zeros((128, 128, 3), np.float32)
    picture[60:68, 60:68] = 1
    rx, ry = np.radians(move.rotation[:2])
    focus = 1 / np.tan(np.radians(35))
    shift = np.array([-move.translation[0] / 200 - np.tan(ry), move.translation[1] / 200 + np.tan(rx)]) * focus * 64
    found = centroid(moved_in_space(picture, move, "replicate")) - 63.5
    np.testing.assert_allclose(found, shift, atol=0.35)
    assert abs(shift @ np.array(way)) > 2


def test_forwards_makes_things_grow() -> None:
    picture = np.zeros((128, 128, 3), np.float32)
    picture[48:80, 48:80] = 1
    share = moved_in_space(picture, Move(translation=(0, 0, 20)), "mirror").mean() / picture.mean()
    focus = 1 / np.tan(np.radians(35))
    # A pixel is fetched from x - offset, where offset = focus × (x / 0.9 - x).
    assert share == pytest.approx((1 - focus * (1 / 0.9 - 1)) ** -2, rel=0.02)


@pytest.mark.parametrize("space", ["lab", "hsv", "rgb"])
def test_colours_become_those_of_the_first_picture(space: str) -> None:
    first = scene()
    drifted = np.clip(first * np.array([1.3, 0.8, 0.5], np.float32) + 0.05, 0, 1)
    kept = coloured_like(drifted, first, space)  # type: ignore[arg-type]
    assert kept.dtype == np.float32
    np.testing.assert_allclose(kept.mean((0, 1)), first.mean((0, 1)), atol=0.06)
    np.testing.assert_allclose(coloured_like(first, first, space), first, atol=0.01)  # type: ignore[arg-type]


def test_noise_is_as_strong_as_said() -> None:
    grey = np.full((64, 64, 3), 0.5, np.float32)
    assert noised(grey, 0.1, np.random.default_rng(1)).std() == pytest.approx(0.05, rel=0.05)


@pytest.mark.parametrize("which", ["kinds", "layer"])
def test_the_gradient_is_what_finite_differences_say(which: str) -> None:
    rng = np.random.default_rng(4)
    image = rng.normal(size=(1, 3, 64, 96)).astype(np.float32) / 2
    weights = np.zeros((1000, 1), np.float32)
    weights[[1, 7], 0] = 1, -0.5
    session, more = (gradient.kinds(), {"weights": weights}) if which == "kinds" else (gradient.layer(12), {})
    found = session.run({"image": image, **more})["gradient"]
    way = found / np.linalg.norm(found) + rng.normal(size=image.shape).astype(np.float32) / 400
    up, down = (float(session.run({"image": image + step * way, **more})["score"]) for step in (0.02, -0.02))
    assert (up - down) / 0.04 == pytest.approx(float((found * way).sum()), rel=0.05)


def test_the_network_with_a_way_back_judges_as_the_one_that_is_shipped() -> None:
    image = np.random.default_rng(5).normal(size=(1, 3, 64, 64)).astype(np.float32)
    chances = np.log(models.load(gradient.MODEL).run({"image": image})["chances"][0])
    columns = np.eye(1000, dtype=np.float32)[[3, 8, 200]][..., None]
    logits = [float(gradient.kinds().run({"image": image, "weights": column})["score"]) for column in columns]
    np.testing.assert_allclose(np.diff(logits), np.diff(chances[[3, 8, 200]]), atol=1e-3)


def test_a_dream_of_a_kind_is_taken_for_it() -> None:
    guide = of_parts([Part("goldfish", 1)], "class")
    grey = np.full((128, 192, 3), 0.5, np.float32)
    made = ascend(grey, guide, Effort(steps=10, rate=0.05, octaves=1, side=128), np.random.default_rng(1))
    before, after = (tagger.impression((one * 255).astype(np.uint8)).chances[1] for one in (grey, made))
    assert before < 0.01
    assert after > 0.15


def test_a_text_becomes_the_nearest_kinds(caplog: pytest.LogCaptureFixture) -> None:
    _text.cache_clear()
    weights = _text("a car that wins races")
    assert tagger.words()[int(weights.argmax())] in ("racer", "sports car")
    assert weights.sum() == pytest.approx(1)
    assert "not CLIP" in caplog.text
    with pytest.raises(UseError, match="goldfish"):
        of_parts([Part("goldfsh", 1)], "class")


def test_a_pattern_goes_where_its_gradient_says() -> None:
    """The way back through the network is what finite differences say, so steps towards a picture come nearer to it."""
    rng = np.random.default_rng(6)
    pattern, way = Pattern.random(rng), rng.standard_normal((64, 96, 3)).astype(np.float32)
    found = cppn._gradient(pattern.weights, (96, 64), (3, 2), way)
    unit = found / np.linalg.norm(found)
    up, down = (
        float(
            (pattern._replace(weights=pattern.weights + np.float32(step) * unit).picture((96, 64), (3, 2)) * way).sum()
        )
        for step in (0.003, -0.003)
    )
    assert (up - down) / 0.006 == pytest.approx(float(np.linalg.norm(found)), rel=0.02)
    wanted = scene()

    def towards(picture: np.ndarray, _: np.random.Generator) -> np.ndarray:
        return cv2.resize(wanted, picture.shape[1::-1]) - picture

    made = pattern.dreamt((96, 64), towards, Effort(30, 0.02, 1, 64), rng).picture((96, 64), (96, 64))
    before = pattern.picture((96, 64), (96, 64))
    assert np.square(made - wanted).mean() < 0.5 * np.square(before - wanted).mean()


def test_a_pattern_is_the_same_at_any_size_and_moves_as_pictures_do() -> None:
    patterns = Patterns((192, 128), np.random.default_rng(7))
    pattern = patterns.begin()
    small = pattern.picture((96, 64), (192, 128))
    np.testing.assert_allclose(
        cv2.resize(patterns.shown(pattern), (96, 64), interpolation=cv2.INTER_AREA), small, atol=0.02
    )
    move = Move(zoom=1.2, angle=10, translation=(30, -20, 0), centre=(0.4, 0.6))
    moved = patterns.shown(patterns.moved(pattern, Going(move), 1))
    pixels = moved_flat(patterns.shown(pattern), move)
    np.testing.assert_allclose(moved[30:-30, 40:-40], pixels[30:-30, 40:-40], atol=0.02)
    assert np.abs(moved - patterns.shown(pattern)).max() > 0.1


QUICK = {"size": "96x64", "fps": 10, "duration": 0.6, "steps": 2, "octaves": 1, "detail": 64, "strength": "0:(0.5)"}


def images(dream: Dream, since: Fraction = Fraction(0)) -> list[np.ndarray]:
    return [frame.image for frame in dream.frames(since)]


@pytest.mark.parametrize("space", ["fft", "cppn"])
def test_frames_do_not_depend_on_where_the_making_begins(space: str) -> None:
    dream = Dream(**QUICK, cadence=3, seed=5, space=space)
    whole = images(dream)
    assert len(whole) == 6
    assert np.array_equal(np.stack(whole[4:]), np.stack(images(dream, Fraction(4, 10))))
    assert not np.array_equal(whole[0], images(dream.model_copy(update={"seed": 6, "duration": 0.1}))[0])
    assert Dream.model_validate_json(dream.model_dump_json()) == dream


def test_it_never_ends_if_told_so_and_takes_seeds_from_a_schedule() -> None:
    options = {**QUICK, "seed_behaviour": "schedule", "seed_schedule": "0:(3), 2:(9)", "cadence": 1}
    ended = images(Dream(**options))
    endless = Dream(**{**options, "duration": "inf"})
    assert endless.spec.frames is None
    for image, frame in zip(ended, endless.frames(), strict=False):
        assert np.array_equal(image, frame.image)
    other = images(Dream(**{**options, "seed_schedule": "0:(4), 2:(9)"}))
    assert not np.array_equal(ended[0], other[0])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seed_schedule": "0:(3)"}, "nothing follows seed-schedule: take --seed-behaviour schedule"),
        ({"seed_behaviour": "schedule"}, "only counts up"),
        ({"prompts": "0: a boat", "layer": 3}, "nothing follows layer: take --guide layer"),
        ({"keep": 0.5}, "nothing follows keep: give it a film as --init"),
        ({"cutouts": 3}, "nothing follows cutouts: give it a --clip"),
        ({"strength": "0:(0.5), 3:(3)"}, "dream: strength is 1.33333 at frame 1, and is taken for 1 there"),
        ({"mode": "3d", "fov": "0:(70), 4:(0)"}, "dream: fov is 0 at frame 4, and is taken for 1 there"),
    ],
)
def test_what_is_given_in_vain_is_said_once(options: Any, said: str, caplog: pytest.LogCaptureFixture) -> None:
    warn_outside.cache_clear()
    dream = Dream(**{**QUICK, "steps": 0, **options})
    dream._warn_outside(dream.spec.frames)
    dream._warn_outside(dream.spec.frames)
    assert len(caplog.messages) == 1
    assert said in caplog.messages[0]


@pytest.mark.parametrize("text", ["0: ", "0: a boat | 8: ", '{"0": " "}'])
def test_a_prompt_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(UseError, match="what shall be seen is missing here"):
        Dream(**QUICK, prompts=text)


def test_the_camera_moves_and_reactions_reach_it() -> None:
    still = {**QUICK, "steps": 0, "noise": "0:(0)", "colours": "none", "zoom": "0:(1)"}
    rest = images(Dream(**still, cadence=1))
    assert all(np.array_equal(rest[0], image) for image in rest)
    turned = images(Dream(**still, cadence=1, react=["angle-by=90*frame"]))
    assert not np.array_equal(turned[1], rest[1])
    moved = images(Dream(**still, cadence=1, mode="3d", translation_x="0:(20)"))
    assert not np.array_equal(moved[3], rest[3])


def test_a_film_is_dreamt_over_along_its_motion(tmp_path: Path) -> None:
    """With nothing to dream, what is carried along a film that slides by stays that film."""
    wide = (scene(160, 64) * 255).astype(np.uint8)
    for index in range(5):
        cut = np.ascontiguousarray(wide[:, index * 4 : index * 4 + 96])
        assert cv2.imwrite(str(tmp_path / f"{index}.png"), cut[..., ::-1])
    still = {**QUICK, "steps": 0, "noise": "0:(0)", "colours": "none", "zoom": "0:(1)", "duration": 0.5, "fps": 25}
    made = images(Dream(**{**still, "duration": 0.2}, cadence=1, init=tmp_path))
    assert np.abs(made[4].astype(int) - wide[:, 16:112]).mean() < 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"zoom": "0:(1+)"}, r"\^"),
        ({"guide": "text"}, "needs prompts"),
        ({"prompts": '{"0": 1}'}, "texts by frame"),
    ],
)
def test_what_cannot_be_read_is_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(UseError, match=message):
        Dream(**options)
