"""Formulas of numbers, as people write them into schedules and reactions, evaluated without Python's `eval`.

The grammar and the meaning are those of numexpr 2.14, in which Deforum's schedules are written, for numbers that are
not complex: `/` never rounds, `%` has the sign of the divisor; whole numbers stay whole through all but `/` and most
functions, and so are what `& | ^ ~ << >>` work on, bit by bit; comparisons are true or false, which adds up as "or".
"""

from __future__ import annotations

import ast
import inspect
import operator
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from melies.errors import UseError
from melies.suggest import did_you_mean

Numbers = NDArray[np.float64]
Function = Callable[..., Any]

LONGEST = 1000
"""Characters that a formula may have."""
DEEPEST = 40
"""Brackets within brackets, and the like."""

CONSTANTS: Mapping[str, float] = MappingProxyType({"pi": np.pi, "e": np.e})

FUNCTIONS: Mapping[str, tuple[Function, int]] = MappingProxyType(
    {
        "abs": (np.abs, 1),
        "arccos": (np.arccos, 1),
        "arccosh": (np.arccosh, 1),
        "arcsin": (np.arcsin, 1),
        "arcsinh": (np.arcsinh, 1),
        "arctan": (np.arctan, 1),
        "arctan2": (np.arctan2, 2),
        "arctanh": (np.arctanh, 1),
        "ceil": (np.ceil, 1),
        "copy": (np.copy, 1),
        "copysign": (np.copysign, 2),
        "cos": (np.cos, 1),
        "cosh": (np.cosh, 1),
        "exp": (np.exp, 1),
        "expm1": (np.expm1, 1),
        "floor": (np.floor, 1),
        "fmod": (np.fmod, 2),
        "hypot": (np.hypot, 2),
        "isfinite": (np.isfinite, 1),
        "isinf": (np.isinf, 1),
        "isnan": (np.isnan, 1),
        "log": (np.log, 1),
        "log10": (np.log10, 1),
        "log1p": (np.log1p, 1),
        "log2": (np.log2, 1),
        "max": (np.maximum, 2),
        "maximum": (np.maximum, 2),
        "min": (np.minimum, 2),
        "minimum": (np.minimum, 2),
        "nextafter": (np.nextafter, 2),
        "ones_like": (np.ones_like, 1),
        "round": (np.round, 1),
        "sign": (np.sign, 1),
        "signbit": (np.signbit, 1),
        "sin": (np.sin, 1),
        "sinh": (np.sinh, 1),
        "sqrt": (np.sqrt, 1),
        "tan": (np.tan, 1),
        "tanh": (np.tanh, 1),
        "trunc": (np.trunc, 1),
        "where": (lambda condition, yes, no: np.where(condition, yes, no), 3),
    }
)
"""What may be called, and with how many numbers."""
_WHOLE = frozenset({"copy", "ones_like", "round", "sign"})
"""What makes whole numbers of whole numbers; all others work on floating point."""

_BINARY: Mapping[type[ast.operator], tuple[str, Function, Function]] = MappingProxyType(
    {
        ast.Add: ("+", operator.add, np.add),
        ast.Sub: ("-", operator.sub, np.subtract),
        ast.Mult: ("*", operator.mul, np.multiply),
        ast.Div: ("/", operator.truediv, np.divide),
        ast.FloorDiv: ("//", operator.floordiv, lambda a, b: _floored(a, b)),
        ast.Mod: ("%", operator.mod, lambda a, b: _rest(a, b)),
        ast.Pow: ("**", operator.pow, lambda a, b: _power(a, b)),
        ast.BitAnd: ("&", operator.and_, np.bitwise_and),
        ast.BitOr: ("|", operator.or_, np.bitwise_or),
        ast.BitXor: ("^", operator.xor, np.bitwise_xor),
        ast.LShift: ("<<", operator.lshift, lambda a, b: np.left_shift(a, _bits(a, b))),
        ast.RShift: (">>", operator.rshift, lambda a, b: np.right_shift(a, _bits(a, b))),
    }
)
"""How each is written, what it does to numbers that stand in the formula, as Python does, and what to rows."""
_BITWISE = (ast.BitAnd, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift)
_NOT_OF_TRUTHS = (ast.Sub, ast.FloorDiv, ast.Mod, ast.Pow, ast.LShift, ast.RShift)
_UNARY: Mapping[type[ast.unaryop], tuple[str, Function]] = MappingProxyType(
    {ast.USub: ("-", operator.neg), ast.UAdd: ("+", lambda value: value), ast.Invert: ("~", operator.invert)}
)
_COMPARE: Mapping[type[ast.cmpop], Function] = MappingProxyType(
    {
        ast.Lt: np.less,
        ast.LtE: np.less_equal,
        ast.Gt: np.greater,
        ast.GtE: np.greater_equal,
        ast.Eq: np.equal,
        ast.NotEq: np.not_equal,
    }
)
_MOST_BITS = 1000
"""Of a whole number that is computed from others which stand in the formula."""
_MULTIPLIED = 50
"""Up to this constant power numexpr multiplies, beyond it computes in floating point."""


