"""The folder of a diffusion model: which pipeline it asks for, and whether it may be loaded at all.

Nothing here needs PyTorch. Weights are read from safetensors alone, and no code that lies beside them is run.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from melies.errors import ModelError, UseError

PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "safetensors")
"""What the extra `diffusion` brings."""

_INDEX = "model_index.json"
_LARGEST = 1 << 20
"""Bytes that a file which describes a model may have."""
_SINGLE = (
    "One file with everything in it becomes one with StableDiffusionPipeline.from_single_file(FILE)"
    ".save_pretrained(FOLDER)."
)
_PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
_LIBRARIES = ("diffusers", "transformers", "stable_diffusion")
"""Where the classes of parts come from; the last is what Diffusers calls its own module of the safety checker."""
_PARTS = {
    "feature_extractor", "image_encoder", "motion_adapter", "safety_checker", "scheduler", "text_encoder",
    "text_encoder_2", "tokenizer", "tokenizer_2", "transformer", "unet", "vae",
}  # fmt: skip


class Family(NamedTuple):
    """A kind of model, and the pipelines of Diffusers that run it.

    Attributes:
        title: What it is called.
        make: The class that makes pictures of texts.
        remake: The class that makes pictures of pictures.
        window: Frames that it makes at once; 1 if it knows no motion.
        every: Frames for each step in time of its latents.
        side: Pixels a side of a square as large as the pictures that it learned from; None if its network says it.
        half: The short floating point numbers that it is run with on a graphics card.
    """

    title: str
    make: str
    remake: str
    window: int = 1
    every: int = 1
    side: int | None = None
    half: str = "float16"

    @property
    def moves(self) -> bool:
        """Whether it makes several frames at once."""
        return self.window > 1


_ANIMATED = Family("AnimateDiff", "AnimateDiffPipeline", "AnimateDiffVideoToVideoPipeline", 16)
_STILL = Family("Stable Diffusion", "StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline")
FAMILIES = (
    _STILL,
    Family("Stable Diffusion XL", "StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline"),
    _ANIMATED,
    Family("Wan", "WanPipeline", "WanVideoToVideoPipeline", 81, 4, 632, "bfloat16"),
)
"""What can be run."""


class Model(NamedTuple):
    """A model that may be loaded.

    Attributes:
        folder: Where it lies.
        family: What it is.
        variant: The infix of its files, such as `fp16`; None without one.
        motion: The folder of a motion adapter that is put into it.
    """

    folder: Path
    family: Family
    variant: str | None = None
    motion: Path | None = None

    @property
    def label(self) -> str:
        """What it is called in the provenance of what it makes, without the folders above it."""
        if self.folder.parent.name == "snapshots":  # the cache of the hub: models--ORG--NAME/snapshots/COMMIT
            return self.folder.parents[1].name.removeprefix("models--").replace("--", "/")
        return self.folder.name


@lru_cache(maxsize=16)
def find(name: str, motion: str | None = None) -> Model:
    """Return the model that a user means, looked at but not loaded.

    Args:
        name: A folder as Diffusers writes it, or `ORG/NAME` of the hub if that is in the local cache.
        motion: The same of an AnimateDiff motion adapter for a Stable Diffusion model.

    Raises:
        UseError: There is no such model here, or it is none that can be run.
        ModelError: It is damaged, or holds pickles or code of its own.
    """
    folder = local(name, _SINGLE)
    index = described(folder / _INDEX, f"{name} is no diffusion model: it has no {_INDEX}.")
    asked = index.get("_class_name")
    family = next((family for family in FAMILIES if asked in (family.make, family.remake)), None)
    if family is None:
        known = ", ".join(family.title for family in FAMILIES)
        raise UseError(f"{name} asks for {asked!r}, which diffuse does not run.", f"It runs: {known}.")
    variants = {_checked(folder, name, part, kind) for part, kind in index.items() if _is_part(kind)}
    adapter = None
    if motion is not None:
        if family is not _STILL:
            raise UseError(f"A motion adapter is for Stable Diffusion models, and {name} is {family.title}.")
        adapter, family = _adapter(motion), _ANIMATED
    return Model(folder, family, next(filter(None, sorted(variants)), None), adapter)


@lru_cache(maxsize=4)
def require(what: str = "Diffusion models") -> None:
    """See that the packages are here, without loading them.

    Args:
        what: That needs them.

    Raises:
        UseError: One is missing.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise UseError(
            f"{what} need {', '.join(missing)}, not installed here.",
            "Install what is needed: pip install 'melies[diffusion]'",
        )


