from fractions import Fraction

import numpy as np
import pytest

from melies.cleaning.light import Light, lifted
from melies.cleaning.pictures import to_picture
from melies.effects.lowlight import Lowlight
from melies.frame import Frame, VideoSpec
from melies.media.synthetic import picture
from melies.metrics import ssim, warp_error
from melies.testing import run


@pytest.fixture(scope="module")
def bright():
    large = pytest.importorskip("skimage.data").astronaut()
    return [np.ascontiguousarray(large[20:180, 100 + 2 * i : 300 + 2 * i]) for i in range(5)]


def darkened(images, by=0.15, noise=1.5):
    random = np.random.default_rng(0)
    return [np.clip(np.rint(by * i + random.normal(0, noise, i.shape)), 0, 255).astype(np.uint8) for i in images]


def through(effect, images, **spec):
    height, width = images[0].shape[:2]
    given = VideoSpec(width, height, Fraction(25), Fraction(1, 25), **spec)
    return [f.image for f in run(effect, [Frame(i.copy(), n, Fraction(1, 25), 1) for n, i in enumerate(images)], given)]


def test_the_dark_becomes_like_the_bright(bright):
    dark = darkened(bright)
    made = through(Lowlight(), dark)
    curve = [(255 * (image / 255) ** 0.45).astype(np.uint8) for image in dark]
    assert np.mean(made) > 3 * np.mean(dark)
    assert ssim(made[2], bright[2]) > ssim(curve[2], bright[2]) + 0.1


def test_it_flickers_much_less_than_a_curve(bright):
    dark = darkened(bright)
    made = through(Lowlight(), dark)
    curve = [(255 * (image / 255) ** 0.45).astype(np.uint8) for image in dark]
    assert warp_error(made, bright) < 0.4 * warp_error(curve, bright)


def test_more_strength_is_brighter(bright):
    dark = darkened(bright[:1])
    means = [np.mean(through(Lowlight(strength=strength), dark)[0]) for strength in (0, 0.3, 0.6, 1)]
    assert means == sorted(set(means))


def test_what_is_bright_stays(bright):
    lit = np.full((64, 96, 3), 235, np.uint8)
    lit[:, :48] = 20
    (made,) = through(Lowlight(), [lit])
    assert np.abs(made[:, 60:].astype(int) - 235).max() < 12
    assert made[:, :36].mean() > 80


def test_colours_keep_their_ratios():
    dark = np.full((32, 32, 3), 0.0, np.float32) + np.array([0.1, 0.05, 0.02], np.float32)
    made = lifted(dark, np.full((32, 32), 0.1, np.float32), 0.8, 20)
    assert np.allclose(made / made[..., :1], dark / dark[..., :1], atol=1e-4)
    assert made[0, 0, 0] == pytest.approx(0.1 * 0.1**-0.8, rel=1e-3)


def test_nothing_becomes_darker_or_lighter_than_white():
    image = to_picture(picture(64, 48, 0))
    made = lifted(image, np.clip(image.max(-1), 0.02, 1), 1.0, 50)
    assert (made >= image - 1e-6).all()
    assert made.max() <= 1


def test_noise_sets_a_limit_to_the_gain(bright):
    dark = darkened(bright[:3], noise=4)
    free, held = (through(Lowlight(clean=False, noise=noise), dark)[1] for noise in (100, 6))
    assert free.mean() > 1.5 * held.mean()


def test_light_is_steadier_than_what_it_is_measured_on(bright):
    flickering = [
        np.clip(image * gain, 0, 255).astype(np.uint8) for image, gain in zip(bright, (1, 0.9, 1, 0.9, 1), strict=True)
    ]
    light = Light()
    alone, together = (
        [light.measured(flickering[n - r : n + r + 1], r, to_picture(flickering[n])).mean() for n in (1, 2, 3)]
        for r in (0, 1)
    )
    assert np.ptp(together) < 0.6 * np.ptp(alone)


def test_ten_bits_and_alpha_stay():
    image = picture(96, 64, 0, depth=16, alpha=True) // 8
    image[..., 3] = 1000
    (made,) = through(Lowlight(), [image], depth=16, alpha=True)
    assert made.dtype == np.uint16
    assert (made[..., 3] == 1000).all()
    assert made[..., :3].mean() > 1.5 * image[..., :3].mean()