class FormulaError(UseError):
    """A formula is wrong at one place.

    Attributes:
        what: What is wrong.
        place: How many characters stand before the place, not counting blanks at the beginning.
    """

    def __init__(self, what: str, text: str, place: int, kind: str = "expression") -> None:
        line = re.sub(r"\s", " ", text)
        colon = "" if what.endswith(("?", ".")) else ":"
        super().__init__(f"In the {kind}, {what}{colon}\n  {line}\n  {' ' * place}^")
        self.what = what
        self.place = place


class Expression:
    """A formula, such as `1.02+0.01*sin(2*3.14*t/30)`.

    Args:
        text: The formula.
        names: What it may be about; `pi` and `e` are always known.
        pipes: Further functions that work on a whole row of numbers, for `value | smooth(0.3)`: their first argument
            is what stands before the bar; what they refuse, with a `ValueError`, is said. With them, `|` does not mean
            "or".
        whole: Those of the names that are whole numbers.

    Attributes:
        text: As it was written.
        used: Those of the names that occur in it.
        piped: Those of the pipes that occur in it.

    Raises:
        UseError: It is no such formula; the message shows the place with a caret.
    """

    def __init__(
        self,
        text: str,
        names: Collection[str] = ("t",),
        pipes: Mapping[str, Function] = MappingProxyType({}),
        whole: Collection[str] = (),
    ) -> None:
        self.text = text
        self._names = tuple(names)
        self._pipes = pipes
        self._whole = frozenset(whole)
        self.used: set[str] = set()
        self.piped: set[str] = set()
        if len(text) > LONGEST:
            raise UseError(f"The expression {text[:40]!r}… has {len(text)} characters; {LONGEST} is the most.")
        # On one line and from its first sign on, as Python's parser wants it.
        self._flat = " ".join(text.split("\n")).strip()
        self._root = self._parsed()
        self._check(self._root, 0)
        # Which operators are for which kinds of numbers shows on any numbers of these kinds.
        self(**dict.fromkeys(self.used, np.ones(2)))

    @classmethod
    def within(cls, line: str, start: int, text: str, kind: str, **options: Any) -> Expression:
        """Read a formula that is part of a longer line, in which mistakes are pointed at.

        Args:
            line: The whole.
            start: Where in it the formula begins.
            text: The formula.
            kind: What the whole is called.
            **options: As for an expression alone.
        """
        try:
            return cls(text, **options)
        except FormulaError as error:
            start += len(text) - len(text.lstrip()) + error.place
            raise FormulaError(error.what, line, min(start, len(line)), kind) from None
        except UseError:
            what = "this formula is too long" if text.strip() else "a formula is missing here"
            raise FormulaError(what, line, start, kind) from None

    def __call__(self, **values: float | Numbers) -> Numbers:
        """Return the formula's value for numbers, or for rows of them; what cannot be computed becomes NaN or ±inf."""
        with np.errstate(all="ignore"):
            return np.asarray(self._value(self._root, values), np.float64)

    def _parsed(self) -> ast.expr:
        if not self.text.strip():
            raise UseError("The expression is empty.", "Write a number or a formula, such as 1+0.5*sin(t/10).")
        try:
            # Parsed, never run.
            return ast.parse(self._flat, mode="eval").body
        except SyntaxError as error:
            # Python's parser has no place for what is missing at the end.
            place = error.offset - 1 if error.offset else len(self._flat)
            raise self._wrong("this is not a formula", place) from None
        except (ValueError, RecursionError, MemoryError):
            raise self._wrong("this is not a formula", 0) from None

    def _check(self, node: ast.expr, depth: int) -> None:
        """Refuse everything but arithmetic, before anything is computed."""
        if depth > DEEPEST:
            raise self._wrong("this is nested too deeply", node)
        match node:
            case ast.Constant(value=bool() | int() | float()):
                parts: list[ast.expr] = []
            case ast.Name(id=name):
                parts = []
                self._check_name(node, name)
            case ast.BinOp(left=left, op=ast.BitOr(), right=right) if self._pipes:
                self._check_pipe(right)
                parts = [left, *(right.args if isinstance(right, ast.Call) else [])]
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                parts = [left, right]
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
                parts = [operand]
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
                parts = [left, right]
            case ast.Call(func=ast.Name(id=name) as called, args=parts, keywords=[]):
                self._check_call(called, name, len(parts))
            case _:
                known = "numbers, names, + - * / // % ** & | ^ ~ << >>, single comparisons and functions"
                raise self._wrong(f"only {known} are understood", node)
        for part in parts:
            self._check(part, depth + 1)

    def _check_name(self, node: ast.Name, name: str) -> None:
        if name in self._names:
            self.used.add(name)
        elif name not in CONSTANTS:
            known = [*self._names, *CONSTANTS, *FUNCTIONS]
            raise self._wrong(f"{name} is not known.{did_you_mean(name, known)} Known: {', '.join(self._names)}", node)

    def _check_call(self, node: ast.Name, name: str, count: int) -> None:
        if name not in FUNCTIONS:
            hint = f" It stands after a bar: … | {name}(…)" if name in self._pipes else did_you_mean(name, FUNCTIONS)
            raise self._wrong(f"there is no function {name}{hint and f'.{hint}'}", node)
        wanted = FUNCTIONS[name][1]
        if count != wanted:
            raise self._wrong(f"{name} takes {wanted} number{'s' * (wanted > 1)}, not {count}", node)

    def _check_pipe(self, node: ast.expr) -> None:
        match node:
            case ast.Call(func=ast.Name(id=name), keywords=[]) | ast.Name(id=name) if name in self._pipes:
                self.piped.add(name)
            case ast.Call(func=ast.Name(id=name)) | ast.Name(id=name):
                raise self._wrong(f"there is no {name} to stand after a bar.{did_you_mean(name, self._pipes)}", node)
            case _:
                raise self._wrong(f"after a bar stands one of {', '.join(self._pipes)}", node)
        given = len(node.args) if isinstance(node, ast.Call) else 0
        wanted = len(inspect.signature(self._pipes[name]).parameters) - 1
        if given != wanted:
            raise self._wrong(f"{name} takes {wanted} number{'s' * (wanted != 1)} in brackets, not {given}", node)

    def _value(self, node: ast.expr, values: Mapping[str, Any]) -> Any:
        """A number of Python's where no name is concerned, as numexpr has it; else a row."""
        match node:
            case ast.Constant(value=number):
                return self._kept(number, node)
            case ast.Name(id=name):
                if name not in self._names:
                    return CONSTANTS[name]
                return np.asarray(values[name]).astype(np.int64 if name in self._whole else np.float64)
            case ast.BinOp(left=left, op=ast.BitOr(), right=right) if self._pipes:
                return self._piped(self._value(left, values), right, values)
            case ast.BinOp(left=left, right=right):
                return self._binary(node, self._value(left, values), self._value(right, values))
            case ast.UnaryOp(operand=operand):
                return self._unary(node, self._value(operand, values))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return _plain_again(_COMPARE[type(op)], self._value(left, values), self._value(right, values))
            case ast.Call(func=ast.Name(id=name), args=args):
                return _called(name, [self._value(arg, values) for arg in args])
        raise AssertionError(node)

    def _unary(self, node: ast.UnaryOp, value: Any) -> Any:
        sign, make = _UNARY[type(node.op)]
        if isinstance(node.op, ast.Invert) and _kind(value) == "f":
            raise self._wrong(f"{sign} is only for whole numbers and comparisons", node)
        if isinstance(node.op, ast.USub) and _kind(value) == "b":
            raise self._wrong(f"{sign} is not for comparisons; where(…, 1, 0) makes numbers of them", node)
        return make(int(value) if isinstance(value, bool) else value)

    def _binary(self, node: ast.BinOp, a: Any, b: Any) -> Any:
        sign, plain, rows = _BINARY[type(node.op)]
        kinds = _kind(a), _kind(b)
        if isinstance(node.op, _BITWISE) and "f" in kinds:
            raise self._wrong(f"{sign} is only for whole numbers and comparisons", node.right)
        if isinstance(node.op, _NOT_OF_TRUTHS) and kinds == ("b", "b"):
            raise self._wrong(f"{sign} is not for two comparisons; where(…, 1, 0) makes numbers of them", node.right)
        if _is_plain(a) and _is_plain(b):
            self._check_size(node, a, b)
            with suppress(ArithmeticError, ValueError):  # 1/0 is for rows to say
                made = plain(a, b)
                if _is_plain(made):
                    return self._kept(made, node)
        elif isinstance(node.op, ast.Pow) and _is_plain(b):
            if kinds == ("i", "i") and b < 0:
                raise self._wrong("a whole number has no whole power below 0; write -1.0 for -1", node.right)
            return _multiplied(a, b)
        return rows(_row(a), _row(b))

    def _check_size(self, node: ast.BinOp, a: float, b: float) -> None:
        """Refuse whole numbers that would have millions of digits."""
        if not (isinstance(a, int) and isinstance(b, int)):
            return
        bits = {ast.Pow: a.bit_length() * b, ast.LShift: a.bit_length() + b}.get(type(node.op), 0)
        if bits > _MOST_BITS:
            raise self._wrong("this number is too large", node)

    def _kept(self, number: Any, node: ast.expr) -> bool | int | float:
        """A number as it goes on: one that is larger than whole numbers can be is none."""
        try:
            return number if isinstance(number, bool) or -(2**63) <= number < 2**63 else float(number)
        except OverflowError:
            raise self._wrong("this number is too large", node) from None

    def _piped(self, before: Any, node: ast.expr, values: Mapping[str, Any]) -> Any:
        called, args = (node.func, node.args) if isinstance(node, ast.Call) else (node, [])
        assert isinstance(called, ast.Name)
        given = [np.asarray(self._value(arg, values), np.float64) for arg in args]
        try:
            return self._pipes[called.id](np.asarray(before, np.float64), *given)
        except ValueError as error:
            raise self._wrong(f"{called.id} {error}", node) from None

    def _wrong(self, what: str, where: ast.expr | int) -> FormulaError:
        """Say what is wrong, with a caret below the place."""
        # Python's parser counts bytes.
        place = where if isinstance(where, int) else len(self._flat.encode()[: where.col_offset].decode())
        place = min(max(0, place), len(self._flat))
        return FormulaError(what, self._flat, place)


