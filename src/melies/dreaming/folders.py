"""Models that lead a dream or stand for its pictures: folders that are looked at first, and loaded with PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from melies.diffusing.folder import described, local, require, weights
from melies.errors import ModelError, UseError


class Kind(NamedTuple):
    """A kind of model.

    Attributes:
        title: What it is called.
        key: Where its description says what it is.
        value: What it says there.
    """

    title: str
    key: str
    value: str


CLIP = Kind("CLIP", "model_type", "clip")
VQGAN = Kind("VQGAN", "_class_name", "VQModel")


class Model(NamedTuple):
    """A model that may be loaded.

    Attributes:
        folder: Where it lies.
        kind: What it is.
        label: What it is called in the provenance of what it makes, without the folders above it.
        variant: The infix of its files, such as `fp16`; None without one.
    """

    folder: Path
    kind: Kind
    label: str
    variant: str | None

    @property
    def config(self) -> dict[str, Any]:
        """Its description."""
        return described(self.folder / "config.json", f"{self.folder} is no {self.kind.title}: it has no config.json.")

    def load(self, loader: Callable[..., Any], **more: Any) -> Any:
        """Load a part of it, from this computer.

        Args:
            loader: The method `from_pretrained` of its class.
            more: What else it is told.

        Raises:
            ModelError: It cannot be loaded.
        """
        from safetensors import SafetensorError

        broken = (OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, SafetensorError)
        try:
            return loader(self.folder, local_files_only=True, **more)
        except broken as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
            raise ModelError(f"The {self.kind.title} in {self.folder} cannot be loaded: {reason}.") from error

    def network(self, library: Any, name: str, device: str) -> Any:
        """Load the network itself, from safetensors alone, on a device and with nothing in it to be learned.

        Args:
            library: Transformers or Diffusers, which say nothing while they load.
            name: Of its class there.
            device: As PyTorch calls it.

        Raises:
            ModelError: It cannot be loaded.
        """
        library.logging.set_verbosity_error()
        library.logging.disable_progress_bar()
        network = self.load(getattr(library, name).from_pretrained, use_safetensors=True, variant=self.variant)
        return network.float().eval().requires_grad_(False).to(device)


@lru_cache(maxsize=8)
def find(name: str, kind: Kind) -> Model:
    """Return a model that a user means, looked at but not loaded.

    Args:
        name: A folder as Transformers or Diffusers write it, or `ORG/NAME` of the hub if that is in the local cache.
        kind: What it should be.

    Raises:
        UseError: There is no such model here, or the packages that run it are missing.
        ModelError: It is damaged, or holds pickles or code of its own.
    """
    folder = local(name)
    label = folder.name if Path(name).expanduser().is_dir() else name
    model = Model(folder, kind, label, weights(folder, name) or None)
    asked = model.config.get(kind.key)
    if asked != kind.value:
        raise UseError(f"{name} is no {kind.title}, but {asked!r}.")
    require(kind.title)
    return model
