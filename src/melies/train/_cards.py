"""What the files that a run has written say about themselves: one place that fills in the cards of all trainers."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from melies.effects._fields import may_name_files
from melies.errors import UseError
from melies.files import replacing
from melies.models import own
from melies.schema import Setting, settings
from melies.train._trainer import Trainer
from melies.translating.card import Card, read_card, use_of, with_card

_ELSEWHERE = {"out", "minutes", "steps", "save_every", "preview_every", "name", "data", "licence", "device"}
"""Options that change nothing in the networks, or that the card says otherwise."""


@dataclass(frozen=True)
class Facts:
    """What is known of the networks that are exported.

    Attributes:
        step: Steps that they were trained.
        measured: What was measured of them on material that training did not see.
    """

    step: int
    measured: Mapping[str, float]


def must_have_room(trainer: Trainer, before: str | None) -> None:
    """Refuse a name for the finished network that is another one's.

    Args:
        trainer: With the name, if it has one.
        before: The name that an earlier sitting gave it.

    Raises:
        UseError: A model of the registry is called so, or one of the user's own that is not of this run.
    """
    name = trainer.kept_as
    if name is None:
        return
    own.must_suit(name)
    if name != before and own.find(name) is not None:
        raise UseError(
            f"There is a model {name} of your own already.",
            f"Choose another --name, or delete that one: melies models remove {name}",
        )


def complete(files: Sequence[Path], trainer: Trainer, facts: Facts) -> list[Path]:
    """Fill in the cards of ONNX files, write them beside these as Markdown, and keep the files under the run's name.

    Args:
        files: What the trainer has exported, the most important first; files without a card stay as they are.
        trainer: Whose options say how they came about.
        facts: What is known of them.

    Returns:
        The files and what was written beside them and kept.
    """
    written: list[Path] = []
    for place, file in enumerate(files):
        written.append(file)
        name = trainer.kept_as and (trainer.kept_as if place == 0 else f"{trainer.kept_as}-{file.stem}")
        card = read_card(file) if file.suffix == own.ENDING else None
        if card is not None:
            card = _filled(card, trainer, facts, name or card.name)
            with replacing(file) as part:
                part.write_bytes(with_card(file.read_bytes(), card))
            page = file.with_suffix(".md")
            page.write_text(markdown(card, None if name else f"{trainer.out.name}/{file.name}"), encoding="utf-8")
            written.append(page)
        if name and file.suffix == own.ENDING:
            written.append(own.keep(file, name))
    return written


def command_of(trainer: Trainer, steps: int) -> str:
    """Return the command that trains the same again; of paths from the root only the last part is told."""
    words = ["melies", "train", trainer.name()]
    for setting in settings(type(trainer)):
        value = trainer.model_dump(mode="json", by_alias=True)[setting.name]
        if setting.name not in _ELSEWHERE and value != _default(type(trainer), setting.name):
            words += _words(setting, value)
    return shlex.join([*words, "--steps", str(steps), "--out", trainer.out.name])


def material_of(trainer: Trainer) -> str:
    """Say what a network learned from: the names of files and folders, by option."""
    parts = []
    for name, field in type(trainer).model_fields.items():
        value = getattr(trainer, name)
        if value and name != "out" and field.is_required() and may_name_files(type(trainer), name):
            several = value if isinstance(value, list | tuple) else [value]
            parts.append(f"{name.replace('_', ' ')}: {', '.join(Path(one).name for one in several)}")
    return "; ".join(parts)


def markdown(card: Card, file: str | None = None) -> str:
    """Write a card as a page for people.

    Args:
        card: The card.
        file: The file by which the network is used, if it is not kept under its name.
    """
    lines = [f"# {card.name}", "", card.description or f"A network for `{card.task}`.", ""]
    lines += [f"- **{name}**: {value}" for name, value in _rows(card, file)]
    if card.metrics:
        lines += ["", "Measured on material that training did not see:", "", "| what | value |", "|---|---|"]
        lines += [f"| {name} | {value:.4g} |" for name, value in card.metrics.items()]
    if card.command:
        lines += ["", "Trained by", "", "```sh", card.command, "```"]
    return "\n".join([*lines, ""])


def _rows(card: Card, file: str | None) -> Iterator[tuple[str, object]]:
    yield "used so", use_of(card.task, file or (*card.styles, card.name)[0])
    for what, value in (
        ("styles", ", ".join(card.styles)),
        ("classes", ", ".join(name for name, _ in card.classes)),
        ("trained on", card.data),
        ("steps", card.steps),
        ("seed", card.seed),
        ("licence", card.licence or "not stated"),
    ):
        if value not in ("", None):
            yield what, value


def _filled(card: Card, trainer: Trainer, facts: Facts, name: str) -> Card:
    return card.model_copy(
        update={
            "name": name,
            "data": trainer.data or card.data or material_of(trainer),
            "seed": trainer.seed,
            "steps": facts.step,
            "command": command_of(trainer, facts.step),
            "licence": trainer.licence or card.licence,
            "metrics": {what: float(f"{value:.6g}") for what, value in facts.measured.items()},
        }
    )


def _default(model: type[Trainer], name: str) -> object:
    schema = model.model_json_schema()["properties"][name]
    return schema.get("default")


def _words(setting: Setting, value: object) -> list[str]:
    if setting.kind == "flag":
        return [setting.option if value else f"--no-{setting.option[2:]}"]
    if isinstance(value, list) and setting.kind == "list":
        return [word for one in value for word in (setting.option, _shown(one))]
    text = ",".join(map(_shown, value)) if isinstance(value, list) else _shown(value)
    return [setting.option, text]


def _shown(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return Path(text).name if isinstance(value, str) and Path(text).is_absolute() else text
