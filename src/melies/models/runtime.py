"""Running models: one small `Session` over ONNX Runtime and LiteRT, and where and how wide it runs.

with runtime.options(device="cuda", threads=4):
    session = load("rvm")
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import tempfile
import threading
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError, UseError
from melies.models import registry, sources, store

log = logging.getLogger("melies")

Device = Literal["cpu", "cuda", "coreml", "directml", "openvino", "auto"]

PROVIDERS: dict[str, tuple[str, str]] = {
    "cuda": ("CUDAExecutionProvider", "onnxruntime-gpu"),
    "coreml": ("CoreMLExecutionProvider", "onnxruntime"),
    "directml": ("DmlExecutionProvider", "onnxruntime-directml"),
    "cpu": ("CPUExecutionProvider", "onnxruntime"),
    "openvino": ("openvino", "openvino"),
}
"""ONNX Runtime's name for each device, in the order that `auto` tries them, and the package that brings it.

OpenVINO runs ONNX files by itself, on the processor: its package stands beside ONNX Runtime's, which another build of
that would replace. Some models are faster with it, others slower, so `auto` leaves it alone.
"""

ELEMENT_TYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(uint16)": "uint16",
    "tensor(int8)": "int8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}


class Tensor(NamedTuple):
    """An input or output of a model: its shape, with words or None for free sizes, and its element type."""

    shape: tuple[int | str | None, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class Options:
    """Where models run and how wide.

    Attributes:
        device: The kind of processor; `"auto"` takes the first that is installed and starts.
        threads: How many processor cores one run may use; None means all that this process may use.
    """

    device: Device = "cpu"
    threads: int | None = None

    @property
    def width(self) -> int:
        """The number of threads that is meant."""
        return self.threads or _cores()


_options: ContextVar[Options] = ContextVar("melies.models.options", default=Options())  # noqa: B039 (frozen)
_sessions: dict[tuple[str, str | None, Options], Session] = {}
_loading = threading.Lock()


@contextmanager
def options(*, device: Device | None = None, threads: int | None = None) -> Iterator[Options]:
    """Load models with these options inside the `with` block; what is None stays as it is.

    The setting belongs to the running context: a new thread sees it only when it is started with
    `contextvars.copy_context().run`.

    Raises:
        UseError: The device's name is unknown, or threads is less than 1.
    """
    if device is not None and device not in get_args(Device):
        raise UseError(f"There is no device {device!r}; there are {', '.join(get_args(Device))}.")
    if threads is not None and threads < 1:
        raise UseError(f"The number of threads must be at least 1, not {threads}.")
    now = _options.get()
    token = _options.set(replace(now, device=device or now.device, threads=threads or now.threads))
    try:
        yield _options.get()
    finally:
        _options.reset(token)


def providers() -> dict[str, str]:
    """Return the devices that can be used here, each with the name of what runs it, as in `PROVIDERS`."""
    import onnxruntime

    available = onnxruntime.get_available_providers()
    if importlib.util.find_spec("openvino"):
        available = [*available, "openvino"]
    return {device: name for device, (name, _) in PROVIDERS.items() if name in available}


def load(name: str, part: str | None = None) -> Session:
    """Return the model's session, verified and ready to run.

    Sessions are kept for the life of the process, one per model, part and options in force.

    Args:
        name: A row of the registry.
        part: For a `.task` bundle, the name of the file inside it.

    Raises:
        UseError: There is no such model.
        ModelError: Its file is not here or was changed, it has no such part, or the device is not available.
    """
    key = (name, part, _options.get())
    with _loading:
        if key not in _sessions:
            _sessions[key] = _open(*key)
        return _sessions[key]


def load_file(path: Path) -> Session:
    """Return the session of a network that enlarges pictures, from a file of the user's.

    An `.onnx` file is run as it is. From anything else the weights are read and written as ONNX (`convert.from_file`),
    once for each content of the file; the result is kept in the store.

    Args:
        path: An `.onnx`, `.pth`, `.pt` or `.safetensors` file.

    Returns:
        A session; `scale` says by how much it enlarges, and whether it is such a network at all.

    Raises:
        UseError: There is no such file.
        ModelError: It is damaged, wants to run code, or holds a network that is not known.
    """
    path = path.expanduser().resolve()
    if not path.is_file():
        raise UseError(f"There is no file {path}.")
    key = (sources.digest(path), None, _options.get())
    with _loading:
        if key not in _sessions:
            made = path if path.suffix.lower() == ".onnx" else store.converted(path, key[0])
            _sessions[key] = _onnx(str(path), key[2], made, bfloat16=True)
            _sessions[key].file = path
        return _sessions[key]


def written(name: str, content: bytes) -> Session:
    """Return the session of a network that the program has just written; the caller keeps it.

    Args:
        name: What it is called in messages.
        content: An ONNX file. OpenVINO is passed by: it would compile each anew for a long time.

    Raises:
        ModelError: ONNX Runtime refuses it, or the device is not available.
    """
    now = _options.get()
    return _Onnx(name, replace(now, device="cpu") if now.device == "openvino" else now, content)


def scale(session: Session) -> int:
    """Return how many times larger the pictures are that a network gives out than those that it takes.

    Args:
        session: One input and one output, float32 1×3×H×W, RGB of nominally 0…1 and any size: every model for the task
            `upscale`, and what `load_file` returns.

    Raises:
        ModelError: It is no such network.
    """
    if len(session.inputs) != 1 or len(session.outputs) != 1:
        raise ModelError(f"{session.name} does not turn one picture into one picture.")
    ((name, (shape, dtype)),) = session.inputs.items()
    if dtype != np.float32 or len(shape) != 4 or shape[1] != 3 or any(isinstance(size, int) for size in shape[2:]):
        sizes = "×".join(str(size) for size in shape)
        raise ModelError(
            f"{session.name} takes {dtype} {sizes}, and only float32 RGB pictures of any size can be given."
        )
    (made,) = session.run({name: np.zeros((1, 3, 16, 16), np.float32)}).values()
    factor = int(made.shape[-1]) // 16
    if made.shape != (1, 3, 16 * factor, 16 * factor) or not factor:
        raise ModelError(f"{session.name} makes {'×'.join(map(str, made.shape))} of a picture of 16×16.")
    return factor


class Session(ABC):
    """A model that is ready to run; several threads may run it at once. Pickling carries its name, not its weights.

    Attributes:
        name: The registry row.
        part: Which file of a bundle, or None.
        options: Where it runs and how wide.
        inputs: What must be given to `run`.
        outputs: What `run` returns.
        file: The user's file that `load_file` made it of; None for a row of the registry.
    """

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    file: Path | None = None

    def __init__(self, name: str, part: str | None, options: Options) -> None:
        self.name = name
        self.part = part
        self.options = options

    @abstractmethod
    def run(self, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        """Run once.

        Args:
            inputs: An array for every name in `self.inputs`, of that shape and type.
            outputs: Which outputs are wanted; all when None.

        Returns:
            An array for every output that is wanted; they are the caller's own.
        """

    def __reduce__(self) -> tuple[Any, ...]:
        if self.file is not None:
            return _load_file_with, (self.file, self.options)
        return _load_with, (self.name, self.part, self.options)


def current() -> Options:
    """Return the options in force."""
    return _options.get()


def _load_with(name: str, part: str | None, wanted: Options) -> Session:
    with options(device=wanted.device, threads=wanted.threads):
        return load(name, part)


def _load_file_with(path: Path, wanted: Options) -> Session:
    with options(device=wanted.device, threads=wanted.threads):
        return load_file(path)


def _open(name: str, part: str | None, options: Options) -> Session:
    row, path = registry.find(name), store.path(name)
    if row.format == "task":
        return _LiteRt(name, part, options, _part(path, part))
    if part is not None:
        raise ModelError(f"The model {name} is one file and has no part {part!r}.")
    if row.format == "tflite":
        return _LiteRt(name, part, options, path.read_bytes())
    return _onnx(name, options, path, row.bfloat16)


def _onnx(name: str, options: Options, path: Path, bfloat16: bool) -> Session:
    if _provider(options.device) == "openvino":
        from melies.models.openvino import OpenVino

        return OpenVino(name, options, path, bfloat16)
    return _Onnx(name, options, path)


def _part(path: Path, part: str | None) -> bytes:
    with zipfile.ZipFile(path) as bundle:
        if part not in bundle.namelist():
            parts = ", ".join(name for name in bundle.namelist() if name.endswith(".tflite"))
            raise ModelError(f"The bundle {path.name} has no part {part!r}; its parts are {parts}.")
        return bundle.read(part)


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _provider(device: Device) -> str:
    """Return ONNX Runtime's name for a device that was asked for."""
    available = providers()
    if device == "auto":
        return next(iter(available.values()))
    if device not in available:
        _, package = PROVIDERS[device]
        raise ModelError(
            f"The device {device} cannot be used here; available: {', '.join(available)}.",
            f"It comes with: pip install {package}",
        )
    return available[device]


