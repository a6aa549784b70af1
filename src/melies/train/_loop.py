"""The loop that all trainers share: time, learning rate, checkpoints, previews, log and export."""

from __future__ import annotations

import json
import pickle
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from melies.errors import ModelError, UseError
from melies.files import replacing
from melies.frame import Image
from melies.matting.scale import cv
from melies.train import _cards, _curves, _options
from melies.train._averages import Averages
from melies.train._log import Log
from melies.train._precision import Precision
from melies.train._trainer import Progress, Trainer, Work

LOWEST = 0.05
"""What is left of the learning rate at the end."""
RECENT = 50
"""Steps over which the losses that are shown are averaged."""
LOGGED = 10
"""Steps between two lines of the log."""
EARLY = 15.0
"""Seconds after which the first preview comes: what goes wrong from the beginning is to be seen soon."""
SAVED = 300.0
"""Seconds between two checkpoints at most."""


def train(trainer: Trainer, *, resume: bool, stopped: Callable[[], bool]) -> Iterator[Progress]:
    """Train; see `melies.train.run`."""
    folder = trainer.out
    checkpoint = folder / "checkpoint.pt"
    if resume and not checkpoint.is_file():
        raise UseError(f"There is no checkpoint in {folder}.", "Begin a run there: leave out --resume.")
    if not resume and checkpoint.exists():
        raise UseError(f"There is a run in {folder} already.", "Go on with it: --resume. Or name another folder: --out")
    if resume:
        _options.must_suit(trainer)
    _cards.must_have_room(trainer, _options.begun(type(trainer), folder).get("name") if resume else None)
    made = not folder.exists()
    with _options.undone(folder, made):
        run = _Run(trainer)
    return _sitting(run, checkpoint if resume else None, stopped, made)


def _sitting(run: _Run, checkpoint: Path | None, stopped: Callable[[], bool], made: bool) -> Iterator[Progress]:
    with _options.undone(run.trainer.out, made):
        yield from run.steps(checkpoint, stopped)


def export_only(trainer: Trainer) -> Progress:
    """Write the ONNX files of a checkpoint; see `melies.train.export`."""
    checkpoint = trainer.out / "checkpoint.pt"
    if not checkpoint.is_file():
        raise UseError(f"There is no checkpoint in {trainer.out}.", "Train first: leave out --export-only.")
    _options.must_suit(trainer)
    run = _Run(trainer)
    run.restore(checkpoint)
    return Progress(run.step, None, 0.0, None, {}, files=run.exported())


