"""Reading the networks of StyleGAN's `.pkl` files, without PyTorch, without their program and without trust.

StyleGAN2-ADA and StyleGAN3 pickle whole objects: each says the name of its class, carries that class's source text, and
wants `torch_utils.persistence` to execute it. This reader executes nothing. An object becomes its attributes, a tensor
the bytes of its storage, and what else a pickle mentions by name is refused.

Karras, Aittala, Hellsten, Laine, Lehtinen and Aila, "Training Generative Adversarial Networks with Limited Data"
(2020).
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError, UseError
from melies.models.convert import checkpoint
from melies.models.convert.checkpoint import BROKEN, StateDict, Storage, Tensor, Unpickler, refuse_bombs

_MOST_MODULES = 2000
_TENSORFLOW = "dnnlib.tflib"


@dataclass(frozen=True)
class Network:
    """A network as it was stored.

    Attributes:
        path: Its file.
        kind: The name of its class, such as `Generator`.
        arguments: What its maker was called with, by name.
        attributes: Numbers, texts and lists of such that its parts keep, named `synthesis.b4.conv1.conv_clamp`.
        weights: Parameters and buffers, named as in PyTorch's state dict.
    """

    path: Path
    kind: str
    arguments: Mapping[str, Any]
    attributes: Mapping[str, Any]
    weights: StateDict

    def attribute(self, name: str) -> Any:
        """Return an attribute.

        Raises:
            ModelError: There is no such.
        """
        if name not in self.attributes:
            raise ModelError(f"{self.path} is no network that is known here: it does not say {name}.")
        return self.attributes[name]

    def number(self, name: str) -> float:
        """Return an attribute that is a finite number.

        Raises:
            ModelError: There is no such.
        """
        value = self.attribute(name)
        if not isinstance(value, int | float) or not np.isfinite(value):
            raise ModelError(f"{self.path} is no network that is known here: {name} is {value!r}, not a number.")
        return float(value)


def read(path: Path, part: str = "G_ema") -> Network:
    """Read a network.

    Args:
        path: A `.pkl` file of StyleGAN2-ADA (the one for PyTorch) or StyleGAN3.
        part: Which of its networks; `G_ema` is the generator that makes the pictures.

    Returns:
        The network; floating point of any width as float32.

    Raises:
        UseError: There is no such file.
        ModelError: It is no such file, is damaged, or wants to use anything but networks' attributes and tensors.
    """
    if not path.is_file():
        raise UseError(f"There is no file {path}.")
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            refuse_bombs(file, size)
            file.seek(0)
            content = _Unpickler(file, path).load()
        found = content.get(part) if isinstance(content, Mapping) else None
        if not isinstance(found, _Object):
            raise ModelError(f"{path} holds no network called {part}.")
        return _network(path, found, size)
    except BROKEN as error:
        raise ModelError(f"{path} is damaged: {str(error) or type(error).__name__}.", "Fetch it again.") from None


class _Object(NamedTuple):
    """A persistent object: the dictionary that says what it is."""

    meta: Any

    @property
    def state(self) -> Mapping[str, Any]:
        state = self.meta["state"]
        if not isinstance(state, Mapping):
            raise ValueError("an object has no attributes")
        return state


class _Stored(NamedTuple):
    """The elements of tensors: a file of its own."""

    data: bytes


class _Placed(NamedTuple):
    """A tensor before its storage is read."""

    stored: Any
    offset: Any
    size: Any
    stride: Any

    def array(self, path: Path, limit: int) -> NDArray[Any]:
        """Return its elements, not more than `limit` of them."""
        content, stored = checkpoint.legacy(path, io.BytesIO(self.stored.data), len(self.stored.data))
        if not isinstance(content, Storage):
            raise ValueError("a tensor's storage is none")
        if not all(isinstance(number, int) for number in (self.offset, *self.size, *self.stride)):
            raise ValueError("a tensor has a shape that is not of whole numbers")
        elements = stored({content.key})[content.key]
        array = Tensor(content, self.offset, tuple(self.size), tuple(self.stride)).view(elements)
        if array.size > limit:
            raise ValueError("its tensors have more elements than the file has bytes")
        return array


class _Kind:
    """The type of numpy's elements: numbers and booleans only."""

    def __init__(self, code: object) -> None:
        if not isinstance(code, str) or not re.fullmatch("[biuf][1248]", code):
            raise ValueError(f"{code!r} is not a type of numbers")
        self._code = code
        self._order = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] not in ("<", ">", "|", "="):
            raise ValueError(f"{state[1]!r} is no order of bytes")
        self._order = state[1]

    def elements(self, data: bytes) -> NDArray[Any]:
        return np.frombuffer(data, f"{self._order}{self._code}")


