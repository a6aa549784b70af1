"""Formulas: the numbers that numexpr's users expect, and a caret below what is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from melies.errors import UseError
from melies.expression import FUNCTIONS, LONGEST, Expression

nan, inf = math.nan, math.inf
NUMEXPR = {
    "t^2": (2, 3, 0, 1, 6, 7),
    "t&1": (0, 1, 0, 1, 0, 1),
    "t|1": (1, 1, 3, 3, 5, 5),
    "~t": (-1, -2, -3, -4, -5, -6),
    "t<<2": (0, 4, 8, 12, 16, 20),
    "t>>1": (0, 0, 1, 1, 2, 2),
    "(t-3)>>1": (-2, -1, -1, 0, 0, 1),
    "2**(t-3)": (0, 0, 0, 1, 2, 4),
    "(t-3)**(t-3)": (0, 0, -1, 1, 1, 4),
    "0**(t-3)": (0, 0, 0, 1, 0, 0),
    "(t+1)**50": (1, 1125899906842624, 6048575297968530432, 0, -6776596920136668160, -8132375027124273152),
    "t**2.0&1": (0, 1, 0, 1, 0, 1),
    "t**0.5": (0, 1, 1.414213562373, 1.732050807569, 2, 2.2360679775),
    "t**-1.0": (inf, 1, 0.5, 0.333333333333, 0.25, 0.2),
    "t/2": (0, 0.5, 1, 1.5, 2, 2.5),
    "5//2*t": (0, 2, 4, 6, 8, 10),
    "(t-3)//2": (-2, -1, -1, 0, 0, 1),
    "(t-3)//-2.0": (1, 1, 0, 0, -1, -1),
    "(t*0.3)//0.1": (0, 2, 5, 8, 11, 15),
    "-t%7": (0, 6, 5, 4, 3, 2),
    "(t-3)%-3": (0, -2, -1, 0, -2, -1),
    "(t-3)%2.5": (2, 0.5, 1.5, 0, 1, 2),
    "t%0.1": (0, 0, 0, 0, 0, 0),
    "t//0": (0, 0, 0, 0, 0, 0),
    "t%0": (0, 0, 0, 0, 0, 0),
    "t//0.0": (nan, inf, inf, inf, inf, inf),
    "t/0": (nan, inf, inf, inf, inf, inf),
    "1<<(t+61)": (2305843009213693952, 4611686018427387904, -9223372036854775808, 1, 2, 4),
    "t<<64": (0, 1, 2, 3, 4, 5),
    "t*4294967296*4294967296": (0, 0, 0, 0, 0, 0),
    "(t>2)+(t>1)": (0, 0, 1, 1, 1, 1),
    "(t>2)*(t>1)": (0, 0, 0, 1, 1, 1),
    "(t>2)/(t>1)": (nan, nan, 0, 1, 1, 1),
    "(t>2)^3": (3, 3, 3, 2, 2, 2),
    "~(t>2)": (1, 1, 1, 0, 0, 0),
    "(t>2)**2+1": (1, 1, 1, 2, 2, 2),
    "where(t>2,t,0)//2": (0, 0, 0, 1, 2, 2),
    "where(t>2,1,0.5)": (0.5, 0.5, 0.5, 1, 1, 1),
    "where(1,t,0)": (0, 1, 2, 3, 4, 5),
    "abs(t-3)*2": (6, 4, 2, 0, 2, 4),
    "round(t/2)": (0, 0, 1, 2, 2, 2),
    "round(t)&1": (0, 1, 0, 1, 0, 1),
    "sign(t-3)&3": (3, 3, 3, 0, 1, 1),
    "trunc(-t/2)": (0, 0, -1, -1, -2, -2),
    "fmod(t-3,2)": (-1, 0, -1, 0, 1, 0),
    "hypot(t,3)": (3, 3.162277660168, 3.605551275464, 4.242640687119, 5, 5.830951894845),
    "copysign(t,-1)": (0, -1, -2, -3, -4, -5),
    "maximum(t,3)-minimum(t,2)": (3, 2, 1, 1, 2, 3),
    "isnan(t/0)": (1, 0, 0, 0, 0, 0),
    "isfinite(1/(t-2))": (1, 1, 0, 1, 1, 1),
    "isinf(1.0/t)": (1, 0, 0, 0, 0, 0),
    "signbit(t-3)": (1, 1, 1, 0, 0, 0),
    "ones_like(t)<<t": (1, 2, 4, 8, 16, 32),
    "copy(t)|8": (8, 9, 10, 11, 12, 13),
    "log2(t+1)": (0, 1, 1.584962500721, 2, 2.321928094887, 2.584962500721),
    "2**-1+t": (0.5, 1.5, 2.5, 3.5, 4.5, 5.5),
    "-7%3*t": (0, 2, 4, 6, 8, 10),
    "True+True+t": (2, 3, 4, 5, 6, 7),
    "t|(5^3)": (6, 7, 6, 7, 6, 7),
    "s%(t+1)": (0, 1, 1, 3, 2, 1),
    "max_f/2-s": (42.5, 42.5, 42.5, 42.5, 42.5, 42.5),
    "7/2*t": (0, 3.5, 7, 10.5, 14, 17.5),
    "(t<2)|t": (1, 1, 2, 3, 4, 5),
    "(s>>t)%3.0": (1, 0, 1, 0, 0, 0),
    "floor(t/2)*ceil(t/3)": (0, 0, 1, 1, 4, 4),
}
"""What numexpr 2.14.1 gave for `t` of 0 to 5, `s` of 7 and `max_f` of 99, all whole as Deforum passes them."""


@pytest.mark.parametrize("text", NUMEXPR)
def test_the_numbers_are_numexprs(text: str) -> None:
    names = ("t", "s", "max_f")
    made = Expression(text, names, whole=names)(t=np.arange(6), s=7, max_f=99)
    np.testing.assert_allclose(np.broadcast_to(made, 6), NUMEXPR[text], rtol=0, atol=1e-9)


def test_what_numexpr_has_no_meaning_for_is_pointed_at() -> None:
    wrong = {"t & 1.5": 4, "sin(t) ^ 1": 9, "~(t/2)": 0, "t << 0.5": 5, "(t>2) - (t>1)": 9, "-(t>2)": 0, "t**-1": 3}
    for text, place in wrong.items():
        with pytest.raises(UseError) as caught:
            Expression(text, whole=["t"])
        assert str(caught.value).splitlines()[2] == " " * (2 + place) + "^", text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1.02+0.01*sin(2*3.14*t/30)", 1.02 + 0.01 * math.sin(2 * 3.14 * 7 / 30)),
        ("7/2", 3.5),
        ("2**-1", 0.5),
        ("-7 % 3", 2.0),
        ("where(t > 5, 2, 3)", 2.0),
        ("(t > 5) & (t < 7)", 0.0),
        ("(t > 5) | (t < 7)", 1.0),
        ("~(t == 7)", 0.0),
        ("-t + +1", -6.0),
        ("arctan2(1, 1) * 4 - pi", 0.0),
        ("max(t, 8) - min(t, 8)", 1.0),
        (" 1 +\n 1 ", 2.0),
    ],
)
def test_it_means_what_numexpr_means(text: str, wanted: float) -> None:
    assert float(Expression(text)(t=7)) == pytest.approx(wanted, abs=1e-12)


def test_rows_of_numbers_are_one_call() -> None:
    t = np.arange(100.0)
    assert np.array_equal(Expression("abs(sin(t)) * 2")(t=t), np.abs(np.sin(t)) * 2)


def test_what_cannot_be_computed_is_no_error_yet() -> None:
    assert np.isnan(Expression("sqrt(-1)")())
    assert np.isinf(Expression("1/0")())


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("1+*2", 2),
        ("1 + foo", 4),
        ("2*sin(1, 2)", 2),
        ("__import__('os')", 0),
        ("1 + t.real", 4),
        ("[1]", 0),
        ("1)+(1", 1),
        ("t < 1 < 2", 0),
        ("'text'", 0),
        ("lambda: 1", 0),
        ("(t := 3)", 1),
        ("sin(x=1)", 0),
        ("9" * 400, 0),
        ("9**9**9", 0),
        ("1 << 4000", 0),
        ("'é' if t else foo", 0),
        ("é + 1", 0),
        ("where(é, 1, 2)", 6),
        ("3 4", 2),
        ("1+t*", 4),
        ("sin(1)*(2", 7),
        ("t <", 3),
        ("1, 2", 0),
        ("f'{t}'", 0),
        ("1j", 0),
        ("t if t else 1", 0),
    ],
)
def test_the_caret_stands_below_what_is_wrong(text: str, place: int) -> None:
    with pytest.raises(UseError) as wrong:
        Expression(text)
    _, shown, caret = str(wrong.value).splitlines()[:3]
    assert shown == f"  {text}"
    assert caret == "  " + " " * place + "^"


@pytest.mark.parametrize("text", ["", "  \n", "1" * (LONGEST + 1), "-" * 500 + "1", "(" * 300 + "1" + ")" * 300])
def test_extremes_are_refused(text: str) -> None:
    with pytest.raises(UseError):
        Expression(text)


def test_a_misspelt_name_is_suggested() -> None:
    with pytest.raises(UseError, match="bass"):
        Expression("bas * 2", names=("bass", "mid"))


def test_after_a_bar_stands_something_that_works_on_the_whole_row() -> None:
    pipes: dict[str, Callable[..., Any]] = {"doubled": lambda row: row * 2, "plus": lambda row, more: row + more}
    row = np.arange(4.0)
    formula = Expression("t * 10 | doubled | plus(1)", pipes=pipes)
    assert np.array_equal(formula(t=row), row * 20 + 1)
    assert formula.used == {"t"}
    for text in ("t | halved", "t | 3", "t | sin(1)", "doubled(t)", "t | plus(1, 2, 3)"):
        with pytest.raises(UseError, match=r"\^"):
            Expression(text, pipes=pipes)(t=row)


def test_every_function_says_how_many_numbers_it_takes() -> None:
    for name, (_, count) in FUNCTIONS.items():
        Expression(f"{name}({', '.join(['0.5'] * count)})")()
