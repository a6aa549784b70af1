"""`Network`: a network that makes one picture of another, found by name or file and run at any size and depth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError, UseError
from melies.files import is_file
from melies.frame import Image, VideoSpec
from melies.matting.scale import code, cv, unit
from melies.models import own, registry, sources, store
from melies.models.convert import TASKS
from melies.models.metadata import must_hold
from melies.models.runtime import load_file, options
from melies.suggest import did_you_mean
from melies.translating.card import IMAGE, LAYOUT, MADE, STYLES, Card, Task, cards_of, read_card, use_of
from melies.translating.tiles import Tiled

Planes = NDArray[np.float32]
"""`1×C×H×W` float32."""

FILES = (".onnx", ".pth", ".pt", ".pkl", ".safetensors")
"""Endings of files that are taken for networks."""

_MOST_WORKERS = 4
"""No more pictures than this are made at once."""
_TOGETHER = 1_000_000
"""Pixels of pictures that may be made at once by several workers."""

_LEAST = 16
"""Smaller pictures are padded to this: networks reflect several pixels at their edges."""


class Place(NamedTuple):
    """Where a network is: a row of the registry, or a file."""

    row: str | None
    file: Path | None


def locate(task: Task, name: str | Path, also: Sequence[str] = ()) -> Place:
    """Find out what is meant by a name, without loading anything.

    Args:
        task: What the network is for.
        name: A row of the registry, a network of the user's own, or the path of a file.
        also: What else may be given, for what is said when there is no such network.

    Raises:
        UseError: There is no such network or file; it says which there are. Or it is a folder, or empty.
    """
    text = str(name)
    rows = [row.name for row in registry.rows() if row.task == task]
    if text in rows:
        return Place(text, None)
    path = Path(name).expanduser()
    if path.suffix.lower() in FILES:
        if path.suffix.lower() not in _endings(task):
            raise UseError(f"A network for {task} is an .onnx file, which {path.name} is not.")
        must_hold(path)
        _must_be_finished(path)
        return Place(None, path)
    mine = own.every()
    if text in mine:
        return Place(None, mine[text])
    must_be_of(task, text)
    known = [*also, *rows, *(each for each, card in cards_of(mine).items() if card.task == task)]
    raise UseError(
        f"There is no model {text!r} for {task}.{did_you_mean(text, known)}",
        f"There are {', '.join(known)}; or name a file that ends in {', '.join(_endings(task))}.",
    )


def _endings(task: str) -> tuple[str, ...]:
    """Endings of files for a task: of weights as they are published, only where there is something to convert them."""
    return FILES if task in TASKS else FILES[:1]


def _must_be_finished(path: Path) -> None:
    """Refuse the state of a run of `melies train`, which is more than a network."""
    folder = path.parent
    if path.name not in ("checkpoint.pt", "best.pt") or not (folder / "options.json").is_file():
        return
    made = sorted(folder.glob("*.onnx"))
    raise UseError(
        f"{path} is a checkpoint of melies train, with which it goes on; effects run the .onnx beside it.",
        f"Use {' or '.join(map(str, made))}" if made else "Write it: melies train TRAINER --export-only --out RUN",
    )


def must_be_of(task: Task, name: str) -> None:
    """Refuse the name of a network that is for something else, that of a style in one, and `NETWORK@STYLE`.

    Raises:
        UseError: It is one.
    """
    tasks = {row.name: row.task for row in registry.rows() if row.task in get_args(Task)}
    files = {model: file for model, file in (own.every() | _files(tasks)).items() if is_file(file)}
    model, at, style = name.partition("@")
    if model not in {*tasks, *files}:
        # Among styles it has been looked for already.
        cards = cards_of(files) if task != "style" else {}
        model, style = next((holder for holder, card in cards.items() if name in card.styles), ""), name
    card = read_card(files[model]) if model in files else None
    its = card.task if card is not None else tasks.get(model, task)
    if its == task:
        return
    if style:
        called = name if at and model not in tasks else style
        raise UseError(f"{name} is a style of {model}, a network for {its}, not for {task}.", _so(its, called))
    raise _misplaced(name, its, task, card)


def _files(models: Iterable[str]) -> dict[str, Path]:
    return {model: store.where(model) for model in models}


def _misplaced(name: str | Path, its: str, task: Task, card: Card | None) -> UseError:
    # Styles of the registry go by their own names.
    called = card.styles[0] if card is not None and len(card.styles) > 1 else str(name)
    return UseError(f"{name} is a network for {its}, not for {task}.", _so(its, called))


def _so(task: str, name: str) -> str:
    return f"Use it so: {use_of(task, name)}"


def find(task: Task, name: str | Path, spec: VideoSpec | None = None, side: int | None = None) -> Network:
    """Return a network, ready to run.

    Args:
        task: What it is for.
        name: A row of the registry, a network of the user's own, or a file: `.onnx` as trainers here write it, or the
            weights of a public network (`models.convert`).
        spec: Of the clip that it is for. Small frames are made several at a time, each with a share of the cores.
        side: The short side, in pixels, at which it is shown pictures; as its card says, or theirs, if None.

    Raises:
        UseError: There is no such network or file, or it is for something else.
        ModelError: It is not on this computer yet, is damaged, or wants to run code.
    """
    path, card = described(task, name)
    side = side or card.side
    with options() as now:
        workers = 1
        if spec is not None and spec.frames != 1 and now.device == "cpu":
            height, width = _within(spec.height, spec.width, side)
            workers = max(1, min(now.width, _MOST_WORKERS, _TOGETHER // (height * width)))
        with options(threads=max(1, now.width // workers)):
            return Network(path, card, side, workers)


def described(task: Task, name: str | Path) -> tuple[Path, Card]:
    """Return the ONNX file of a network, and what it says about itself.

    Args:
        task: As for `find`.
        name: As for `find`.

    Raises:
        UseError: There is no such network or file, or it is for something else.
        ModelError: It is not on this computer yet, is damaged, or wants to run code.
    """
    row, file = locate(task, name)
    path = store.path(row) if row is not None else file
    assert path is not None
    if path.suffix.lower() != ".onnx":
        path = store.converted(path, sources.digest(path), task)
    card = read_card(path)
    if card is None:
        try:
            load_file(path)
        except ModelError:
            raise ModelError(f"{name} is no ONNX file, or a damaged one.", "Get it again.") from None
        raise ModelError(
            f"{name} is an ONNX file, but not of a network that was trained or converted here.",
            "Train one: melies train --help. Or give the weights as they were published: .pth, .pt or .safetensors.",
        )
    if card.task != task:
        raise _misplaced(name, card.task, task, card)
    return path, card


class Network:
    """A network that is ready to run; several threads may use it at once.

    Args:
        path: An ONNX file.
        card: What it says about itself.
        side: The short side, in pixels, at which it is to be shown pictures; None for their own.
        workers: How many pictures will be made at the same time.

    Attributes:
        card: The same.
        workers: The same.

    Raises:
        ModelError: It cannot be loaded, or takes and gives something else than it should.
    """

    def __init__(self, path: Path, card: Card, side: int | None = None, workers: int = 1) -> None:
        self.card = card
        self.workers = workers
        self._side = side
        self._path = path
        session = load_file(path)
        wanted = {LAYOUT if card.task == "paint" else IMAGE, *([STYLES] if len(card.styles) > 1 else [])}
        if set(session.inputs) != wanted or set(session.outputs) != {MADE}:
            raise ModelError(f"{path} takes and gives something else than its card says.", "Export it again.")
        self._net = Tiled(path, session, LAYOUT if card.task == "paint" else IMAGE, card.multiple)

    def __call__(self, image: NDArray[Any], styles: Sequence[float] | None = None) -> NDArray[Any]:
        """Make a picture of a picture.

        Args:
            image: `H×W×3`, uint8, uint16, or float32 of 0…1; any size.
            styles: How much of each style, adding up to 1; only for a network that knows several.

        Returns:
            Another of the same size and type.
        """
        if image.dtype == np.float32:
            return self.make(image.transpose(2, 0, 1)[None], styles)
        made: Image = code(self.make(unit(image).transpose(2, 0, 1)[None], styles), image.dtype)
        return made

    def shrunk(self, image: Image) -> NDArray[np.float32]:
        """Return a picture as the network is to be shown it.

        Args:
            image: `H×W×3`, uint8 or uint16.

        Returns:
            `h×w×3`, 0…1, smaller where its short side is larger than it should be.
        """
        height, width = _within(image.shape[0], image.shape[1], self._side)
        whole = unit(image)
        if whole.shape[:2] == (height, width):
            return whole
        small: NDArray[np.float32] = cv.resize(whole, (width, height), interpolation=cv.INTER_AREA)
        return small

    def make(self, planes: Planes, styles: Sequence[float] | None = None) -> NDArray[np.float32]:
        """Make a picture of planes.

        Args:
            planes: `1×C×H×W`: a picture, 0…1, or a layout, one-hot; any size.
            styles: As for `__call__`.

        Returns:
            `H×W×3`, 0…1, the caller's own.

        Raises:
            ModelError: What comes out are no finite numbers.
        """
        height, width = planes.shape[2:]
        multiple = self.card.multiple
        down, across = (-max(side, _LEAST) // multiple * -multiple - side for side in (height, width))
        if down or across:
            planes = np.pad(planes, ((0, 0), (0, 0), (0, down), (0, across)), mode="reflect")
        others = {} if styles is None else {STYLES: np.asarray(styles, np.float32)[None]}
        made = self._net(np.ascontiguousarray(planes), others)
        if not np.isfinite(made.sum()):
            raise ModelError(
                f"{self._path} cannot be used: it makes pictures that are no finite numbers.",
                "A training that went wrong leaves such: take what it saved earlier.",
            )
        picture: NDArray[np.float32] = np.clip(made[0, :, :height, :width].transpose(1, 2, 0), 0, 1)
        return picture


def _within(height: int, width: int, side: int | None) -> tuple[int, int]:
    """Height and width with a short side of at most `side`."""
    factor = min(1.0, side / min(height, width)) if side else 1.0
    return max(1, round(height * factor)), max(1, round(width * factor))
