"""The contract every effect passes, and small clips to hold it against.

A plugin's tests need no more than::

    from melies.testing import KINDS, check_effect, make_kind

    @pytest.mark.parametrize("kind", KINDS)
    def test_contract(kind, tmp_path):
        check_effect(MyEffect(), make_kind(kind, tmp_path))
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from annotated_types import Ge, Gt, Le, Lt

from melies.clip import Clip, open
from melies.effect import Effect
from melies.engine.chain import staged
from melies.engine.live import Live
from melies.engine.shots import mark_shots
from melies.errors import UseError
from melies.frame import Colour, Frame, VideoSpec
from melies.media.synthetic import write_clip

FRAMES = 12  # what a kind stands for shows as well in few frames, and there are many effects

KINDS: dict[str, dict[str, Any]] = {
    "constant rate": {"sound": True, "frames": 20},
    "variable rate": {
        "pts": [i * 40 + (i % 3) * 11 for i in range(FRAMES)],
        "time_base": Fraction(1, 1000),
        "sound": True,
    },
    "10-bit": {"pix_fmt": "yuv444p10le", "colour": Colour("limited", "bt2020nc", "bt2020", "arib-std-b67")},
    "odd size": {"size": (95, 63)},
    "rotated": {"rotation": 90, "codec": "libx264", "pix_fmt": "yuv444p"},
    "one frame": {"frames": 1},
    "cut inside": {"frames": 28, "cut_at": 14},
    "alpha": {"pix_fmt": "bgra"},
    "no sound": {"frames": 6},  # others have none either
}
"""Kinds of clip, with what `melies.media.synthetic.write_clip` makes them from."""


def make_kind(kind: str, folder: Path) -> Path:
    """Write the clip of one of `KINDS` into `folder` and return its path."""
    options = {"size": (96, 64), "frames": FRAMES, "codec": "ffv1", "pix_fmt": "yuv444p", **KINDS[kind]}
    suffix = ".mp4" if options["codec"] == "libx264" else ".mkv"
    path = folder / (kind.replace(" ", "-") + suffix)
    return path if path.exists() else write_clip(path, **options)


def check_effect(effect: Effect, path: Path) -> list[Frame]:
    """Hold an effect against the contract on one clip.

    Args:
        effect: With the settings to try.
        path: The clip, such as one that `make_kind` wrote.

    Returns:
        The frames the effect made.

    Raises:
        AssertionError: A line of the contract does not hold; the message says which.
    """
    check_settings(effect)
    clip = open(path)
    source = list(mark_shots(clip.source.frames()))
    before = [frame.image.copy() for frame in source]
    given = clip.source.spec.replace(frames=len(source))
    declared = effect.output(given)

    whole = run(effect, source, given)
    check_frames(whole, declared)
    for frame, image in zip(source, before, strict=True):
        assert np.array_equal(frame.image, image), "the effect changed the frames it was given"
    same(whole, live(effect, source, given), "a second run, live and dropping nothing, differs from the first")
    check_threads(effect, source, given)
    check_halves(effect, source, given, whole)
    if effect.touches_sound and given.sound:
        check_sound(effect, path, whole)
    return whole


def check_settings(effect: Effect) -> None:
    """JSON round-trips, bad values name the option, it pickles, and every model it names is complete."""
    again = type(effect).model_validate_json(effect.model_dump_json())
    assert again == effect, "settings do not survive JSON"
    pickled = pickle.dumps(effect)
    assert pickle.loads(pickled) == effect, "settings do not survive pickling"  # noqa: S301 - made on the line above
    for option, value in _bad_values(effect):
        complaint = _complaint(effect, option, value)
        assert complaint, f"{option}={value!r} is out of range but was taken"
        assert option.replace("_", "-") in complaint, f"the message does not name {option}: {complaint}"
    for name in effect.models():
        from melies.models import registry

        model = registry.find(name)
        assert model.sha256, f"model {name} has no hash"
        assert model.size, f"model {name} has no size"
        assert model.licence, f"model {name} has no licence"


def _complaint(effect: Effect, option: str, value: Any) -> str:
    try:
        type(effect)(**{**effect.model_dump(), option: value})
    except UseError as error:
        return str(error)
    return ""


def _bad_values(effect: Effect) -> Iterator[tuple[str, Any]]:
    yield "no_such_option", 1
    for name, field in type(effect).model_fields.items():
        for limit in field.metadata:
            if isinstance(limit, Ge | Gt):
                bound: Any = limit.ge if isinstance(limit, Ge) else limit.gt
                yield name, bound - 1
            elif isinstance(limit, Le | Lt):
                bound = limit.le if isinstance(limit, Le) else limit.lt
                yield name, bound + 1


def check_frames(frames: Sequence[Frame], declared: VideoSpec) -> None:
    """What was declared is what comes out: size, depth, alpha, count, times in order."""
    assert frames, "no frames came out"
    for frame in frames:
        assert frame.image.shape == declared.shape, f"declared {declared.shape}, made {frame.image.shape}"
        assert frame.image.dtype == declared.dtype, f"declared {declared.dtype}, made {frame.image.dtype}"
        assert frame.duration > 0, f"{frame} lasts no time"
    if declared.frames is not None:
        assert len(frames) == declared.frames, f"declared {declared.frames} frames, made {len(frames)}"
    for frame, following in pairwise(frames):
        end = (frame.pts + frame.duration) * frame.time_base
        assert frame.pts * frame.time_base < following.pts * following.time_base, f"{following} does not come after"
        assert end <= following.pts * following.time_base, f"{frame} overlaps the next"


def check_threads(effect: Effect, source: Sequence[Frame], spec: VideoSpec) -> None:
    """Closing early frees every thread."""
    stages = staged(iter(source), spec, [effect])
    next(iter(stages[-1]))
    for stage in reversed(stages):
        stage.close()
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("melies")]
    assert not left, f"threads are left after closing: {left}"


def check_halves(effect: Effect, source: Sequence[Frame], spec: VideoSpec, whole: Sequence[Frame]) -> None:
    """A clip cut in two at a shot equals the whole."""
    cut = next((index for index, frame in enumerate(source) if index and frame.cut), None)
    if cut is None or effect.scope == "video":
        return
    parts = [source[:cut], source[cut:]]
    halves = [f for part in parts for f in run(effect, part, spec.replace(frames=len(part)))]
    same(whole, halves, "a clip cut in two at a shot differs from the whole")


def check_sound(effect: Effect, path: Path, frames: Sequence[Frame]) -> None:
    """The sound has no gaps and is as long as the picture, within two frames."""
    blocks = list(Clip(open(path).source, (effect,)).sound())
    position = blocks[0].start if blocks else 0
    for block in blocks:
        assert block.start == position, f"sound jumps from sample {position} to {block.start}"
        assert block.samples.dtype == np.float32
        position += len(block.samples)
    end = max(float((f.pts + f.duration) * f.time_base) for f in frames)
    longest = max(float(f.duration * f.time_base) for f in frames)
    length = position / blocks[0].rate if blocks else 0.0
    assert abs(length - end) <= 2 * longest, f"sound lasts {length:.3f} s, picture {end:.3f} s"


def run(effect: Effect, frames: Sequence[Frame], spec: VideoSpec) -> list[Frame]:
    """Apply an effect in the calling thread, shot by shot where it asks for that."""
    from melies.engine.chain import run_effect

    return list(run_effect(effect, iter(frames), spec))


def live(effect: Effect, frames: Sequence[Frame], spec: VideoSpec) -> list[Frame]:
    """Apply an effect to frames that arrive one by one, none dropped."""
    session = Live(spec, [effect], drop=False)

    def push() -> None:
        for frame in frames:
            session.push(frame)
        session.finish()

    pusher = threading.Thread(target=push, daemon=True)
    pusher.start()
    try:
        return list(session)
    finally:
        session.close()
        pusher.join()


def same(left: Sequence[Frame], right: Sequence[Frame], message: str) -> None:
    """Compare two runs, bit by bit and tick by tick."""
    assert len(left) == len(right), f"{message}: {len(left)} frames and {len(right)}"
    for index, (a, b) in enumerate(zip(left, right, strict=True)):
        assert a.pts * a.time_base == b.pts * b.time_base, f"{message}: frame {index} has another time"
        assert np.array_equal(a.image, b.image), f"{message}: frame {index} has other pixels"


def thumbprint(frames: Sequence[Frame]) -> list[list[int]]:
    """Summarise a result as 4×4 mean values of its first, middle and last frame, for comparing with a golden."""
    import cv2

    prints = []
    for frame in (frames[0], frames[len(frames) // 2], frames[-1]):
        image = frame.image if frame.image.dtype == np.uint8 else (frame.image >> 8).astype(np.uint8)
        prints.append([int(v) for v in cv2.resize(image, (4, 4), interpolation=cv2.INTER_AREA).reshape(-1)])
    return prints
