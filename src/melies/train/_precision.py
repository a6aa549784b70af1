"""Mixed precision: convolutions in numbers of 16 bits, weights and sums in 32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch

from melies.errors import UseError
from melies.train._trainer import Trainer

_TYPES = {"16": torch.float16, "bf16": torch.bfloat16}
_scaler: ContextVar[Any] = ContextVar("scaler", default=None)


def descend(optimiser: Any, loss: Any) -> None:
    """Do one step of an optimiser down a loss, in the precision that the run has.

    In numbers of 16 bits small gradients vanish, so the loss is scaled up first (Micikevicius et al., "Mixed Precision
    Training", 2018).

    Args:
        optimiser: Of PyTorch; its gradients are cleared before.
        loss: A scalar tensor.
    """
    optimiser.zero_grad()
    scaler = _scaler.get()
    if scaler is None:
        loss.backward()
        optimiser.step()
        return
    scaler.scale(loss).backward()
    scaler.step(optimiser)
    scaler.update()


class Precision:
    """How a run computes.

    Args:
        trainer: What is trained, with the wish for a precision.
        device: PyTorch's name of where to compute.

    Attributes:
        kind: `"32"`, `"16"` or `"bf16"`.
        scaler: What scales losses, with `state_dict` and `load_state_dict`; does nothing but for `"16"`.

    Raises:
        UseError: The trainer cannot do with less than 32 bits, or the device has no such numbers.
    """

    def __init__(self, trainer: Trainer, device: str) -> None:
        self.kind = _chosen(trainer, device)
        self._device = device
        self.scaler = torch.amp.GradScaler(device, enabled=self.kind == "16")

    @contextmanager
    def step(self) -> Iterator[None]:
        """Compute one step, or what is shown of the networks, in this precision."""
        token = _scaler.set(self.scaler if self.kind == "16" else None)
        try:
            with torch.autocast(self._device, _TYPES.get(self.kind), enabled=self.kind != "32"):
                yield
        finally:
            _scaler.reset(token)


def _chosen(trainer: Trainer, device: str) -> str:
    wanted = trainer.precision
    if wanted == "auto":
        return fastest(device) if trainer.mixed else "32"
    if wanted != "32" and not trainer.mixed:
        raise UseError(f"The trainer {trainer.name()} needs numbers of 32 bits.", "Leave out --precision.")
    if wanted == "16" and device == "cpu":
        raise UseError("Processors do not compute well with --precision 16.", "Give bf16 or 32, or leave it out.")
    return wanted


def fastest(device: str) -> str:
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "16"
    if device == "cpu" and hasattr(torch.cpu, "get_capabilities"):  # which older versions do not have
        can = torch.cpu.get_capabilities()
        return "bf16" if can.get("avx512_bf16") or can.get("amx_bf16") else "32"
    return "32"
