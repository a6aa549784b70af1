"""What this computer has to work with: `melies doctor`."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

import av
from pydantic import BaseModel, ConfigDict

import melies
from melies.media.camera import cameras
from melies.media.output import CODECS
from melies.models import registry, runtime, store


class Diagnosis(BaseModel):
    """Everything that matters for a report of what works and what does not."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    melies: str
    """its version"""
    python: str
    """version and where it is"""
    system: str
    """operating system and processor"""
    cores: int
    """processor cores that this process may use"""
    packages: dict[str, str]
    """what Méliès is built on, with versions; `missing` for extras that are not installed"""
    ffmpeg: str
    """version of the libraries that read and write"""
    devices: tuple[str, ...]
    """what can run models, for `--device`"""
    encoders: dict[str, bool]
    """codecs, for `--codec`, and whether their encoder is here"""
    cameras: tuple[str, ...]
    """cameras that were found"""
    models: dict[str, Literal["missing", "ready", "bundled"]]
    """models, and whether they are here"""
    store: Path
    """folder where models are kept"""
    free_bytes: int
    """free disk space there"""


def diagnose() -> Diagnosis:
    """Look around."""
    home = store.home()
    return Diagnosis(
        melies=melies.__version__,
        python=f"{platform.python_version()} ({sys.executable})",
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        packages=packages(),
        ffmpeg=av.ffmpeg_version_info,
        devices=tuple(runtime.providers()),
        encoders={name: can_encode(codec.encoder) for name, codec in CODECS.items() if "-" not in name},
        cameras=cameras(),
        models={row.name: store.status(row) for row in registry.rows()},
        store=home,
        free_bytes=shutil.disk_usage(existing(home)).free,
    )


def packages() -> dict[str, str]:
    """Return the version of everything that Méliès asks for, extras included."""
    asked = {re.split(r"[^\w.-]", text)[0] for text in requires("melies") or ()} - {"melies"}
    return {name: installed(name) for name in sorted(asked, key=str.lower)}


def installed(name: str) -> str:
    """Return a distribution's version, or `missing`."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def can_encode(encoder: str) -> bool:
    """Whether FFmpeg's libraries hold this encoder."""
    try:
        av.Codec(encoder, "w")
    except av.codec.codec.UnknownCodecError:
        return False
    return True


def existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())
