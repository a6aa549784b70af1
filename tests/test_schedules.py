"""Schedules: the numbers that Deforum's own parser makes of the same strings, by an independent small definition."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from melies.dreaming.prompts import Part, Prompts
from melies.dreaming.schedule import Schedule, scheduled, seeds
from melies.errors import UseError

PLAIN = {name: getattr(math, name) for name in ("sin", "cos", "exp", "sqrt", "floor", "ceil", "pi")}


def deforum(text: str, length: int, seed: int) -> list[float]:
    """Deforum's `parse_key_frames` and `get_inbetweens` with linear interpolation, word for word but without pandas."""
    keys = {int(k): v for k, v in re.findall(r"([0-9]+):\s*\(([\s\S]*?)\)(?:,\s?|\s?$)", text)}
    series = [math.nan] * length
    value = ""
    for i in range(length):
        value = keys.get(i, value)
        if not value:  # before the first key nothing is known yet
            continue
        bare = re.sub("['\"()]", "", value)
        if re.match(r"^(?=.)([+-]?([0-9]*)(\.([0-9]+))?)$", bare):
            if i in keys:
                series[i] = float(bare)
        else:
            names = {
                **PLAIN,
                "abs": abs,
                "where": lambda c, a, b: a if c else b,
                "t": i,
                "max_f": length - 1,
                "s": seed,
            }
            series[i] = float(eval(value, {"__builtins__": {}}, names))
    known = [i for i in range(length) if not math.isnan(series[i])]
    series[0], series[-1] = series[known[0]], series[known[-1]]
    known = [i for i in range(length) if not math.isnan(series[i])]
    for i in range(length):
        if math.isnan(series[i]):
            a, b = max(k for k in known if k < i), min(k for k in known if k > i)
            series[i] = series[a] + (series[b] - series[a]) * (i - a) / (b - a)
    return series


@pytest.mark.parametrize(
    "text",
    [
        "0:(1.02+0.01*sin(2*3.14*t/30)), 60:(1.0)",
        "0:(0)",
        "0: (0.65), 25: (0.55)",
        "0:(1), 30:(2), 60:(-1.5)",
        "10:(3), 50:(.5), 70:(t), 90:(-2)",
        "0:(1),200:(5)",
        "0:(1.), 40:(2.)",
        "0:(1 ), 40:(2)",
        "0:(where(t%10<5,t,-t)), 50:(7)",
        "0:(t**2/max_f), 33:(s*2), 66:(3)",
        "0:((t%25)/25), 50:(0.5), 51:(1)",
        "0:(10*sin(t/7)+0.5*cos(t)), 48:(2), 60:(3)",
        "0:(abs(cos(t/10))*(1+exp(-t))), 10:(1), 40:(floor(t/3)), 45:(9), 70:(1)",
        "0:(sin(t/10*3.14)), 20:(0), 90:(3), 95:(2), 97:(5)",
        "0:(-5 + 0.1*(t-50)**2/50), 99:(ceil(t/2))",
        "0:((1-abs(t-50)/50)*(s%3))",
    ],
)
@pytest.mark.parametrize("length", [100, 61])
def test_the_numbers_are_deforums(text: str, length: int) -> None:
    made = Schedule(text, seed=7)
    wanted = deforum(text, length, 7)
    np.testing.assert_allclose(made.values(length), wanted, rtol=0, atol=1e-9)
    assert made.at(37, length) == pytest.approx(wanted[37])


def test_what_deforum_forgives_is_forgiven() -> None:
    wanted = np.linspace(1, 3, 9)
    for text in ("0:(1), 8:(3)", '"0": "1", "8": "3",', "0:(1, 8:3", " 0 : ( 1) ,\n 8: (3)", "0:1,max_f:3"):
        np.testing.assert_allclose(Schedule(text).values(9), wanted)
    assert Schedule("1.5").values(3).tolist() == [1.5] * 3


def test_a_number_that_cannot_be_computed_is_bridged() -> None:
    assert Schedule("0:(2), 1:(sqrt(4-t)), 8:(6)").values(9)[4:].tolist() == [0, 1.5, 3, 4.5, 6]
    assert Schedule("0:(1/t), 2:(3)").values(4).tolist() == [1, 1, 3, 3]
    with pytest.raises(UseError, match="no number at frame 9"):
        Schedule("0:(1/(t-9))").at(9, None)


@pytest.mark.parametrize(("way", "degree"), [("quadratic", 2), ("cubic", 3)])
def test_splines_go_through_their_polynomials_and_equal_scipys(way: str, degree: int) -> None:
    interpolate = pytest.importorskip("scipy.interpolate")
    rng = np.random.default_rng(3)
    frames = np.unique([0, 299, *rng.integers(0, 300, 130)])
    numbers = rng.normal(size=len(frames)).round(3)
    text = ", ".join(f"{frame}:({number})" for frame, number in zip(frames, numbers, strict=True))
    made = Schedule(text, way).values(300)  # type: ignore[arg-type]
    wanted = interpolate.interp1d(frames, numbers, kind=way)(np.arange(300))
    np.testing.assert_allclose(made, wanted, atol=1e-9)


