"""Flicker goes, and what really changes stays."""

import cv2
import numpy as np
import pytest

from melies.effects.deflicker import Deflicker
from melies.frame import Frame, VideoSpec
from melies.metrics import brightness_flicker, warp_error
from melies.restoring import ageing
from melies.restoring.flicker import Path
from melies.testing import run

SIZE = 128, 80


def scene(count=28, dtype=np.uint8, step=1):
    """A texture that drifts, with tones from dark to light."""
    noise = np.random.default_rng(5).random((SIZE[1], SIZE[0] + count * step, 3), np.float32)
    wide = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0.1, 0.8, cv2.NORM_MINMAX)
    white = np.iinfo(dtype).max
    return [np.rint(wide[:, i * step : i * step + SIZE[0]] * white).astype(dtype) for i in range(count)]


def steadied(images, **settings):
    spec = VideoSpec(*SIZE, 25, 1, depth=8 if images[0].dtype == np.uint8 else 16)
    frames = [Frame(image, index, 1, 1, cut=not index) for index, image in enumerate(images)]
    return [frame.image for frame in run(Deflicker(**settings), frames, spec)]


def spoilt(images, kind):
    if kind == "bands":
        return [ageing.bands(image, index) for index, image in enumerate(images)]
    return [ageing.flicker(image, index, colours=kind == "colours") for index, image in enumerate(images)]


@pytest.mark.parametrize(
    ("kind", "mode"), [("all", "gain"), ("all", "curve"), ("colours", "curve"), ("bands", "local")]
)
def test_flicker_is_at_least_halved(kind, mode):
    truth = scene()
    bad = spoilt(truth, kind)
    good = steadied(bad, mode=mode)
    assert warp_error(good, truth) < warp_error(bad, truth) / 2
    if kind != "bands":
        assert brightness_flicker(good) < brightness_flicker(bad) / 4


def test_ten_bit_and_deeper_keep_their_steps():
    bad = spoilt(scene(20, np.uint16), "all")
    good = steadied(bad)
    assert good[0].dtype == np.uint16
    assert brightness_flicker(good) < brightness_flicker(bad) / 4
    assert len(np.unique(good[3])) > 2000


def test_a_steady_film_hardly_changes():
    truth = scene()
    assert (
        max(np.abs(np.subtract(a, b, dtype=np.int16)).mean() for a, b in zip(steadied(truth), truth, strict=True)) < 1
    )


def test_half_the_strength_leaves_some():
    bad = spoilt(scene(16), "all")
    whole, half = (brightness_flicker(steadied(bad, strength=strength)) for strength in (1, 0.5))
    assert whole < half < brightness_flicker(bad)


def test_a_light_that_is_switched_on_stays_a_step():
    truth = [np.rint(image * (0.5 if index < 14 else 1)).astype(np.uint8) for index, image in enumerate(scene())]
    good = steadied([ageing.flicker(image, index, 0.04) for index, image in enumerate(truth)])
    means = np.array([a.mean() / b.mean() for a, b in zip(good, truth, strict=True)])
    assert np.abs(means / means.mean() - 1).max() < 0.08
    assert good[14].mean() > 1.7 * good[13].mean()


def test_a_fade_stays_a_fade():
    truth = [np.rint(image * (1 - 0.025 * index)).astype(np.uint8) for index, image in enumerate(scene())]
    good = steadied(truth)
    assert max(abs(a.mean() / b.mean() - 1) for a, b in zip(good, truth, strict=True)) < 0.05


def test_clipped_highlights_do_not_begin_to_flicker():
    truth = scene(16)
    for image in truth:
        image[:20] = 255
    bad = [ageing.flicker(image, index, 0.05) for index, image in enumerate(truth)]
    for image in bad:
        image[:20] = 255
    good = steadied(bad)
    tops = [image[:18].mean() for image in good]
    assert max(tops) - min(tops) < 3


def test_a_path_gives_as_many_corrections_as_it_got_changes():
    path = Path(4)
    dice = np.random.default_rng(0)
    found = [one for _ in range(30) for one in path.push(dice.normal(0, 0.1, 3))]
    assert len(found) == 30 - path.delay
    assert len(found + list(path.finish())) == 30


def test_a_shot_gone_on_with_gives_the_same_frames():
    """What `lead_in` promises: with so many frames before, nothing further back matters."""
    bad = spoilt(scene(36), "all")
    effect = Deflicker(window=7)
    begin = 24
    early = begin - effect.lead_in
    whole, part = (steadied(images, window=7) for images in (bad, bad[early:]))
    assert all(np.array_equal(a, b) for a, b in zip(whole[begin:], part[effect.lead_in :], strict=True))
