"""Pretrained models: which there are (`registry`), where their files lie (`store`), how they run (`runtime`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from melies.models.runtime import Session

__all__ = ["load", "path"]


def load(name: str, part: str | None = None) -> Session:
    """Return the model's session, verified and ready to run, cached in this process; see `runtime.load`."""
    from melies.models import runtime

    return runtime.load(name, part)


def path(name: str) -> Path:
    """Return the model's verified file; see `store.path`."""
    from melies.models import store

    return store.path(name)