def test_few_keys_take_the_simpler_way() -> None:
    assert np.array_equal(Schedule("0:(0), 9:(3)", "cubic").values(10), Schedule("0:(0), 9:(3)").values(10))
    three = "0:(0), 4:(3), 9:(1)"
    assert np.array_equal(Schedule(three, "cubic").values(10), Schedule(three, "quadratic").values(10))
    assert not np.allclose(Schedule(three, "quadratic").values(10), Schedule(three).values(10))


def test_without_end_the_last_key_holds() -> None:
    assert Schedule("0:(1), 10:(2)").at(5, None) == 1.5
    assert Schedule("0:(1), 10:(2)").at(10**6, None) == 2
    assert Schedule("0:(1), 10:(t*2)").at(10**6, None) == 2 * 10**6
    with pytest.raises(UseError, match="never ends"):
        Schedule("0:(t/max_f)").at(3, None)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("0:(1.02+0.01*sni(t)), 60:(1)", 13),
        ("0:(1) 30:(2)", 8),
        ("0:(1), 30:(2+*3)", 13),
        ("abc:(1)", 0),
        ("0:(1), :(2)", 6),
        (" 0: ( tt )", 6),
        ("0:(1), 9:(__import__('os'))", 10),
        ("0:", 2),
    ],
)
def test_a_caret_shows_what_is_wrong_in_the_whole_string(text: str, place: int) -> None:
    with pytest.raises(UseError) as caught:
        Schedule(text)
    line, caret = str(caught.value).splitlines()[1:3]
    assert line == f"  {text}"
    assert caret == " " * (2 + place) + "^"


def test_whole_numbers_are_whole() -> None:
    assert Schedule("0:(t & 1)").values(4).tolist() == [0, 1, 0, 1]
    assert Schedule("0:(2**(t-3))").values(5).tolist() == [0, 0, 0, 1, 2]
    assert Schedule("0:(s^t), max_f//2:((max_f>>1)/2)", seed=7).values(8).tolist() == [7, 6, 5, *[1.5] * 5]


def test_nothing_within_the_film_is_said() -> None:
    with pytest.raises(UseError, match="within the 10 frames"):
        Schedule("20:(1)").values(10)
    with pytest.raises(UseError, match="empty"):
        Schedule(" ")


def test_prompts_go_over_into_each_other() -> None:
    made = Prompts('{"0": "a forest --neg people", "60": "a city"}')
    assert made.at(0, 100) == (Part("a forest", 1), Part("people", -1))
    assert made.at(15, 100) == (Part("a forest", 0.75), Part("people", -0.75), Part("a city", 0.25))
    assert made.at(15, 100, blend=False) == (Part("a forest", 1), Part("people", -1))
    assert made.at(80, None) == (Part("a city", 1),)
    assert Prompts("0: a forest --neg people | 60: a city").at(15, 100) == made.at(15, 100)
    assert Prompts("a whale: the film").at(5, 9) == (Part("a whale: the film", 1),)


def test_prompts_have_weights_and_formulas() -> None:
    made = Prompts("0: a :0.3 AND b :`t/max_f` | max_f/2: c")
    assert made.at(0, 101) == (Part("a", 0.3),)
    assert made.at(25, 101) == (Part("a", 0.15), Part("b", 0.125), Part("c", 0.5))


@pytest.mark.parametrize("text", ["", '{"0": 3}', "{}", '["a", "b"]'])
def test_prompts_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(UseError):
        Prompts(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("0: goldfish | x: reef", 14),
        ("0: goldfish |  reef", 15),
        ("a reef :`0.5+0.5*sni(t/10)`", 17),
        ("0: `sin(` | 4: b", 7),
        ('{"0": "goldfish", "60": }', 24),
        ('{"0": "a",}', 10),
        ('{"0": "a", "max_g": "b"}', 12),
        ('{"0": "a", "9": "b :`t^0.5`"}', 23),
    ],
)
def test_a_caret_shows_what_is_wrong_in_all_the_prompts(text: str, place: int) -> None:
    with pytest.raises(UseError, match="In the prompts") as caught:
        Prompts(text)
    line, caret = str(caught.value).splitlines()[1:]
    assert line == f"  {text}"
    assert caret == " " * (2 + place) + "^"


def test_seeds_go_on_as_deforums_do() -> None:
    def walk(behaviour: str, **options: int) -> list[int]:
        return [seeds(behaviour, 10, frame, **options) for frame in range(6)]  # type: ignore[arg-type]

    assert walk("iter") == [10, 11, 12, 13, 14, 15]
    assert walk("iter", every=2) == [10, 11, 11, 12, 12, 13]
    assert walk("ladder") == [10, 12, 11, 13, 12, 14]
    assert walk("alternate") == [10, 11, 10, 11, 10, 11]
    assert walk("fixed") == [10] * 6
    assert walk("random") == walk("random")
    assert len(set(walk("random"))) == 6
    assert [scheduled(number, 10, 3) for number in (7.9, 2**32 + 1, -2)] == [7, 1, 2**32 - 2]
    assert scheduled(-1, 10, 3) == scheduled(-1.5, 10, 3) == seeds("random", 10, 3)
    assert len({scheduled(-1, seed, frame) for seed in (1, 2) for frame in range(3)}) == 6
