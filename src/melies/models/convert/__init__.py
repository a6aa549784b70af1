"""Turning the files that a source holds into the one file that is loaded."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from melies.errors import ModelError

NETWORKS = ("dcgan", "efficientnet", "ffdnet", "minilm", "rife", "super_resolution", "transnet")
"""Modules of this package that build a network from its weights."""
LAYERED = ("dlib_face",)
"""Those that build one from TensorFlow.js weights that come without a graph."""

TASKS: dict[str, tuple[str, ...]] = {
    "upscale": ("super_resolution", "spandrel"),
    "translate": ("cyclegan",),
    "style": ("fast_style",),
    "paint": ("spade", "pix2pix"),
    "walk": ("dcgan",),
}
"""Modules of this package that know the networks for a task, each with `convert(weights) -> bytes`.

What they refuse they refuse with a `ModelError` of one sentence.
"""


def convert(
    how: Literal["checkpoint", "join", "ncnn", "onnx", "tfjs", "zip"], files: Sequence[Path], options: Mapping[str, Any]
) -> bytes:
    """Return the content of the model file.

    Args:
        how: `"checkpoint"` wants one `.pth` or `.safetensors` file, or a zip file that holds one by the name of the
            option `member`, and the option `network` (one of `NETWORKS`) for anything but enlarging, and `part` where
            it holds several networks side by side; `"join"` puts the
            files one after the other; `"ncnn"` wants a `.param` and a `.bin` file; `"onnx"` wants an ONNX file, to be
            made to take pictures of any size; `"tfjs"` wants a graph model's JSON file and then its weight files, or,
            with the option `network` (one of `LAYERED`), the JSON file of the weights' manifest in place of the graph;
            `"zip"` bundles the files under their names.
        files: The files, in the order of the registry.
        options: Keyword arguments of the converter.

    Raises:
        ModelError: The network cannot be converted.
    """
    if how == "checkpoint":
        return _from_checkpoint(files[0], **options)
    if how == "zip":
        return _bundle(files)
    first, *rest = (path.read_bytes() for path in files)
    if how == "onnx":
        from melies.models.convert import onnx_sizes

        return onnx_sizes.convert(first, **options)
    if how == "join":
        return b"".join([first, *rest])
    if how == "ncnn":
        from melies.models.convert import ncnn

        return ncnn.convert(first.decode(), rest[0])
    weights = dict(zip((path.name for path in files[1:]), rest, strict=True))
    if "network" in options:
        return _from_manifest(first, weights, **options)
    from melies.models.convert import tfjs

    return tfjs.convert(first, weights, **options)


def _bundle(files: Sequence[Path]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as bundle:
        for path in files:
            # A fixed date, so that the same files always make the same bundle.
            bundle.writestr(zipfile.ZipInfo(path.name), path.read_bytes())
    return made.getvalue()


def _from_manifest(manifest: bytes, files: Mapping[str, bytes], network: str) -> bytes:
    from melies.models.convert import tfjs

    if network not in LAYERED:
        raise ModelError(f"There is no network {network!r}; there are {', '.join(LAYERED)}.")
    made = import_module(f"{__name__}.{network}").convert(tfjs.stored(json.loads(manifest), files))
    assert isinstance(made, bytes)
    return made


def _from_checkpoint(path: Path, network: str = "super_resolution", member: str = "", part: str = "") -> bytes:
    from melies.models.convert import checkpoint

    if network not in NETWORKS:
        raise ModelError(f"There is no network {network!r}; there are {', '.join(NETWORKS)}.")
    if member:
        path = _unpacked(path, member)
    made = import_module(f"{__name__}.{network}").convert(checkpoint.read(path, [part] if part else ()))
    assert isinstance(made, bytes)
    return made


def _unpacked(archive: Path, member: str) -> Path:
    """Put what is in a zip file, whose sha256 is known to be right, beside it."""
    target = archive.with_suffix(Path(member).suffix)
    with zipfile.ZipFile(archive) as opened, opened.open(member) as stream, target.open("xb") as file:
        shutil.copyfileobj(stream, file)
    return target


def from_file(path: Path, task: str = "upscale") -> bytes:
    """Return as ONNX the network whose weights are in a file of the user's.

    Args:
        path: A checkpoint.
        task: What the network is for: `"upscale"`, or one of `TASKS`.

    Raises:
        UseError: There is no such file.
        ModelError: It is damaged, wants to run code, or the network is not known.
    """
    from melies.models.convert import checkpoint

    weights = checkpoint.read(path)
    builders = [import_module(f"{__name__}.{module}").convert for module in TASKS[task]]
    reasons: list[ModelError] = []
    for build in builders:
        try:
            made = build(weights)
        except ModelError as reason:
            reasons.append(reason)
        else:
            assert isinstance(made, bytes)
            return made
    raise ModelError(f"{path} cannot be used: {' '.join(r.message for r in reasons)}", reasons[-1].hint)
