"""Reading the tensors of a checkpoint, `.pth`, `.pt`, `.pkl` or `.safetensors`, without PyTorch and without trust.

A file that `torch.save` wrote holds a pickle and the tensors' bytes: since PyTorch 1.6 as members of a zip file, before
that one after the other. Pickles are programs: this reader runs none, because the only names that a pickle may mention
are those that put tensors together.

Formats: https://docs.pytorch.org/docs/stable/notes/serialization.html and https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import io
import json
import math
import pickle
import pickletools
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError, UseError

StateDict = dict[str, NDArray[Any]]

WRAPPERS = ("params_ema", "params", "state_dict", "model")
"""What training programs put the weights under, the one to be preferred first."""

STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
SAFETENSORS = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}
LEGACY = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
"""What files of PyTorch before 1.6 begin with."""

LONGEST_HEADER = 100_000_000
"""Bytes that the header of a .safetensors file may have at most, as in the reference reader."""

# What damaged or hostile files make zipfile and pickle raise: they trust the kinds and the order of what they read.
BROKEN = (
    zipfile.BadZipFile,
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def read(path: Path, parts: Sequence[str] = ()) -> StateDict:
    """Read the weights of a network.

    What training programs wrap them in (`params_ema`, `params`, `state_dict`, `model`) and the prefix `module.` of
    parallel training are taken off; entries that are no tensors are left out.

    Args:
        path: A file of `torch.save` or a `.safetensors` file, told apart by their content.
        parts: Names under which a file of `torch.save` holds several networks side by side. Theirs are the only weights
            that are read, and the part's name and a dot come before every key.

    Returns:
        An array for every key, in the file's order: floating point of any width as float32, whole numbers and
        booleans as they are. The arrays may be read-only.

    Raises:
        UseError: There is no such file.
        ModelError: It is no such checkpoint, is damaged, or holds anything but tensors of finite numbers.
    """
    if not path.is_file():
        raise UseError(f"There is no file {path}.")
    try:
        weights = _weights(path, parts)
    except BROKEN as error:
        raise ModelError(f"{path} is damaged: {str(error) or type(error).__name__}.", "Fetch it again.") from None
    if not weights:
        raise ModelError(f"{path} holds no weights by name.", "Save the state dict: torch.save(net.state_dict(), PATH)")
    spoilt = [key for key, value in weights.items() if value.dtype.kind == "f" and not np.isfinite(value).all()]
    if spoilt:
        raise ModelError(
            f"{path} cannot be used: {spoilt[0]} holds weights that are no finite numbers.",
            "A training that went wrong leaves such: take what it saved earlier.",
        )
    if all(key.startswith("module.") for key in weights):
        return {key.removeprefix("module."): value for key, value in weights.items()}
    return weights


def _weights(path: Path, parts: Sequence[str]) -> StateDict:
    with path.open("rb") as file:
        start = file.read(len(LEGACY))
        file.seek(0)
        if start[:2] == b"PK":
            with zipfile.ZipFile(file) as archive:
                return _zipped(path, archive, parts)
        if start == LEGACY:
            return _legacy(path, file, parts)
        if start[8:9] == b"{":
            return _safetensors(file.read())
    raise ModelError(f"{path} is not a checkpoint: neither torch.save nor safetensors wrote it.")


class Storage(NamedTuple):
    """Where a tensor's elements lie: their type, the storage's name, how many it has."""

    dtype: str
    key: str
    length: int


class Tensor(NamedTuple):
    """A tensor before its storage is read."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    def view(self, elements: NDArray[Any]) -> NDArray[Any]:
        """Return the tensor's array out of its storage's elements, staying inside them."""
        if len(self.size) != len(self.stride) or min((self.offset, *self.size, *self.stride)) < 0:
            raise ValueError(f"a tensor has shape {self.size} and strides {self.stride}")
        last = self.offset + sum((length - 1) * step for length, step in zip(self.size, self.stride, strict=True))
        count = math.prod(self.size)
        # More elements than are stored would be the same memory again and again.
        if count > elements.size or (count and last >= elements.size):
            raise ValueError(f"a tensor of shape {self.size} reaches beyond its {elements.size} elements")
        steps = [step * elements.itemsize for step in self.stride]
        array = np.ndarray(self.size, elements.dtype, elements, self.offset * elements.itemsize if count else 0, steps)
        return np.ascontiguousarray(array).reshape(self.size)


