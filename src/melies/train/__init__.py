"""Trainers: one file each; the file's name is the command's name, as with effects.

Training needs PyTorch (`pip install 'melies[train]'`), describing a trainer does not: its fields are its options, and
what it makes is ONNX, which every effect runs without PyTorch. Plugins add theirs by the entry point group
`melies.trainers`, whose value names a module that holds one trainer class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec

from melies.errors import UseError
from melies.registry import Registry
from melies.train._options import begun, must_be_folder, to_go_on
from melies.train._trainer import Progress, Trainer, Work

__all__ = ["Progress", "Trainer", "Work", "begun", "every", "export", "find", "names", "run", "to_go_on"]

_registry = Registry("trainer", Trainer, __name__, "melies.trainers")

names = _registry.names
find = _registry.find
every = _registry.every


def run(trainer: Trainer, *, resume: bool = False, stopped: Callable[[], bool] = lambda: False) -> Iterator[Progress]:
    """Train, and tell after every step how far it is; at the end the last checkpoint and the ONNX files are written.

    PyTorch's random numbers, and its number of threads if the trainer names one, are set for the whole process.

    Args:
        trainer: What to train, on what and for how long.
        resume: Go on from the checkpoint in the folder of the run. The same steps follow as without the pause.
        stopped: Asked after every step; when it says yes, training ends as if its time were up.

    Raises:
        UseError: PyTorch or onnx is not installed, `out` is a file, there is a run in it already or none to resume, it
            was begun with other networks or has done all the steps, or the trainer's material does not suit it.
        ModelError: The checkpoint is damaged or of another network.
    """
    must_be_folder(trainer.out)
    _need_packages()
    from melies.train._loop import train

    return train(trainer, resume=resume, stopped=stopped)


def export(trainer: Trainer) -> Progress:
    """Write the ONNX files of the checkpoint in the folder of a run, without training.

    Raises:
        UseError: PyTorch or onnx is not installed, there is no checkpoint, or it was begun with other networks.
        ModelError: The checkpoint is damaged or of another network.
    """
    _need_packages()
    from melies.train._loop import export_only

    return export_only(trainer)


def _need_packages() -> None:
    missing = [title for name, title in (("torch", "PyTorch"), ("onnx", "onnx")) if find_spec(name) is None]
    if missing:
        raise UseError(
            f"Training needs {' and '.join(missing)}.", "Install what is missing: pip install 'melies[train]'"
        )