def local(name: str, hint: str = "") -> Path:
    """Return the folder of a model that is on this computer.

    Args:
        name: A folder, or `ORG/NAME` of the hub if that is in the local cache.
        hint: What to do with a file.

    Raises:
        UseError: There is none.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_file():
        raise UseError(f"{name} is a file; the folder of a model is expected.", hint)
    return _cached(name)


def _cached(name: str) -> Path:
    """Where the cache of the hub keeps a model; nothing is fetched."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    hint = "Give the folder of a model, or fetch one of the hub first, such as: hf download ORG/NAME"
    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (HFValidationError, LocalEntryNotFoundError):
        raise UseError(f"{name} is neither a folder nor a model in the hub's cache on this computer.", hint) from None


def described(path: Path, otherwise: str) -> dict[str, Any]:
    """Read a JSON file that holds words and values.

    Args:
        path: The file.
        otherwise: What is said if it is not there.

    Raises:
        UseError: It is not there.
        ModelError: It cannot be read.
    """
    if not path.is_file():
        raise UseError(otherwise)
    try:
        text = path.read_bytes() if path.stat().st_size <= _LARGEST else b""
        read = json.loads(text)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise ModelError(f"{path} cannot be read: it is no description of a model.")
    return read


def _is_part(kind: Any) -> bool:
    """Whether an entry of the index names a library and a class."""
    return isinstance(kind, list) and any(kind)


def _checked(folder: Path, name: str, part: str, kind: list[Any]) -> str:
    """Look at one part of a model; return the infix of its weights' files, if all have one."""
    library = kind[0]
    if part not in _PARTS:
        raise UseError(f"{name} has a part called {part!r}, which diffuse does not know.")
    if library not in _LIBRARIES:
        raise ModelError(f"{name} wants its {part} to come from {library!r}: only Diffusers and Transformers are used.")
    if not (folder / part).is_dir():
        raise ModelError(f"{name} is not whole: its {part} is missing.", "Fetch it again.")
    return weights(folder / part, name)


def weights(folder: Path, name: str) -> str:
    """Look at the files of a part of a model; return the infix of its weights' names, if all have one.

    Args:
        folder: Where they are.
        name: What the model is called.

    Raises:
        ModelError: There are pickles instead of safetensors, or code that it wants to be run.
    """
    for config in sorted(folder.glob("*config.json")):
        if "auto_map" in described(config, ""):
            raise ModelError(f"{name} brings code of its own ({config.name} of {folder.name}), which is never run.")
    files = [path.name for path in sorted(folder.iterdir())]
    safe = [file for file in files if file.endswith(".safetensors")]
    pickles = [file for file in files if file.endswith(_PICKLES)]
    if pickles and not safe:
        raise ModelError(
            f"{name} holds its {folder.name} as a pickle ({pickles[0]}), which could run anything when it is opened.",
            "Take a version with .safetensors files.",
        )
    for index in sorted(folder.glob("*.safetensors.index*.json")):
        listed = described(index, "").get("weight_map")
        if not isinstance(listed, dict) or not set(listed.values()) <= set(safe):
            raise ModelError(f"{name} is not whole: {index.name} of {folder.name} names other files than are there.")
    infixed = [file for file in safe if ".fp16." in file]
    return "fp16" if safe and len(infixed) == len(safe) else ""


def _adapter(name: str) -> Path:
    folder = local(name)
    config = described(folder / "config.json", f"{name} is no motion adapter: it has no config.json.")
    if config.get("_class_name") != "MotionAdapter":
        raise UseError(f"{name} is no motion adapter, but {config.get('_class_name')!r}.")
    weights(folder, name)
    return folder
