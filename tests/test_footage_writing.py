"""What is written in the picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from melies.footage import analyse, lettering


def test_it_is_only_asked_when_it_is_named() -> None:
    assert "writing" in analyse.extras()
    assert "writing" in analyse.facets()


@pytest.mark.parametrize("turn", [0, 90, 180, 270, 37])
def test_corners_are_in_order(turn: float) -> None:
    angle = np.radians(turn)
    around = np.array([[-20, -5], [20, -5], [20, 5], [-20, 5]], np.float32)
    box = around @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
    ordered = lettering._as_read(np.roll(box, 1, axis=0).astype(np.float32))
    assert sorted(map(tuple, ordered.tolist())) == sorted(map(tuple, box.astype(np.float32).tolist()))
    area = float(np.linalg.det(np.stack([ordered[1] - ordered[0], ordered[3] - ordered[0]])))
    assert area == pytest.approx(400, rel=1e-3)  # clockwise on a screen


def test_repeated_signs_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "_alphabet", lambda: ("", "a", "b"))
    signs = [0, 1, 1, 0, 1, 2, 2, 0]
    text, sure = lettering._spelt(np.eye(3, dtype=np.float32)[signs])
    assert (text, sure) == ("aab", 1.0)


def test_a_title_is_read() -> None:
    if not lettering.available():
        pytest.skip("the models are not here: melies models pull text-finder text-reader")
    image = np.full((360, 640, 3), 20, np.uint8)
    cv2.putText(image, "A trip to the Moon", (60, 120), cv2.FONT_HERSHEY_DUPLEX, 1.6, (240, 240, 240), 2)
    cv2.putText(image, "1902", (270, 240), cv2.FONT_HERSHEY_SIMPLEX, 1, (200, 220, 90), 2)
    assert [line.text for line in lettering.lines(image)] == ["A trip to the Moon", "1902"]
    assert lettering.lines(np.zeros((90, 160, 3), np.uint8)) == []
