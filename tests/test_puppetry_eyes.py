"""Eyes of a portrait, taken apart."""

import numpy as np

from melies.puppetry.render.eyes import _edge_of_iris


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
