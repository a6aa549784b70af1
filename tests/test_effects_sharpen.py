import cv2
import numpy as np
import pytest

from melies.cleaning.unsharp import sharpened
from melies.effects.sharpen import Sharpen
from melies.media.synthetic import picture


def edge(soft=1.0):
    """A soft edge from 80 to 160."""
    plane = np.full((40, 60, 3), 80, np.uint8)
    plane[:, 30:] = 160
    return cv2.GaussianBlur(plane, (0, 0), soft)


def slope(image):
    return int(np.abs(np.diff(image[20, :, 1].astype(int))).max())


@pytest.mark.parametrize("image", [picture(37, 23, 1, alpha=True), picture(37, 23, 1, depth=16)])
def test_amount_0_changes_nothing_and_alpha_and_depth_stay(image):
    assert Sharpen(amount=0).process(image) is image
    made = Sharpen(amount=2).process(image)
    assert made.dtype == image.dtype
    assert not np.array_equal(made, image)
    assert np.array_equal(made[..., 3:], image[..., 3:])


def test_edges_become_steeper_with_the_amount():
    slopes = [slope(Sharpen(amount=amount).process(edge())) for amount in (0, 0.5, 1, 2)]
    assert slopes == sorted(set(slopes))


def test_halos_are_limited():
    free, tight = (Sharpen(amount=4, halo=halo).process(edge()) for halo in (1, 0))
    assert free.max() > 170
    assert free.min() < 70
    assert tight.max() <= 161
    assert tight.min() >= 79


def test_noise_is_not_sharpened():
    image = np.random.default_rng(0).normal(128, 4, (100, 100, 3)).clip(0, 255).astype(np.uint8)
    before, careful, careless = (
        cv2.cvtColor(made, cv2.COLOR_RGB2GRAY).std()
        for made in (image, *(Sharpen(amount=2, threshold=t).process(image) for t in (4, 0)))
    )
    assert careful < 1.05 * before
    assert careless > 1.5 * before


def test_an_edge_in_noise_is_still_sharpened():
    noisy = np.clip(edge().astype(float) + np.random.default_rng(0).normal(0, 3, (40, 60, 3)), 0, 255).astype(np.uint8)
    made = Sharpen(amount=3, threshold=4).process(noisy).mean(0)[:, 1]
    assert np.abs(np.diff(made)).max() > 1.2 * np.abs(np.diff(noisy.mean(0)[:, 1])).max()


def test_colours_keep_their_differences():
    image = np.zeros((30, 40, 3), np.uint8)
    image[:] = (90, 120, 100)
    image[:, 20:] = (120, 150, 130)
    made = Sharpen(amount=2, halo=0.3).process(image).astype(int)
    assert np.array_equal(made[..., 1] - made[..., 0], np.full((30, 40), 30))
    assert not np.array_equal(made, image)


def test_a_flat_plane_stays():
    plane = np.full((10, 12), 0.5, np.float32)
    assert np.array_equal(sharpened(plane, 5, 3, 0.01, 0.1), plane)
