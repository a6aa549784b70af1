"""How good mattes are on real footage: islands, holes, flicker and speed, as a table and as JSON.

    python benchmarks/matte_quality.py [FOLDER] [--model fast,rvm] [--frames 90] [--json FILE] [--sheets FOLDER]

FOLDER is searched for films; without it, the folder in MELIES_TEST_DATA is. No ground truth is needed:

* island: the largest piece of matte that is not the main one, in percent of the frame, worst frame
  (where there are several people, that is the second largest of them);
* hole: everything enclosed by the body that is not body, in percent of the body, worst frame;
* flicker: root mean square change of opacity, in percent, along optical flow and where the picture stays the same
  (after dtSSD of Erofeev et al., "Perceptually Motivated Benchmark for Video Matting", 2015);
* ms: what the effect takes for a frame, without decoding.
"""

import argparse
import json
import os
import time
from pathlib import Path

import cv2
import numpy as np

import melies
from melies.effects.matte import Matte
from melies.engine.chain import run_effect
from melies.engine.shots import mark_shots

FILMS = {".mp4", ".mov", ".avi", ".mkv", ".webm", ".mpg"}


def measure(path: Path, model: str, limit: int, steady: float, sheet: Path | None) -> dict:
    """Cut one film out and return its measurements."""
    clip = melies.open(path)
    effect = Matte(model=model, result="matte", steady=steady)
    seen, pictures = [], []

    def source():
        for number, frame in enumerate(mark_shots(clip.source.frames())):
            if number == limit:
                return
            seen.append(frame)
            yield frame

    islands, holes, flickers, times, past = [], [], [], [], None
    mattes = iter(run_effect(effect, source(), clip.spec))
    while True:
        start = time.perf_counter()
        matte = next(mattes, None)
        if matte is None:
            break
        times.append(time.perf_counter() - start)
        frame = seen[len(times) - 1]
        alpha, image = eight_bit(matte.image)[..., 0], eight_bit(frame.image)[..., :3]
        islands.append(island(alpha))
        holes.append(hole(alpha))
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        if past is not None and not frame.cut:
            flickers.append(flicker(*past, grey, alpha))
        past = grey, alpha
        if sheet and len(times) in (limit // 4, limit // 2, limit * 3 // 4):
            pictures.append(row(image, alpha))
        seen[len(times) - 1] = None
    if sheet and pictures:
        sheet.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(sheet / f"{path.stem}-{model}.jpg"), np.vstack(pictures)[..., ::-1])
    return {
        "clip": path.name,
        "model": model,
        "size": f"{clip.spec.width}x{clip.spec.height}",
        "frames": len(times),
        "island": round(max(islands), 3),
        "hole": round(max(holes), 3),
        "flicker": round(float(np.sqrt(np.mean(flickers))) * 100, 3) if flickers else 0.0,
        "ms": round(float(np.median(times)) * 1000, 1),
    }


def eight_bit(image: np.ndarray) -> np.ndarray:
    return image if image.dtype == np.uint8 else (image >> 8).astype(np.uint8)


def island(alpha: np.ndarray) -> float:
    """Area of the second largest piece, percent of the frame."""
    _, _, stats, _ = cv2.connectedComponentsWithStats((alpha > 127).astype(np.uint8))
    areas = sorted(stats[1:, cv2.CC_STAT_AREA], reverse=True)
    return 100 * float(areas[1]) / alpha.size if len(areas) > 1 else 0.0


def hole(alpha: np.ndarray) -> float:
    """Area enclosed by the body and not part of it, percent of the body."""
    body = (alpha > 127).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(1 - body, connectivity=4)
    height, width = alpha.shape
    enclosed = sum(
        int(area)
        for x, y, across, down, area in stats[1:]
        if x > 0 and y > 0 and x + across < width and y + down < height
    )
    return 100 * enclosed / max(int(body.sum()), 1)


def flicker(past_grey: np.ndarray, past: np.ndarray, grey: np.ndarray, alpha: np.ndarray) -> float:
    """Mean squared change of opacity along the flow where the picture stays the same, 0…1."""
    height, width = grey.shape
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(grey, past_grey, None)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    moved = [cv2.remap(old, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR) for old in (past_grey, past)]
    same = cv2.blur(cv2.absdiff(grey, moved[0]), (5, 5)) < 4
    change = (alpha.astype(np.float32) - moved[1])[same] / 255
    return float(np.mean(change**2)) if change.size else 0.0


def row(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Original, matte, and the cut-out over a strong colour."""
    from melies.matting.colour import composite

    over = composite(image, alpha, np.full_like(image, (255, 0, 160)), 1.0)
    size = 480, max(1, round(480 * image.shape[0] / image.shape[1]))
    parts = (image, cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB), over)
    return np.hstack([cv2.resize(np.ascontiguousarray(part), size, interpolation=cv2.INTER_AREA) for part in parts])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=os.environ.get("MELIES_TEST_DATA"))
    parser.add_argument("--model", default="fast", help="one or several, with commas")
    parser.add_argument("--only", default="", help="words, with commas, one of which the file's name must hold")
    parser.add_argument("--frames", type=int, default=90)
    parser.add_argument("--steady", type=float, default=Matte().steady)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sheets", type=Path, help="folder for contact sheets to look at")
    options = parser.parse_args()
    if options.folder is None:
        parser.error("name a folder of films, or set MELIES_TEST_DATA")
    wanted = options.only.split(",")
    films = sorted(path for path in Path(options.folder).rglob("*") if path.suffix.lower() in FILMS)
    results = []
    print(f"{'clip':28}{'model':7}{'size':>11}{'frames':>7}{'island %':>10}{'hole %':>8}{'flicker %':>11}{'ms':>8}")
    for path in films:
        if not any(word in path.name for word in wanted):
            continue
        for model in options.model.split(","):
            r = measure(path, model, options.frames, options.steady, options.sheets)
            results.append(r)
            print(
                f"{r['clip'][:27]:28}{r['model']:7}{r['size']:>11}{r['frames']:>7}{r['island']:>10.3f}"
                f"{r['hole']:>8.3f}{r['flicker']:>11.3f}{r['ms']:>8.1f}",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
