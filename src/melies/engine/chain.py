"""Effects one after another: how a clip's frames come to be, with or without threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

from melies.effect import Effect, FrameEffect
from melies.engine.pipeline import Stage, close, ordered_map
from melies.engine.shots import shots
from melies.frame import Frame, VideoSpec

if TYPE_CHECKING:
    from melies.hearing.features import Heard

    Ears = Callable[[int], Heard | None]


def specs(spec: VideoSpec, effects: Sequence[Effect]) -> list[VideoSpec]:
    """What comes out of the source and of each effect in turn: one more entry than there are effects."""
    out = [spec]
    for effect in effects:
        made = effect.output(out[-1])
        out.append(made.replace(sound=True) if effect.audio is not None and not made.sound else made)
    return out


def needs_shots(effects: Sequence[Effect]) -> bool:
    """Whether any effect must not see over a cut."""
    return any(effect.scope == "shot" for effect in effects)


def lead_in(effects: Sequence[Effect]) -> int | None:
    """Frames before a mid-shot start that the whole chain needs to be exact; None for all of the shot."""
    needs = [effect.lead_in for effect in effects]
    return None if None in needs else sum(need for need in needs if need)


def run_effect(
    effect: Effect,
    frames: Iterator[Frame],
    spec: VideoSpec,
    workers: int = 1,
    now: Callable[[], Effect] | None = None,
    own: Callable[[], Heard | None] | None = None,
) -> Iterator[Frame]:
    """Apply one effect, afresh for every shot where its scope says so; closing it closes `frames`.

    Args:
        effect: Which.
        frames: What comes in.
        spec: What it looks like.
        workers: Threads for an effect without memory.
        now: Returns the effect as it is set at this moment, where its settings may change on the way.
        own: Listens to the film's own sound, for an effect that reacts to it.
    """
    if effect.react and now is None:
        from melies.hearing.reaction import Reaction

        frames, now = Reaction.of(effect, spec, own).following(frames)

    def apply(frames: Iterator[Frame]) -> Iterator[Frame]:
        return effect.apply(frames, spec) if now is None else effect.steered(frames, spec, now)

    try:
        if now is None and isinstance(effect, FrameEffect) and type(effect).apply is FrameEffect.apply:
            yield from ordered_map(effect.step, frames, workers)
        elif effect.scope == "shot":
            for shot in shots(frames):
                yield from _first_is_cut(apply(shot))
        else:
            yield from apply(frames)
    finally:
        close(frames)


def _first_is_cut(frames: Iterator[Frame]) -> Iterator[Frame]:
    try:
        for index, frame in enumerate(frames):
            cut = index == 0
            yield frame if frame.cut == cut else frame.at(frame.pts, frame.duration, cut=cut)
    finally:
        close(frames)


def chain(
    frames: Iterator[Frame], spec: VideoSpec, effects: Sequence[Effect], heard: Ears | None = None
) -> Iterator[Frame]:
    """Run the effects in the calling thread; `heard` is as for `staged`."""
    for index, (effect, given) in enumerate(zip(effects, specs(spec, effects), strict=False)):
        frames = run_effect(effect, frames, given, own=heard and partial(heard, index))
    return frames


def staged(
    frames: Iterator[Frame],
    spec: VideoSpec,
    effects: Sequence[Effect],
    threads: int | None = None,
    heard: Ears | None = None,
) -> list[Stage[Frame]]:
    """Run the source and every effect in a thread of its own; the last stage yields the result.

    Args:
        frames: The source.
        spec: What the source yields.
        effects: What to apply.
        threads: Cores to use for effects without memory; all of them if None.
        heard: Listens to the sound that comes to the effect of an index, for one that reacts to it.
    """
    workers = min(4, threads or os.cpu_count() or 1)
    stages = [Stage(frames, "read")]
    for index, (effect, given) in enumerate(zip(effects, specs(spec, effects), strict=False)):
        before = stages[-1]
        made = run_effect(effect, before, given, workers, own=heard and partial(heard, index))
        stages.append(Stage(made, effect.name(), upstream=before))
    return stages


def constant_rate(frames: Iterator[Frame], rate: Fraction) -> Iterator[Frame]:
    """Show the nearest picture at every multiple of `1/rate`: frames are repeated and dropped, never blended."""
    tick = 1 / rate
    shown: Frame | None = None
    index = start = 0
    try:
        for frame in frames:
            begin = frame.pts * frame.time_base
            if shown is None:
                index = start = round(begin * rate)
            while shown is not None and index * tick + tick / 2 <= begin:
                yield shown.at(index, 1, tick)
                index += 1
                shown = shown.at(shown.pts, shown.duration, cut=False)
            if shown is not None and shown.cut:
                frame = frame.at(frame.pts, frame.duration, cut=True)
            shown = frame
        if shown is not None:
            end = (shown.pts + shown.duration) * shown.time_base
            while index == start or index * tick + tick / 2 < end:
                yield shown.at(index, 1, tick)
                index += 1
                shown = shown.at(shown.pts, shown.duration, cut=False)
    finally:
        close(frames)
