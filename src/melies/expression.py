"""Formulas of numbers, as people write them into schedules and reactions, evaluated without Python's `eval`.

The grammar and the meaning are those of numexpr, in which Deforum's schedules are written: all numbers are floating
point, `/` never rounds, `%` has the sign of the divisor, comparisons give 1 and 0.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

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
        "cos": (np.cos, 1),
        "cosh": (np.cosh, 1),
        "exp": (np.exp, 1),
        "expm1": (np.expm1, 1),
        "floor": (np.floor, 1),
        "log": (np.log, 1),
        "log10": (np.log10, 1),
        "log1p": (np.log1p, 1),
        "max": (np.maximum, 2),
        "min": (np.minimum, 2),
        "round": (np.round, 1),
        "sign": (np.sign, 1),
        "sin": (np.sin, 1),
        "sinh": (np.sinh, 1),
        "sqrt": (np.sqrt, 1),
        "tan": (np.tan, 1),
        "tanh": (np.tanh, 1),
        "where": (lambda condition, yes, no: np.where(np.asarray(condition) != 0, yes, no), 3),
    }
)
"""What may be called, and with how many numbers."""

_BINARY: Mapping[type[ast.operator], Function] = MappingProxyType(
    {
        ast.Add: np.add,
        ast.Sub: np.subtract,
        ast.Mult: np.multiply,
        ast.Div: np.divide,
        ast.Mod: np.mod,
        ast.Pow: np.power,
        ast.BitAnd: lambda a, b: _truth(a) & _truth(b),
        ast.BitOr: lambda a, b: _truth(a) | _truth(b),
        ast.BitXor: lambda a, b: _truth(a) ^ _truth(b),
    }
)
_UNARY: Mapping[type[ast.unaryop], Function] = MappingProxyType(
    {ast.USub: np.negative, ast.UAdd: operator.pos, ast.Invert: lambda a: ~_truth(a)}
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


class FormulaError(UseError):
    """A formula is wrong at one place.

    Attributes:
        what: What is wrong.
        place: How many characters stand before the place, not counting blanks at the beginning.
    """

    def __init__(self, what: str, text: str, place: int, kind: str = "expression") -> None:
        super().__init__(f"In the {kind}, {what}:\n  {text}\n  {' ' * place}^")
        self.what = what
        self.place = place


class Expression:
    """A formula, such as `1.02+0.01*sin(2*3.14*t/30)`.

    Args:
        text: The formula.
        names: What it may be about; `pi` and `e` are always known.
        pipes: Further functions that work on a whole row of numbers, for `value | smooth(0.3)`: their first argument
            is what stands before the bar. With them, `|` does not mean "or".

    Attributes:
        text: As it was written.
        used: Those of the names that occur in it.
        piped: Those of the pipes that occur in it.

    Raises:
        UseError: It is no such formula; the message shows the place with a caret.
    """

    def __init__(
        self, text: str, names: Collection[str] = ("t",), pipes: Mapping[str, Function] = MappingProxyType({})
    ) -> None:
        self.text = text
        self._names = tuple(names)
        self._pipes = pipes
        self.used: set[str] = set()
        self.piped: set[str] = set()
        if len(text) > LONGEST:
            raise UseError(f"The expression {text[:40]!r}… has {len(text)} characters; {LONGEST} is the most.")
        # On one line and from its first sign on, as Python's parser wants it.
        self._flat = " ".join(text.split("\n")).strip()
        self._root = self._parsed()
        self._check(self._root, 0)

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
            raise self._wrong("this is not a formula", (error.offset or 1) - 1) from None
        except (ValueError, RecursionError, MemoryError):
            raise self._wrong("this is not a formula", 0) from None

    def _check(self, node: ast.expr, depth: int) -> None:
        """Refuse everything but arithmetic, before anything is computed."""
        if depth > DEEPEST:
            raise self._wrong("this is nested too deeply", node)
        match node:
            case ast.Constant(value=bool() | int() | float()):
                parts: list[ast.expr] = []
                _ = self._number(node)
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
                raise self._wrong("only numbers, names, + - * / % **, comparisons and functions are understood", node)
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
            raise self._wrong(f"there is no function {name}.{hint}", node)
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

    def _number(self, node: ast.Constant) -> float:
        try:
            return float(node.value)  # type: ignore[arg-type]
        except OverflowError:
            raise self._wrong("this number is too large", node) from None

    def _value(self, node: ast.expr, values: Mapping[str, Any]) -> Any:
        match node:
            case ast.Constant():
                return np.float64(self._number(node))
            case ast.Name(id=name):
                return CONSTANTS[name] if name not in self._names else np.asarray(values[name], np.float64)
            case ast.BinOp(left=left, op=ast.BitOr(), right=right) if self._pipes:
                return self._piped(self._value(left, values), right, values)
            case ast.BinOp(left=left, op=op, right=right):
                return _BINARY[type(op)](self._value(left, values), self._value(right, values)) * 1.0
            case ast.UnaryOp(op=op, operand=operand):
                return _UNARY[type(op)](self._value(operand, values)) * 1.0
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return _COMPARE[type(op)](self._value(left, values), self._value(right, values)) * 1.0
            case ast.Call(func=ast.Name(id=name), args=args):
                return FUNCTIONS[name][0](*(self._value(arg, values) for arg in args)) * 1.0
        raise AssertionError(node)

    def _piped(self, before: Any, node: ast.expr, values: Mapping[str, Any]) -> Any:
        called, args = (node.func, node.args) if isinstance(node, ast.Call) else (node, [])
        assert isinstance(called, ast.Name)
        given = [self._value(arg, values) for arg in args]
        try:
            return self._pipes[called.id](before, *given)
        except TypeError:
            raise self._wrong(f"{called.id} does not take {len(given)} numbers", node) from None

    def _wrong(self, what: str, where: ast.AST | int) -> FormulaError:
        """Say what is wrong, with a caret below the place."""
        place = where if isinstance(where, int) else where.col_offset  # type: ignore[attr-defined]
        place = min(max(0, place), len(self._flat))
        return FormulaError(what, self._flat, place)


def _truth(value: Any) -> Any:
    return np.asarray(value) != 0