class _Run:
    """One sitting of a training."""

    def __init__(self, trainer: Trainer) -> None:
        if trainer.threads is not None:
            torch.set_num_threads(trainer.threads)
        torch.manual_seed(trainer.seed)
        self.trainer = trainer
        self.rng = np.random.default_rng(trainer.seed)
        device = device_for(trainer.device)
        self.precision = Precision(trainer, device)
        self.work: Work = trainer.begin(self.rng, device)
        self.averages = Averages(self.work.networks, trainer.average) if trainer.average else None
        self._rates = [[group["lr"] for group in optimiser.param_groups] for optimiser in self.work.optimisers.values()]
        self.step = 0
        self.measured: Mapping[str, float] = {}
        self._best = np.inf

    def steps(self, checkpoint: Path | None, stopped: Callable[[], bool]) -> Iterator[Progress]:
        """Do step after step until it is enough."""
        trainer = self.trainer
        if checkpoint is not None:
            self.restore(checkpoint)
        if trainer.steps is not None and self.step >= trainer.steps:
            steps = "1 step is" if self.step == 1 else f"{self.step} steps are"
            raise UseError(
                f"{steps} done already in {trainer.out}.",
                f"Give a number of --steps above {self.step}, or --minutes alone.",
            )
        log: Log | None = None
        recent: deque[dict[str, float]] = deque(maxlen=RECENT)
        began = shown = saved = time.monotonic()
        waiting = min(EARLY, trainer.preview_every)
        first = self.step
        finished = False
        while not finished:
            share = self._share(time.monotonic() - began)
            rate = self._set_rate(share)
            with self.precision.step():
                recent.append({name: float(loss) for name, loss in self.work.step().items()})
            if log is None:  # not before: the first step may also read the material, and refuse it
                log = self._opened()
            self.step += 1
            if self.averages is not None:
                self.averages.update(self.step)
            self._must_be_finite(recent[-1])
            now = time.monotonic()
            if self.step == first + 1:
                began = shown = saved = now  # the first step also read the material
            share = self._share(now - began)
            finished = (share is not None and share >= 1) or stopped()
            files: list[Path] = []
            fresh: dict[str, float] = {}
            preview = None
            if finished or (trainer.preview_every and now - shown >= waiting):
                self.measured = fresh = self._measured()
                preview, path = self._preview()
                files.append(path)
                shown, waiting = now, trainer.preview_every
            if finished or self.step % trainer.save_every == 0 or now - saved >= SAVED:
                files.append(self.save())
                saved = now
            if finished or fresh or self.step % LOGGED == 0:
                log.write(self.step, now - began, rate, _mean(list(recent)[-LOGGED:]), fresh)
            if preview is not None:
                title = f"{trainer.name()} in {trainer.out}"
                _curves.write(trainer.out, title, preview, minimised=trainer.minimised, running=not finished)
            if finished:
                files += [*self.exported(), trainer.out / _curves.NAME]
            spent = time.monotonic() - began
            left = self._left(share, spent, first)
            yield Progress(self.step, share, spent, left, _mean(recent), dict(self.measured), files, preview)

    def _opened(self) -> Log:
        """Make the folder of the run, with the options in it, and the log."""
        self.trainer.out.mkdir(parents=True, exist_ok=True)
        _options.write(self.trainer)
        return Log(self.trainer.out / "log.csv", self.step)

    def save(self) -> Path:
        """Write the checkpoint, replacing the old one when it is complete."""
        path = self.trainer.out / "checkpoint.pt"
        content = {
            "trainer": self.trainer.name(),
            "step": self.step,
            "measured": dict(self.measured),
            "networks": {name: net.state_dict() for name, net in self.work.networks.items()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.work.optimisers.items()},
            "averages": self.averages.state if self.averages is not None else {},
            "scaler": self.precision.scaler.state_dict(),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "numpy": json.dumps(self.rng.bit_generator.state),
        }
        return _write(content, path)

    def restore(self, path: Path) -> None:
        """Take up a checkpoint.

        Raises:
            ModelError: It is damaged, or of another trainer or network.
        """
        with _fitting(path):
            content = torch.load(path, map_location="cpu", weights_only=True)
            if content["trainer"] != self.trainer.name():
                raise ModelError(f"{path} is of the trainer {content['trainer']}, not of {self.trainer.name()}.")
            self._load(content["networks"])
            for name, optimiser in self.work.optimisers.items():
                optimiser.load_state_dict(content["optimisers"][name])
            if self.averages is not None and content["averages"]:
                self.averages.state = content["averages"]
            if content.get("scaler"):  # which checkpoints of earlier versions and of other precisions do not have
                self.precision.scaler.load_state_dict(content["scaler"])
            torch.set_rng_state(content["torch"])
            if content.get("cuda") and torch.cuda.is_available():
                torch.cuda.set_rng_state_all(content["cuda"])
            self.rng.bit_generator.state = json.loads(content["numpy"])
            self.step = int(content["step"])
            self.measured = content.get("measured", {})
        if (best := self._kept_best()) is not None:
            self._best = float(best["value"])

    def exported(self) -> list[Path]:
        """Write the ONNX files with their cards: of the best networks that were kept, or of those there are now."""
        best = self._kept_best()
        with self._looking():
            if best is None:
                facts = _cards.Facts(self.step, self.measured)
                files = self.work.export(self.trainer.out)
            else:
                facts = _cards.Facts(best["step"], best["measured"])
                now = {name: _copied(net.state_dict()) for name, net in self.work.networks.items()}
                self._load(best["networks"])
                files = self.work.export(self.trainer.out)
                self._load(now)
        # What "auto" came to here may be another elsewhere.
        exact = {"precision": self.precision.kind} if self.trainer.mixed else {}
        return _cards.complete(files, self.trainer.model_copy(update=exact), facts)

    def _load(self, states: Mapping[str, Any]) -> None:
        for name, net in self.work.networks.items():
            net.load_state_dict(states[name])

    def _kept_best(self) -> dict[str, Any] | None:
        """Return the best networks of the run; None if none are kept."""
        path = self.trainer.out / "best.pt"
        if self.trainer.minimised is None or not path.is_file():
            return None
        with _fitting(path):
            best: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return best

    def _measured(self) -> dict[str, float]:
        """Measure, and keep the networks if they are the best so far."""
        with self._looking():
            measured = {name: float(value) for name, value in self.work.measure().items()}
            value = np.inf if self.trainer.minimised is None else measured[self.trainer.minimised]
            if value < self._best:
                self._best = value
                networks = {name: net.state_dict() for name, net in self.work.networks.items()}
                best = {"step": self.step, "value": value, "measured": measured, "networks": networks}
                _write(best, self.trainer.out / "best.pt")
        return measured

    def _preview(self) -> tuple[Image, Path]:
        path = self.trainer.out / "previews" / f"{self.step:07}.png"
        path.parent.mkdir(exist_ok=True)
        with self._looking():
            preview = np.ascontiguousarray(self.work.preview())
        _, png = cv.imencode(".png", preview[..., ::-1])
        with replacing(path) as part:
            part.write_bytes(png.tobytes())
        return preview, path

    @contextmanager
    def _looking(self) -> Iterator[None]:
        """Show the networks as they would be used; what follows in training does not depend on it."""
        modes = {name: net.training for name, net in self.work.networks.items()}
        kept = torch.get_rng_state()
        usual = self.averages.swap if self.averages is not None else lambda: None
        for net in self.work.networks.values():
            net.eval()
        usual()
        try:
            with torch.no_grad():
                yield
        finally:
            usual()
            torch.set_rng_state(kept)
            for name, net in self.work.networks.items():
                net.train(modes[name])

    def _share(self, seconds: float) -> float | None:
        shares = []
        if self.trainer.minutes is not None:
            shares.append(seconds / (60 * self.trainer.minutes))
        if self.trainer.steps is not None:
            shares.append(self.step / self.trainer.steps)
        return min(1.0, max(shares)) if shares else None

    def _left(self, share: float | None, seconds: float, first: int) -> float | None:
        if share is None:
            return None
        left = []
        if self.trainer.minutes is not None:
            left.append(60 * self.trainer.minutes - seconds)
        # The first step, which also reads the material, says nothing about the others.
        if self.trainer.steps is not None and self.step > first + 1:
            left.append((self.trainer.steps - self.step) * seconds / (self.step - first - 1))
        return max(0.0, min(left)) if left else None

    def _set_rate(self, share: float | None) -> float:
        decay = self.trainer.decay
        factor = 1.0 if share is None or not decay else min(1.0, max(LOWEST, (1 - share) / decay))
        for optimiser, rates in zip(self.work.optimisers.values(), self._rates, strict=True):
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * factor
        return self.trainer.rate * factor

    def _must_be_finite(self, losses: Mapping[str, float]) -> None:
        for name, loss in losses.items():
            if not np.isfinite(loss):
                raise ModelError(
                    f"The training fell apart: the loss {name} is {loss} at step {self.step}.",
                    "Go on from the last checkpoint with a smaller --rate: --resume",
                )


def _write(content: Mapping[str, Any], path: Path) -> Path:
    """Write a checkpoint, replacing the old one when it is complete."""
    with replacing(path) as part:
        torch.save(content, part)
    return path


def _copied(state: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value.detach().clone() for key, value in state.items()}


@contextmanager
def _fitting(path: Path) -> Iterator[None]:
    """Say it in one sentence when a checkpoint is damaged or of something else."""
    try:
        yield
    except (pickle.UnpicklingError, RuntimeError, KeyError, TypeError, ValueError, EOFError, OSError):
        raise ModelError(
            f"{path} does not fit the networks that these options make, or is damaged.",
            "Give the options that the run was begun with, or begin another: --out",
        ) from None


def device_for(wanted: str) -> str:
    has = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return "cuda" if has["cuda"] else "mps" if has["mps"] else "cpu"
    if not has[wanted]:
        raise UseError(f"PyTorch cannot compute on {wanted} here.", "Leave out --device, or install PyTorch for it.")
    return wanted


def _mean(losses: Any) -> dict[str, float]:
    sums: dict[str, list[float]] = {}
    for each in losses:
        for name, value in each.items():
            sums.setdefault(name, []).append(value)
    return {name: float(np.mean(values)) for name, values in sums.items()}
