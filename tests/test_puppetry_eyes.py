"""Eyes of a portrait, taken apart."""

import numpy as np

from melies.puppetry.render.eyes import _edge_of_iris, _lid_skin


def test_a_large_blue_iris_is_found_whole_and_not_only_its_pupil():
    where = np.stack(np.meshgrid(np.arange(120.0), np.arange(60.0)), 2).astype(np.float32)
    far = np.linalg.norm(where - (64, 28), axis=2)
    eye = np.full((60, 120, 3), 0.8, np.float32)
    eye[far < 27] = 0.35, 0.6, 0.75
    eye[far < 13] = 0.04
    inside = np.abs(where[..., 0] - 60) < 55
    centre, radius = _edge_of_iris(eye, inside, where, np.array([60, 30], np.float32), 20.0)
    assert np.linalg.norm(centre - (64, 28)) < 3
    assert 25 < radius < 30


def test_closed_lids_are_skin_without_the_shadow_beside_the_eye_and_without_streaks():
    y, x = np.indices((80, 120), np.float32)
    where = np.stack([x, y], 2)
    rng = np.random.default_rng(0)
    patch = (0.7 + 0.1 * rng.standard_normal((80, 120, 1)) * np.ones(3)).astype(np.float32)
    reach = np.hypot((x - 60) / 40, (y - 40) / 20) < 1
    patch[reach] = 0.1
    corners = np.linalg.norm(where[:, :, None] - np.float32([[22, 40], [98, 40]]), axis=3).min(2) < 22
    patch[(np.abs(y - 40) < 8) & (x > 98)] = 0.05
    lids = _lid_skin(patch, ~reach, reach, corners, 4.0)[reach]
    assert np.abs(lids - 0.7).max() < 0.06