class Unpickler(pickle.Unpickler):
    """Makes dictionaries, lists, numbers, texts and `Tensor`, and nothing else."""

    remedy = "Ask for its weights alone: torch.save(net.state_dict(), PATH), or a .safetensors file"

    def __init__(self, file: IO[bytes], path: Path) -> None:
        super().__init__(file)
        self.path = path
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a name that the pickle mentions, or refuse it."""
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        # The functions are made anew for each file, so that nothing a pickle does to them lasts.
        allowed: dict[tuple[str, str], Callable[..., object]] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): lambda *given: _tensor(*given[:4]),
            ("torch._utils", "_rebuild_parameter"): lambda *given: given[0],
        }
        if (module, name) not in allowed:
            raise ModelError(
                f"{self.path} was refused: it wants to use {module}.{name}, and only tensors are read.",
                self.remedy,
            )
        return allowed[module, name]

    def persistent_load(self, pid: Any) -> Storage:
        """Note where the elements of a tensor lie."""
        what, dtype, key, _, count, *view = pid
        if what != "storage" or dtype not in STORAGES.values() or view not in ([], [None]):
            raise ValueError(f"{what!r} {dtype!r} is no storage of tensors")
        return self.storages.setdefault(str(key), Storage(dtype, str(key), int(count)))


def _tensor(storage: object, offset: object, size: object, stride: object) -> Tensor:
    if not isinstance(storage, Storage) or not isinstance(size, tuple) or not isinstance(stride, tuple):
        raise ValueError("a tensor is put together in an unknown way")
    if not all(isinstance(number, int) for number in (offset, *size, *stride)):
        raise ValueError("a tensor has a shape that is not of whole numbers")
    return Tensor(storage, offset, size, stride)  # type: ignore[arg-type]


def _tensors(path: Path, content: Any, parts: Sequence[str]) -> dict[str, Tensor]:
    """Return the tensors by their names: the network's, or those of its parts."""
    if not parts:
        return _unwrapped(content)
    for part in parts:
        if not isinstance(content, Mapping) or not isinstance(content.get(part), Mapping):
            raise ModelError(f"{path} holds no network called {part}.")
    return {
        f"{part}.{key.removeprefix('module.')}": tensor
        for part in parts
        for key, tensor in _unwrapped(content[part]).items()
    }


def _unwrapped(content: object) -> dict[str, Tensor]:
    """Return the tensors by their names, without what the training program put around them."""
    while isinstance(content, Mapping):
        inner = next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            return {key: item for key, item in content.items() if isinstance(key, str) and isinstance(item, Tensor)}
        content = inner
    return {}


def refuse_bombs(file: IO[bytes], limit: int) -> None:
    """Read a pickle to its end and refuse places of its memory that it cannot fill: room would be made for them all."""
    for operation, argument, _ in pickletools.genops(file):
        if operation.name in ("PUT", "LONG_BINPUT") and (argument or 0) > limit:
            raise ValueError(f"its pickle names place {argument} in a file of {limit} bytes")


def _elements(data: bytes, dtype: str, order: Literal["<", ">"] = "<") -> NDArray[Any]:
    """Return the elements in a piece of memory, in this computer's byte order."""
    if dtype == "bfloat16":
        # The upper half of a float32.
        return (np.frombuffer(data, f"{order}u2").astype(np.uint32) << 16).view(np.float32)
    found = np.frombuffer(data, np.dtype(dtype).newbyteorder(order))
    return found.astype(np.float32 if found.dtype.kind == "f" else dtype, copy=False)