def _is_plain(value: Any) -> TypeGuard[bool | int | float]:
    return isinstance(value, bool | int | float)


def _kind(value: Any) -> str:
    """`b` for what is true or false, `i` for whole numbers, `f` for all others."""
    return str(np.asarray(value).dtype.kind)


def _row(value: Any) -> Any:
    """Give a number that stands in the formula the kind that it has for numexpr: the smallest that holds it."""
    if isinstance(value, int) and not isinstance(value, bool):
        return np.asarray(value, np.int32 if -(2**31) <= value < 2**31 else np.int64)
    return np.asarray(value)


def _plain_again(function: Function, *args: Any) -> Any:
    """Make numbers of Python's of such numbers, and rows of rows."""
    made = function(*map(_row, args))
    return made.item() if all(map(_is_plain, args)) else made


def _called(name: str, args: list[Any]) -> Any:
    function = FUNCTIONS[name][0]
    args = [int(arg) if isinstance(arg, bool) else arg for arg in args]
    if name == "where":
        condition, yes, no = args
        if _is_plain(condition):
            return yes if condition else no
        return function(condition != 0, _row(yes), _row(no))
    if all(map(_is_plain, args)) or (name in _WHOLE and _kind(args[0]) == "i"):
        return _plain_again(function, *args)
    return function(*(np.asarray(arg, np.float64) for arg in args))


