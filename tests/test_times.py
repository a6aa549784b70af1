"""Times and rates: exact, and nothing but times and rates."""

import math
from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import melies
from melies.errors import UseError
from melies.media.synthetic import write_clip
from melies.times import first_frame, parse_rate, parse_time, plain


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("83.5", Fraction(167, 2)), (".5", Fraction(1, 2)), ("1:02.5", Fraction(125, 2)), (" 7 ", 7),
     ("1:00:00", 3600), (62.1, Fraction(621, 10)), (7, 7), ("1/3", Fraction(1, 3)), ("1e2", 100),
     (1e-7, Fraction(1, 10**7))],
)  # fmt: skip
def test_times_are_exact(text, seconds):
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "value",
    ["", "soon", "-1", "1:99", "1:2:3:4", "1:-2", "nan", "inf", "1/0", "1e5000x", "1e999999999", "9" * 5000, -1, -0.5,
     math.inf, math.nan, Fraction(-1, 3), True, None, [1], b"1"],
)  # fmt: skip
def test_what_is_no_time_is_refused_at_once(value):
    with pytest.raises(ValueError, match="should be a time"):
        parse_time(value)


@pytest.mark.parametrize(
    ("value", "rate"),
    [("25", 25), (30, 30), ("29.97", Fraction(30000, 1001)), (23.976, Fraction(24000, 1001)), ("1/3", Fraction(1, 3)),
     ("12.5", Fraction(25, 2)), (Fraction(60000, 1001), Fraction(60000, 1001)), (0.001, Fraction(1, 1000))],
)  # fmt: skip
def test_rates_are_those_that_are_meant(value, rate):
    assert parse_rate(value) == rate


@pytest.mark.parametrize("value", ["0", 0, "-25", "1001", math.inf, math.nan, "fast", "25/0", None])
def test_what_is_no_rate_is_refused(value):
    with pytest.raises(ValueError, match="should be a rate"):
        parse_rate(value)


@given(st.one_of(st.text(max_size=30), st.floats(), st.integers(), st.fractions()))
def test_anything_is_a_time_and_a_rate_or_a_value_error(value):
    for parse in (parse_time, parse_rate):
        with suppress(ValueError):
            assert parse(value) >= 0


@given(st.fractions())
def test_what_is_written_plainly_loses_nothing(number):
    assert Fraction(str(plain(number))) == number


def test_python_takes_the_same_times_and_rates(tmp_path):
    film = write_clip(tmp_path / "film.mp4", frames=30)
    assert len(list(melies.open(film, start="0:00.4", end=0.8).frames())) == 10
    for times in ({"start": -1}, {"end": math.inf}, {"start": "soon"}, {"end": math.nan}, {"rate": 0}):
        with pytest.raises(UseError, match=f"The {next(iter(times))} .* should be a "):
            melies.open(film, **times)
    with pytest.raises(UseError, match=r"The start -1/3 should"):
        melies.open(film, start=Fraction(-1, 3))
    with pytest.raises(UseError, match=r"which is 1\.200 s long, lies between"):
        melies.open(film, start=5)


@pytest.mark.parametrize(
    ("since", "rate", "lead_in", "index"),
    [
        (0, 25, 0, 0),
        (1, 25, 0, 25),
        (Fraction(1, 3), 25, 0, 9),
        (1, Fraction(30000, 1001), 0, 30),
        (Fraction(1001, 1000), Fraction(30000, 1001), 0, 30),
        (1, 25, 5, 20),
        (Fraction(1, 25), 25, 5, 0),
    ],
)
def test_the_first_frame_begins_at_the_time_or_later(since, rate, lead_in, index):
    assert first_frame(Fraction(since), Fraction(rate), lead_in) == index
