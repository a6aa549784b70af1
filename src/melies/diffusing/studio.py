"""`Studio`: a diffusion model that has been loaded, and its pipelines behind the same few numbers.

Latent diffusion: Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models" (CVPR 2022); guidance:
Ho and Salimans, "Classifier-Free Diffusion Guidance" (2022); pictures of pictures: Meng et al., "SDEdit" (ICLR 2022);
AnimateDiff: Guo et al. (ICLR 2024); Wan: Wan Team, "Open and Advanced Large-Scale Video Generative Models" (2025).
"""

from __future__ import annotations

import inspect
import logging
import math
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from melies.diffusing.folder import Model, require
from melies.dreaming.camera import Picture
from melies.dreaming.prompts import Part
from melies.errors import ModelError, UseError
from melies.models import runtime

log = logging.getLogger("melies")

_REMEMBERED = 16
"""Texts whose meaning is kept."""
_DAMAGED = (OSError, ValueError, TypeError, LookupError, AttributeError, ImportError, RuntimeError)
"""What Diffusers and Transformers raise over files that are not as they should be."""
_LONGEST = 512
"""Tokens of a text that Wan reads."""


class Said(NamedTuple):
    """What a text means to a model, as tensors: where it is wanted, and where it is not."""

    wanted: Any
    unwanted: Any
    pooled: Any = None
    unpooled: Any = None


class Wish(NamedTuple):
    """How a picture is made.

    Attributes:
        parts: What it shows; parts with weights below 0 it shall not show.
        steps: From noise to picture.
        guidance: How closely it keeps to the text; 1 and less leave out what is not wanted.
        seed: Where its random numbers come from.
    """

    parts: tuple[Part, ...]
    steps: int
    guidance: float
    seed: int