def _zipped(path: Path, archive: zipfile.ZipFile, parts: Sequence[str]) -> StateDict:
    """Read what `torch.save` writes since PyTorch 1.6."""
    names = archive.namelist()
    if any(name.endswith("/constants.pkl") for name in names):
        raise ModelError(
            f"{path} is a TorchScript program, not a checkpoint.",
            "Save its weights: torch.save(torch.jit.load(PATH).state_dict(), NEW)",
        )
    pickles = [name for name in names if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ModelError(f"{path} is a zip file, but not one that torch.save wrote.")
    # torch.save never compresses; what unpacks to more than the file has could fill the memory.
    if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
        raise ModelError(f"{path} was not written by torch.save: its parts are compressed.")
    folder = pickles[0].removesuffix("data.pkl")
    big = f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") == b"big"
    program = archive.read(pickles[0])
    refuse_bombs(io.BytesIO(program), len(program))
    unpickler = Unpickler(io.BytesIO(program), path)
    tensors = _tensors(path, unpickler.load(), parts)
    # What training kept for its optimisers is several times as large as the weights.
    needed = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    storages = {
        key: _elements(archive.read(f"{folder}data/{key}"), storage.dtype, ">" if big else "<")
        for key, storage in needed.items()
    }
    return {name: tensor.view(storages[tensor.storage.key]) for name, tensor in tensors.items()}


def _legacy(path: Path, file: IO[bytes], parts: Sequence[str]) -> StateDict:
    content, stored = legacy(path, file, path.stat().st_size)
    tensors = _tensors(path, content, parts)
    storages = stored({tensor.storage.key for tensor in tensors.values()})
    return {name: tensor.view(storages[tensor.storage.key]) for name, tensor in tensors.items()}


def legacy(path: Path, file: IO[bytes], limit: int) -> tuple[Any, Callable[[Container[str]], StateDict]]:
    """Read what PyTorch before 1.6 wrote: magic number, version, system, content, names of storages; the storages.

    Args:
        path: What the file is called in messages.
        file: Where it begins.
        limit: Bytes that it has.

    Returns:
        The content, without the storages' elements; and what reads those of some names, once.
    """
    places = []
    for _ in range(5):
        places.append(file.tell())
        refuse_bombs(file, limit)
    unpicklers = []
    contents: list[Any] = []
    for place in places:
        file.seek(place)
        unpicklers.append(Unpickler(file, path))
        contents.append(unpicklers[-1].load())
    _, _, system, content, keys = contents
    order: Literal["<", ">"] = "<" if system["little_endian"] else ">"

    def stored(needed: Container[str]) -> StateDict:
        storages = {}
        for key in keys:
            storage = unpicklers[3].storages[key]
            size = storage.length * (2 if storage.dtype == "bfloat16" else np.dtype(storage.dtype).itemsize)
            count = int.from_bytes(file.read(8), "little")
            if key not in needed:
                file.seek(size, io.SEEK_CUR)
                continue
            data = file.read(min(size, limit))
            if count != storage.length or len(data) != size:
                raise ValueError(
                    f"storage {key} has {count} elements and {len(data)} bytes in place of {storage.length}"
                )
            storages[key] = _elements(data, storage.dtype, order)
        return storages

    return content, stored


def _safetensors(data: bytes) -> StateDict:
    (length,) = struct.unpack("<Q", data[:8])
    if length > min(LONGEST_HEADER, len(data) - 8):
        raise ValueError(f"its header should have {length} bytes and the file has {len(data)}")
    body = memoryview(data)[8 + length :]
    header = json.loads(data[8 : 8 + length])
    return {name: _entry(name, entry, body) for name, entry in header.items() if name != "__metadata__"}


def _entry(name: str, entry: Mapping[str, Any], body: memoryview) -> NDArray[Any]:
    begin, end = entry["data_offsets"]
    if not 0 <= begin <= end <= len(body):
        raise ValueError(f"{name} lies from {begin} to {end} of {len(body)} bytes")
    if entry["dtype"] not in SAFETENSORS:
        raise ValueError(f"{name} is of the type {entry['dtype']}, which is not known")
    return _elements(bytes(body[begin:end]), SAFETENSORS[entry["dtype"]]).reshape(entry["shape"])