def _bits(a: Any, b: Any) -> Any:
    """By how many bits is shifted: as many as there are is as none, as processors have it."""
    kind = np.result_type(a, b)
    return b.astype(kind) & (8 * kind.itemsize - 1)


def _floored(a: Any, b: Any) -> Any:
    whole = np.result_type(a, b).kind != "f"
    return np.floor_divide(a, b) if whole else np.floor(np.divide(a, b))


def _rest(a: Any, b: Any) -> Any:
    whole = np.result_type(a, b).kind != "f"
    return np.mod(a, b) if whole else a - b * _floored(a, b)


def _multiplied(base: Any, power: float) -> Any:
    """Raise to a power that stands in the formula: numexpr multiplies, so that whole numbers stay whole."""
    if base.dtype.kind == "f" or power != power // 1 or not 0 <= power <= _MULTIPLIED:
        return _power(base, _row(power))
    if base.dtype.kind == "b":
        return base if power else np.ones_like(base)
    return np.power(base, np.asarray(power).astype(base.dtype))


def _power(a: Any, b: Any) -> Any:
    """Raise rows to powers, as numexpr does: whole ones in floating point, cut off to whole numbers again."""
    kind = np.result_type(a, b)
    made = np.power(np.asarray(a, np.float64), b)
    return made if kind.kind == "f" else np.where((a == 0) & (b < 0), 0, made).astype(kind)