class _Onnx(Session):
    def __init__(self, name: str, options: Options, file: Path | bytes) -> None:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as errors

        super().__init__(name, None, options)
        provider = _provider(options.device)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.width
        settings.log_severity_level = 2
        # Threads that wait in a loop take the cores from decoding and encoding.
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        wanted = [provider, "CPUExecutionProvider"] if provider != "CPUExecutionProvider" else [provider]
        try:
            self._session = onnxruntime.InferenceSession(file, settings, providers=wanted)
        except (
            errors.Fail,
            errors.InvalidArgument,
            errors.InvalidGraph,
            errors.InvalidProtobuf,
            errors.NotImplemented,
            errors.RuntimeException,
        ) as error:
            raise ModelError(f"ONNX Runtime cannot load {name if isinstance(file, bytes) else file}: {error}") from None
        if options.device != "auto" and self._session.get_providers()[0] != provider:
            raise ModelError(
                f"ONNX Runtime has {provider} but could not start it.",
                f"Install the driver and libraries that it needs, or choose another device than {options.device}.",
            )
        self.inputs = {i.name: _tensor(i) for i in self._session.get_inputs()}
        self.outputs = {o.name: _tensor(o) for o in self._session.get_outputs()}

    def run(self, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        names = list(self.outputs if outputs is None else outputs)
        return dict(zip(names, self._session.run(names, dict(inputs)), strict=True))


def _tensor(argument: Any) -> Tensor:
    return Tensor(tuple(argument.shape), np.dtype(ELEMENT_TYPES[argument.type]))


class _LiteRt(Session):
    """A LiteRT interpreter runs once at a time, so one is made for every run that goes on at the same moment."""

    def __init__(self, name: str, part: str | None, options: Options, content: bytes) -> None:
        super().__init__(name, part, options)
        if options.device not in ("cpu", "auto"):
            log.warning("The model %s runs on the CPU: LiteRT does not use the device %s.", name, options.device)
        self._content = content
        with _quiet():
            first = self._interpreter()
        self._idle = [first]
        inputs, outputs = first.get_input_details(), first.get_output_details()
        self.inputs = {i["name"]: Tensor(tuple(map(int, i["shape"])), np.dtype(i["dtype"])) for i in inputs}
        self.outputs = {o["name"]: Tensor(tuple(map(int, o["shape"])), np.dtype(o["dtype"])) for o in outputs}
        self._input_index = {i["name"]: i["index"] for i in inputs}
        self._output_index = {o["name"]: o["index"] for o in outputs}

    def _interpreter(self) -> Any:
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_content=self._content, num_threads=self.options.width)
        interpreter.allocate_tensors()
        return interpreter

    def run(self, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        try:
            interpreter = self._idle.pop()
        except IndexError:
            interpreter = self._interpreter()
        for name, index in self._input_index.items():
            interpreter.set_tensor(index, inputs[name])
        interpreter.invoke()
        names = self.outputs if outputs is None else outputs
        made = {name: interpreter.get_tensor(self._output_index[name]) for name in names}
        self._idle.append(interpreter)
        return made


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep LiteRT's note that it made its usual delegate, for which it has no switch, off the standard error."""
    note = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
    with tempfile.TemporaryFile() as caught:
        stderr = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            caught.seek(0)
            os.write(2, caught.read().replace(note, b""))