class _Array:
    """An array of numpy's."""

    value: Any = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, columns, data = state
        self.value = kind.elements(data).reshape(shape, order="F" if columns else "C").tolist()


class _Unpickler(Unpickler):
    """Makes what its base makes, and `_Object`, `_Placed`, and numpy's numbers as Python's."""

    remedy = "Fetch it from those who trained the network: their own files ask for nothing else."

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith(_TENSORFLOW):
            raise ModelError(
                f"{self.path} was written by StyleGAN for TensorFlow, which is not read.",
                "Convert it with legacy.py of stylegan2-ada-pytorch, or fetch the file for PyTorch.",
            )
        module = module.replace("numpy._core", "numpy.core")
        # Functions made anew for each file, and types that cannot be changed: nothing a pickle does to them lasts.
        allowed: dict[tuple[str, str], Callable[..., object] | str] = {
            ("torch_utils.persistence", "_reconstruct_persistent_obj"): lambda meta: _Object(meta),
            ("torch.storage", "_load_from_bytes"): lambda data: _Stored(data),
            ("torch._utils", "_rebuild_tensor_v2"): lambda *given: _Placed(*given[:4]),
            ("dnnlib.util", "EasyDict"): dict,
            ("builtins", "set"): set,
            ("numpy", "ndarray"): "ndarray",
            ("numpy", "dtype"): lambda code, *_: _Kind(code),
            ("numpy.core.multiarray", "_reconstruct"): lambda *_: _Array(),
            ("numpy.core.multiarray", "scalar"): lambda kind, data: kind.elements(data)[0].item(),
        }
        found = allowed.get((module, name))
        return super().find_class(module, name) if found is None else found


def _network(path: Path, top: _Object, size: int) -> Network:
    weights: StateDict = {}
    attributes: dict[str, Any] = {}
    left = size
    for count, (prefix, item) in enumerate(_parts(top)):
        if count > _MOST_MODULES:
            raise ValueError(f"it has more than {_MOST_MODULES} parts")
        state = item.state
        for table in ("_parameters", "_buffers"):
            for name, tensor in state.get(table, {}).items():
                if isinstance(tensor, _Placed):
                    weights[f"{prefix}{name}"] = array = tensor.array(path, left)
                    left -= array.size
        attributes |= {f"{prefix}{name}": _plain(value) for name, value in state.items() if name[:1] != "_"}
    arguments = {name: _plain(value) for name, value in top.state.get("_init_kwargs", {}).items()}
    return Network(path, str(top.meta["class_name"]), arguments, attributes, weights)


def _parts(top: _Object) -> Iterator[tuple[str, _Object]]:
    """The object and all below it, with what comes before the names of theirs."""
    waiting = [("", top)]
    while waiting:
        prefix, item = waiting.pop()
        yield prefix, item
        inner = item.state.get("_modules", {}).items()
        waiting += [(f"{prefix}{name}.", part) for name, part in inner if isinstance(part, _Object)]


def _plain(value: object) -> Any:
    return value.value if isinstance(value, _Array) else value
