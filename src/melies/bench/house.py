"""The house itself: reading and writing, cutting people out, memory, and how soon something happens."""

from __future__ import annotations

import subprocess
import sys

from melies.bench import TOOLS, Bench, Result, apply, benchmark, ffmpeg, frames, installed, missing

CRF = "20"
MATTE = ["matte", "--background", "green"]


@benchmark
def reencode(bench: Bench) -> list[Result]:
    """Decode and encode, nothing in between, against the ffmpeg program with the same settings."""
    clip, results = bench.clip((1280, 720), 8), []
    for preset in ("medium", "veryfast"):
        ours, theirs = bench.out("ours.mp4"), bench.out("theirs.mp4")
        own, other = bench.best(
            apply("--preset", preset, "--set", f"crf={CRF}", clip, ours),
            [ffmpeg(), "-v", "error", "-y", "-i", clip, "-c:v", "libx264", "-preset", preset, "-crf", CRF, theirs],
        )
        ratio, count = other[0] / own[0], frames(clip)
        results.append(
            Result(
                "reencode", f"speed of re-encoding 720p (H.264 {preset}) / the ffmpeg program's", ratio, "x",
                ">= 0.9", ratio >= 0.9, f"{count / own[0]:.1f} and {count / other[0]:.1f} fps",
            )
        )  # fmt: skip
    return results


@benchmark
def matte(bench: Bench) -> list[Result]:
    """Cutting people out at 720p against the limit: the slower of decode + encode alone and inference alone."""
    head, street = bench.clip((1280, 720), 2, "carphone_pristine"), bench.clip((1280, 720), 2, "bikes")
    plain, cut = bench.out("plain.mp4"), bench.out("matte.mp4")
    (bare, _), (full, _) = bench.best(apply(head, plain), apply(head, cut, *MATTE))
    ((far, _),) = bench.best(apply(street, cut, *MATTE), rounds=1)
    count = frames(head)
    inference = float(subprocess.check_output([sys.executable, str(TOOLS / "inference.py"), str(count)]))
    limit = min(count / bare, count / inference)
    ratio = count / full / limit
    return [
        Result(
            "matte", "speed of matte (fast model) at 720p / the limit", ratio, "x", ">= 0.8", ratio >= 0.8,
            f"{count / full:.1f} fps; decode + encode {count / bare:.1f}, inference {count / inference:.1f} fps",
        ),
        Result(
            "matte", "matte at 720p where people are small", frames(street) / far, "fps", "-", None,
            "they are looked for and cut out one by one",
        ),
    ]  # fmt: skip


@benchmark
def frame_by_frame(bench: Bench) -> list[Result]:
    """The same model used frame by frame, as rembg and backgroundremover do.

    That way enlarges the network's map and blends; it neither fits it to the picture's edges nor steadies it nor takes
    the old background's colour out of it.
    """
    clip = bench.clip((1280, 720), 2, "carphone_pristine")
    ours, theirs = bench.out("ours.mp4"), bench.out("theirs.mp4")
    own, other = bench.best(
        apply(clip, ours, *MATTE),
        [sys.executable, TOOLS / "frame_by_frame.py", ffmpeg(), clip, theirs],
    )
    return [
        Result(
            "frame-by-frame", "speed of matte at 720p / the same model used frame by frame", other[0] / own[0], "x",
            "-", None, f"{frames(clip) / own[0]:.1f} and {frames(clip) / other[0]:.1f} fps; theirs fits no edges",
        )
    ]  # fmt: skip


@benchmark
def moviepy(bench: Bench) -> list[Result]:
    """A trivial effect, brighter by a fifth, against moviepy."""
    if not installed("moviepy"):
        return missing("moviepy", "moviepy")
    clip = bench.clip((1280, 720), 2)
    ours, theirs = bench.out("ours.mp4"), bench.out("theirs.mp4")
    own, other = bench.best(
        apply("--set", f"crf={CRF}", clip, ours, "grade", "--exposure", "0.5"),
        [sys.executable, TOOLS / "brighter_moviepy.py", CRF, clip, theirs],
    )
    return [
        Result(
            "moviepy", "speed of a trivial effect at 720p / moviepy's", other[0] / own[0], "x", "> 1",
            other[0] > own[0], f"{frames(clip) / own[0]:.1f} and {frames(clip) / other[0]:.1f} fps",
        )
    ]  # fmt: skip


@benchmark
def memory(bench: Bench) -> list[Result]:
    """Memory at 1080p, on a clip and on one ten times as long."""
    short, long = bench.clip((1920, 1080), 1, "bikes"), bench.clip((1920, 1080), 10, "bikes")
    results = []
    for label, effect in (("re-encode", []), ("matte", MATTE)):
        (_, small), (_, large) = bench.best(
            apply(short, bench.out("short.mp4"), *effect), apply(long, bench.out("long.mp4"), *effect), rounds=1
        )
        growth = large / small - 1
        results += [
            Result(
                "memory", f"peak memory of {label} at 1080p", max(small, large) / 1e6, "MB", "< 700",
                max(small, large) < 700e6, f"{frames(short)} frames: {small / 1e6:.0f} MB",
            ),
            Result(
                "memory", f"more memory for {label} of a clip ten times as long", growth * 100, "%", "< 5",
                growth < 0.05, f"{frames(long)} frames: {large / 1e6:.0f} MB",
            ),
        ]  # fmt: skip
    return results


@benchmark
def startup(bench: Bench) -> list[Result]:
    """How long it takes until something happens."""
    (help_, _), (bare, _) = bench.best(
        [sys.executable, "-m", "melies", "--help"], [sys.executable, "-c", "pass"], rounds=7
    )
    code = "import time; t = time.perf_counter(); import melies; print(time.perf_counter() - t)"
    imports = min(float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(7))
    return [
        Result("startup", "melies --help", help_, "s", "< 0.4", help_ < 0.4, f"bare Python {bare:.3f} s"),
        Result("startup", "import melies", imports, "s", "< 0.15", imports < 0.15, ""),
    ]
