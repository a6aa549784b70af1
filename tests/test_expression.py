"""Formulas: the numbers that numexpr's users expect, and a caret below what is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from melies.errors import UseError
from melies.expression import FUNCTIONS, LONGEST, Expression


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
        ("3 4", 2),
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
