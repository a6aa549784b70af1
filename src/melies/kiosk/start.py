"""From what the user asked for to an installation that runs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, cast

from melies import generators
from melies.effect import Effect, Generator, Reactive
from melies.errors import UseError
from melies.kiosk.awake import NUDGE, stay_awake
from melies.kiosk.drawn import Ticks, on_stage
from melies.kiosk.options import KioskOptions
from melies.live import kiosk
from melies.live import start as live
from melies.live.remote import Watched
from melies.live.show import Show
from melies.live.sources import Folder, Source, find_source
from melies.media.output import SaveOptions
from melies.media.stills import SUFFIXES
from melies.recipe import Recipe, locate


class Bill(NamedTuple):
    """What is on."""

    source: Source
    effects: Sequence[Effect]


@contextmanager
def opened(
    steps: Sequence[Reactive], options: KioskOptions, saving: SaveOptions, say: Callable[[str], None]
) -> Iterator[Show]:
    """Make a show that is to last and open everything around it; its `run` is left to the caller.

    Args:
        steps: A generator, if pictures are to come from one, and effects.
        options: Everything else.
        saving: How films are written.
        say: Takes what people should know.

    Raises:
        UseError: Something cannot be opened, or makes no sense.
    """
    film = next((place for place in options.to if place not in live.PLACES), None)
    if film is not None:
        raise UseError(f"--to {film}: what never ends fills any disk.", "The key r records; melies live writes films.")
    bill = billed(steps, options)

    def asleep() -> bool:
        return options.open is not None and not options.open.open_at(datetime.now())

    given = options.model_copy(update={"recipe": None, "full_screen": not options.window})
    with live.opened(
        bill.effects, given, saving, say, source=bill.source, locked=options.locked, asleep=asleep
    ) as show:
        if options.recipe is not None:
            show.ticking.append(Watched(locate(options.recipe), show.desk, show.note_effects, effects_of).look)
        if options.max_memory is not None:
            show.ticking.append(kiosk.every(1.0, kiosk.within(options.max_memory)))
        if "window" in options.to:
            show.ticking.append(kiosk.every(NUDGE, lambda: None if asleep() else stay_awake()))
        yield show


def billed(steps: Sequence[Reactive], options: KioskOptions) -> Bill:
    """Find out what is to be played and what happens to it.

    Raises:
        UseError: Nothing is to be played, or several things are, or a film or folder cannot be opened.
    """
    recipe = _recipe(steps, options)
    generator, effects = _parted(steps) if recipe is None else (recipe.generator, recipe.effects)
    named = options.input or (recipe and recipe.input and str(recipe.input))
    if generator is not None:
        wrong = [
            f"--{name}" for name in ("input", "size", "rate", "mirror", "zoom") if name in options.model_fields_set
        ]
        if wrong:
            own = wrong[0] in ("--size", "--zoom") and wrong[0][2:] in type(generator).model_fields
            hint = f"Put it directly after {generator.name()}." if own else "Leave it out."
            raise UseError(f"{generator.name()} makes the pictures, so {wrong[0]} has no meaning.", hint)
        drawn = on_stage(generator)
        # As on the stage: it has no length, so that a microphone in its sound's place is not asked for one.
        spec = cast(Generator, drawn).spec
        return Bill(Ticks(spec.rate, (spec.width, spec.height)), [drawn, *effects])
    if not named:
        raise UseError(
            "What is to be played is missing.",
            f"Name a generator ({', '.join(generators.names())}), or a film, folder or camera: --input",
        )
    return Bill(_source(named, options), effects)


def effects_of(recipe: Recipe) -> Sequence[Effect]:
    """Return what a recipe puts on the desk: its generator, if it has one, and its effects."""
    return [*([on_stage(recipe.generator)] if recipe.generator else []), *recipe.effects]


def _recipe(steps: Sequence[Reactive], options: KioskOptions) -> Recipe | None:
    if options.recipe is None:
        return None
    if steps:
        raise UseError("Effects and --recipe are two ways to say what happens.", "Give one of them.")
    recipe = Recipe.load(locate(options.recipe))
    cut = next((name for name in ("start", "end") if getattr(recipe, name) is not None), None)
    if cut is not None:
        raise UseError(f"{options.recipe} has {cut}, and a kiosk plays whole films.", "Cut the film first.")
    return recipe


def _parted(steps: Sequence[Reactive]) -> tuple[Generator | None, Sequence[Effect]]:
    effects = [step for step in steps if isinstance(step, Effect)]
    made = [step for step in steps if isinstance(step, Generator)]
    if made and (made[1:] or steps[0] is not made[0]):
        raise UseError(
            "One generator makes the pictures, and effects follow it.", f"Name {made[-1].name()} alone first."
        )
    return (made[0] if made else None), effects


def _source(text: str, options: KioskOptions) -> Source:
    path = Path(text)
    is_path = any(sign in text for sign in ("/", os.sep)) and not text.startswith("/dev/")
    # What has an ending is opened as a film, or as the pictures of a pattern, which says what is missing.
    if is_path and not path.suffix and not path.exists():
        raise UseError(f"There is no film or folder {text}.", "A camera is named by its number or its name.")
    if path.is_dir() and not _only_pictures(path):
        return Folder(path, options.size, options.rate)
    camera = re.fullmatch(r"cam(?:era)?(\d+)", text)
    return find_source(camera[1] if camera else text, options.size, options.rate)


def _only_pictures(folder: Path) -> bool:
    """Whether a folder is a film of single pictures."""
    files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    return bool(files) and all(path.suffix.lower() in SUFFIXES for path in files)
