"""`Trainer`: what to train, as fields; `Work`: networks and material in the making; `Progress`: how far it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Protocol

import numpy as np
from pydantic import ConfigDict, Field, WithJsonSchema, field_validator

from melies.effect import Step
from melies.frame import Image
from melies.models import own

Folder = Annotated[Path, WithJsonSchema({"type": "string", "format": "directory-path"})]
"""The path of a folder."""

Device = Literal["auto", "cpu", "cuda", "mps"]
"""Where PyTorch computes."""

Precision = Literal["auto", "32", "16", "bf16"]
"""Of how many bits the numbers are that networks compute with."""


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
        step: Steps done, with those before a pause.
        share: How much of the time or steps that were given is used up, 0…1; None if nothing limits it.
        seconds: How long this sitting has taken.
        left: Seconds that are probably left; None if nothing limits it.
        losses: The mean of each loss over the last steps.
        measured: What was last measured on material that training does not see.
        files: What was written in this step: previews, checkpoints, ONNX files and their cards.
        preview: The sheet that was painted in this step, if one was, `H×W×3` uint8.
    """

    step: int
    share: float | None
    seconds: float
    left: float | None
    losses: Mapping[str, float]
    measured: Mapping[str, float] = field(default_factory=dict)
    files: Sequence[Path] = ()
    preview: Image | None = None


class Work(Protocol):
    """Networks, their optimisers and the material: what a trainer makes when it begins."""

    @property
    def networks(self) -> Mapping[str, Any]:
        """Modules by name: their weights and buffers are what a checkpoint holds.

        What else the steps to come depend on, such as pictures made earlier that are to be seen again, is to be such a
        module, too.
        """

    @property
    def optimisers(self) -> Mapping[str, Any]:
        """By name, made with the trainer's learning rate, which is then changed for them as time goes on."""

    def step(self) -> Mapping[str, Any]:
        """Do one step, every optimiser's included, and return the losses by name, as numbers or scalar tensors."""

    def measure(self) -> Mapping[str, float]:
        """Measure on material that training does not see; the networks are in evaluation mode, without gradients."""

    def preview(self) -> Image:
        """Paint a sheet that shows people how it goes, `H×W×3` uint8; circumstances as for `measure`."""

    def export(self, folder: Path) -> list[Path]:
        """Write ONNX files into a folder and return them; circumstances as for `measure`.

        What only the run as a whole knows is filled in their cards afterwards: name, seed, steps, command, licence,
        measurements, and, where it is empty, what they were trained on.
        """


class Trainer(Step):
    """What to train, on what, for how long, as fields; they are the options of `melies train NAME`.

    Attributes:
        lasting: Names of the options that make the networks what they are: a run goes on only with the same.
        minimised: The measurement by which the best networks are known: the smallest. They are kept, and exported in
            place of the last ones. None if the last ones are the best.
        mixed: Whether a step may be computed in mixed precision; its optimisers are then driven by `descend`.
        advice: For the help: which material, how much of it, and what to expect after how long.
        examples: For the help: commands, without `melies`.
    """

    model_config = ConfigDict(populate_by_name=True)

    lasting: ClassVar[tuple[str, ...]] = ()
    minimised: ClassVar[str | None] = None
    mixed: ClassVar[bool] = False
    advice: ClassVar[str] = ""
    examples: ClassVar[tuple[str, ...]] = ()

    out: Folder = Field(
        description="Folder of the run, made if it is not there: checkpoint, previews, log, finished ONNX files."
    )
    minutes: float | None = Field(None, gt=0, description="Stop after so many minutes of this sitting.")
    steps: int | None = Field(None, ge=1, description="Stop when so many steps are done, earlier sittings included.")
    batch: int = Field(8, ge=1, le=256, description="Examples in a step: more is steadier, slower, and takes memory.")
    rate: float = Field(2e-4, gt=0, le=1, description="How far a step goes: the learning rate.")
    decay: float = Field(
        0.3, ge=0, le=1, description="Share of the time, at the end, in which the learning rate falls to a twentieth."
    )
    average: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Use a running average of the weights that keeps this much of itself in a step; .999 is usual.",
    )
    seed: int = Field(0, ge=0, le=999_999, description="Where the random numbers start.")
    save_every: int = Field(500, ge=1, description="Steps between two checkpoints; one is written at the end as well.")
    preview_every: float = Field(
        60.0, ge=0, description="Seconds between two previews and measurements; 0: only the last."
    )
    kept_as: str | None = Field(
        None,
        alias="name",
        description="Keep the finished network among your own models under this name, by which effects then know it.",
    )
    data: str = Field("", description="For the model's card: what it was trained on; the names of files if not given.")
    licence: str = Field(
        "", description="For the model's card: what others may do with it; think of the material that it learned from."
    )
    device: Device = Field("auto", description="Where to compute.")
    precision: Precision = Field(
        "auto",
        description="Bits of the numbers: 32, or 16 and bf16, which take half the memory and, where the processor can "
        "do it, half the time; auto: what suits device and trainer.",
    )
    threads: int | None = Field(None, ge=1, description="Processor cores to use; all if it is not given.")

    @field_validator("kept_as")
    @classmethod
    def _a_name(cls, name: str | None) -> str | None:
        if name is not None and not own.NAME.fullmatch(name):
            raise ValueError(own.NAMES)
        return name

    def begin(self, rng: np.random.Generator, device: str) -> Work:
        """Read the material and make the networks.

        Args:
            rng: Random numbers for `Work.step`, kept in checkpoints as PyTorch's own are; nothing else may draw from
                them after this.
            device: PyTorch's name of where to compute.

        Raises:
            UseError: The material cannot be used.
        """
        raise NotImplementedError