class Studio:
    """A model that has been loaded. It does one thing at a time, whoever asks.

    Args:
        model: Which.
        device: As PyTorch calls it.
    """

    def __init__(self, model: Model, device: str) -> None:
        import diffusers
        import torch
        from safetensors import SafetensorError

        self._torch = torch
        self._family = model.family
        self._device = device
        self._busy = threading.Lock()
        self._said: dict[str, Said] = {}
        kind = torch.float32 if device == "cpu" else getattr(torch, model.family.half)
        if model.family.half == "bfloat16":  # whose colours are too coarse for decoding
            kind = {"default": kind, "vae": torch.float32}
        try:
            self._make = _loaded(model, kind)
        except (*_DAMAGED, SafetensorError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
            raise ModelError(f"The diffusion model {model.folder} cannot be loaded: {reason}.") from error
        again = getattr(diffusers, model.family.remake)
        asked = inspect.signature(again.__init__).parameters
        parts = {**self._make.components, **dict(self._make.config)}
        self._remake = again(**{name: self._make.components.get(name, parts[name]) for name in asked if name in parts})
        for pipeline in (self._make, self._remake):
            self._settle(pipeline)

    def size(self, width: int, height: int, side: int | None) -> tuple[int, int]:
        """Return the size at which pictures of a shape are made: what the model learned, in multiples it can take.

        Args:
            width: Of the shape.
            height: Of the shape.
            side: A square of this side is as large; None for what the model learned.

        Raises:
            UseError: That is more than it can make.
        """
        multiple = self._multiple
        scale = (side or self._learned) / math.sqrt(width * height)
        wide, high = (max(1, round(length * scale / multiple)) * multiple for length in (width, height))
        # Wan has a table of the places that it knows.
        most = self._network.config.get("rope_max_seq_len", math.inf) * multiple
        if max(wide, high) > most:
            raise UseError(f"This model makes at most {most} pixels a side, not {wide}x{high}.", "Lower --detail.")
        return wide, high

    def noise_shape(self, width: int, height: int) -> tuple[int, int, int]:
        """Return the shape of the noise for one step in time of pictures of a size: channels, rows, columns."""
        shrunk = self._shrunk
        return self._channels, height // shrunk, width // shrunk

    def made(self, noise: Sequence[np.ndarray], size: tuple[int, int], wish: Wish) -> list[Picture]:
        """Make pictures of noise.

        Args:
            noise: float32 of `noise_shape`, for each step in time of the latents.
            size: Width and height, as `size` returns them.
            wish: How.

        Returns:
            `H×W×3` float32, 0…1: one, or those of a window.

        Raises:
            UseError: The window is longer than what the model can make at once.
            ModelError: There is too little memory.
        """
        self._allow((len(noise) - 1) * self._family.every + 1)
        latents = self._torch.from_numpy(np.stack(noise))
        given: dict[str, Any] = {"width": size[0], "height": size[1]}
        if self._family.moves:
            latents = latents.movedim(0, 1)[None]
            given["num_frames"] = (len(noise) - 1) * self._family.every + 1
        with self._busy:
            given["latents"] = latents.to(self._network.dtype)
            return self._run(self._make, wish, given)

    def remade(self, pictures: Sequence[Picture], wish: Wish, strength: float) -> list[Picture]:
        """Make pictures of pictures: each is noised as far as `strength` says, and made anew from there.

        Args:
            pictures: `H×W×3` float32, 0…1, of a size that `size` returns: one, or those of a window.
            wish: How.
            strength: 0 leaves them as they are, 1 leaves next to nothing of them.

        Raises:
            UseError: As for `made`.
            ModelError: As for `made`.
        """
        self._allow(len(pictures))
        if int(wish.steps * strength) < 1:
            return list(pictures)
        planes = self._torch.from_numpy(np.ascontiguousarray(np.stack(pictures).transpose(0, 3, 1, 2)))
        given: dict[str, Any] = {"strength": min(strength, 1.0)}
        if self._family.moves:
            height, width = pictures[0].shape[:2]
            given |= {"video": planes[None], "width": width, "height": height}
        else:
            given["image"] = planes
        with self._busy:
            return self._run(self._remake, wish, given)

    def _run(self, pipeline: Any, wish: Wish, given: dict[str, Any]) -> list[Picture]:
        if self._device == "cpu":
            self._torch.set_num_threads(runtime.current().width)
        try:
            made = pipeline(
                **self._meaning(wish.parts),
                **given,
                num_inference_steps=wish.steps,
                guidance_scale=wish.guidance,
                generator=self._torch.Generator("cpu").manual_seed(wish.seed),
                output_type="np",
            )
        except self._torch.OutOfMemoryError:
            hint = "Give it a smaller --detail, or a shorter --window." if self._family.moves else "Lower --detail."
            raise ModelError(f"There is too little memory on {self._device} for this diffusion model.", hint) from None
        if any(getattr(made, "nsfw_content_detected", None) or ()):
            log.warning("The safety checker of the diffusion model has blackened a picture.")
        pictures = made.frames[0] if self._family.moves else made.images
        return [np.clip(np.asarray(picture, np.float32), 0, 1) for picture in pictures]

    def _allow(self, frames: int) -> None:
        """See that the model can make so many frames at once."""
        adapter = getattr(self._make, "motion_adapter", None)
        most = adapter.config.motion_max_seq_length if adapter is not None else frames
        if frames > most:
            raise UseError(f"This model makes at most {most} frames at once.", f"Give it --window {most} or less.")

    def _meaning(self, parts: Sequence[Part]) -> dict[str, Any]:
        """What the parts mean together, as a pipeline is told it: their weighted mean."""
        wanted = [part for part in parts if part.weight > 0] or [Part("", 1.0)]
        unwanted = [Part(part.text, -part.weight) for part in parts if part.weight < 0] or [Part("", 1.0)]
        told = {
            "prompt_embeds": self._mean(wanted, 0),
            "negative_prompt_embeds": self._mean(unwanted, 1),
            "pooled_prompt_embeds": self._mean(wanted, 2),
            "negative_pooled_prompt_embeds": self._mean(unwanted, 3),
        }
        return {name: tensor for name, tensor in told.items() if tensor is not None}

    def _mean(self, parts: Sequence[Part], which: int) -> Any:
        tensors = [self._read(part.text)[which] for part in parts]
        if tensors[0] is None:
            return None
        whole = sum(part.weight for part in parts)
        return sum(tensor * (part.weight / whole) for tensor, part in zip(tensors, parts, strict=True))

    def _read(self, text: str) -> Said:
        """Return what a text means; the same text is read once."""
        if text not in self._said:
            if len(self._said) >= _REMEMBERED:
                self._said.pop(next(iter(self._said)))
            self._warn_of_length(text)
            pipeline = self._make
            given = {"do_classifier_free_guidance": True, "device": pipeline._execution_device}
            asked = inspect.signature(pipeline.encode_prompt).parameters
            given |= {name: 1 for name in ("num_images_per_prompt", "num_videos_per_prompt") if name in asked}
            if "max_sequence_length" in asked:
                given["max_sequence_length"] = _LONGEST
            with self._torch.no_grad():
                self._said[text] = Said(*pipeline.encode_prompt(text, negative_prompt=text or None, **given))
        return self._said[text]

    def _warn_of_length(self, text: str) -> None:
        """Say it where the end of a text is not read."""
        most = min(self._make.tokenizer.model_max_length, _LONGEST)
        count = len(self._make.tokenizer(text, verbose=False).input_ids)
        if count > most:
            log.warning("Of the prompt %.40r… only the first %d of %d tokens are read.", text, most, count)

    @property
    def _network(self) -> Any:
        return getattr(self._make, "unet", None) or self._make.transformer

    @property
    def _channels(self) -> int:
        return int(self._network.config.in_channels)

    @property
    def _shrunk(self) -> int:
        """Pixels a side for each number of the latents."""
        return int(getattr(self._make, "vae_scale_factor", None) or self._make.vae_scale_factor_spatial)

    @property
    def _multiple(self) -> int:
        config = self._network.config
        if "patch_size" in config:
            return self._shrunk * int(config.patch_size[-1])
        return math.lcm(8, self._shrunk * 2 ** (len(config.block_out_channels) - 1))

    @property
    def _learned(self) -> int:
        if self._family.side is not None:
            return self._family.side
        side = self._network.config.sample_size or 64
        return self._shrunk * int(side if isinstance(side, int) else max(side))

    def _settle(self, pipeline: Any) -> None:
        """Let a pipeline take little memory: pictures are decoded one by one and in tiles, networks wait their turn."""
        pipeline.set_progress_bar_config(disable=True)
        pipeline.vae.enable_slicing()
        pipeline.vae.enable_tiling()
        if self._device == "cuda":
            pipeline.enable_model_cpu_offload()
            return
        pipeline.to(self._device)
        if self._device == "mps":  # elsewhere PyTorch's own attention needs no more memory than slices do
            pipeline.enable_attention_slicing()


@lru_cache(maxsize=1)
def _opened(model: Model, device: str) -> Studio:
    return Studio(model, device)


def studio(model: Model) -> Studio:
    """Return a model, loaded; the one that was used last is kept.

    Raises:
        UseError: The packages are missing, or `--device` names something that PyTorch does not have here.
        ModelError: It cannot be loaded.
    """
    require()
    return _opened(model, usable_device())


def usable_device() -> str:
    """Return what `--device` means to PyTorch.

    Raises:
        UseError: PyTorch does not have it here.
    """
    import torch

    asked = runtime.current().device
    here = {"cuda": torch.cuda.is_available(), "coreml": torch.backends.mps.is_available(), "cpu": True}
    if asked == "auto":
        asked = next(device for device in ("cuda", "coreml", "cpu") if here[device])
    if not here.get(asked):
        usable = ", ".join(device for device, found in here.items() if found)
        raise UseError(f"PyTorch cannot run on {asked} here.", f"It can run on: {usable}.")
    return "mps" if asked == "coreml" else asked


def _loaded(model: Model, kind: Any) -> Any:
    """Load the pipeline that makes pictures of texts: from this computer, from safetensors, without code."""
    import diffusers
    import transformers

    diffusers.logging.set_verbosity_error()
    diffusers.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    safely: dict[str, Any] = {"local_files_only": True, "use_safetensors": True, "dtype": kind}
    if model.motion is not None:
        safely["motion_adapter"] = diffusers.MotionAdapter.from_pretrained(model.motion, **safely)
    loader = getattr(diffusers, model.family.make)
    return loader.from_pretrained(model.folder, variant=model.variant, trust_remote_code=False, **safely)
