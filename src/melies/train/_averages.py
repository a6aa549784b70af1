"""A running average of networks' weights, which usually does better than the weights of any one step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch


class Averages:
    """The averages, beside the networks that they are of.

    Args:
        networks: Modules by name.
        keep: How much of itself the average keeps in a step, 0…1; less at the beginning, so that the first, random
            weights are soon forgotten.

    Attributes:
        state: State dicts by name.
    """

    def __init__(self, networks: Mapping[str, Any], keep: float) -> None:
        self._networks = networks
        self._keep = keep
        self.state: dict[str, dict[str, Any]] = {
            name: {key: value.detach().clone() for key, value in net.state_dict().items()}
            for name, net in networks.items()
        }

    def update(self, step: int) -> None:
        """Take the weights after a step, counted from 1, into the averages; whole numbers are taken over."""
        keep = min(self._keep, step / (step + 9))
        with torch.no_grad():
            for name, net in self._networks.items():
                for key, value in net.state_dict().items():
                    mine = self.state[name][key]
                    if mine.is_floating_point():
                        mine.lerp_(value.to(mine), 1 - keep)
                    else:
                        mine.copy_(value)

    def swap(self) -> None:
        """Exchange the networks' weights with the averages."""
        for name, net in self._networks.items():
            now = {key: value.detach().clone() for key, value in net.state_dict().items()}
            net.load_state_dict(self.state[name])
            self.state[name] = now
