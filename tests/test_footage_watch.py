"""One pass over a film: its shots, their stills, motion and sound."""

from fractions import Fraction

import numpy as np
import pytest

from melies.footage.listen import RATE, Ear
from melies.frame import Sound


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
