"""Every effect against the contract, on every kind of clip."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import melies
from melies import effects
from melies.effect import Effect
from melies.media.synthetic import write_clip
from melies.puppetry import template
from melies.puppetry.motion import STILL
from melies.puppetry.performer import Cue
from melies.testing import KINDS, check_effect, make_kind, run, thumbprint

GOLDENS = Path(__file__).parent / "goldens"


@pytest.fixture(scope="session")
def clips(tmp_path_factory: Any) -> Path:
    folder: Path = tmp_path_factory.mktemp("clips")
    for kind in KINDS:
        make_kind(kind, folder)
    write_clip(folder / "other.mkv", frames=12, codec="ffv1", pix_fmt="yuv444p", size=(80, 60), sound=True)
    (folder / "look.cube").write_text(CUBE)
    spot = np.zeros((64, 96), np.uint8)
    cv2.imwrite(str(folder / "black.png"), spot)
    cv2.imwrite(str(folder / "spot.png"), cv2.circle(spot, (40, 30), 9, 255, -1))
    strokes = np.zeros((64, 96, 4), np.uint8)
    strokes[8:12, 10:80], strokes[40:44, 10:80] = (200, 90, 20, 255), (20, 60, 220, 255)
    cv2.imwrite(str(folder / "strokes.png"), strokes)
    portrait = pytest.importorskip("skimage.data").astronaut()[:320, 60:380, ::-1]
    cv2.imwrite(str(folder / "portrait.png"), portrait)
    nods = (np.array([0, 5 * np.sin(number), 0], np.float32) for number in range(44))
    template.write(
        folder / "nod.npz", ((k / 25, Cue(replace(STILL, turn=nod, gape=0.2), 1.0)) for k, nod in enumerate(nods))
    )
    cv2.imwrite(str(folder / "upright.png"), cv2.rotate(strokes, cv2.ROTATE_90_CLOCKWISE))
    return folder


CUBE = "LUT_3D_SIZE 2\n" + "\n".join(f"{r * 0.9} {g * 0.8 + 0.1} {b}" for b in (0, 1) for g in (0, 1) for r in (0, 1))

SETTINGS: dict[str, list[dict[str, Any]]] = {
    "anonymize": [{"cover": "mask", "part": "face", "ahead": 0}],
    "ascii": [{"columns": 24, "characters": "blocks", "paper": "white"}, {"columns": 16, "colour": "mono"}],
    "bokeh": [{"blades": 6}, {"depth": "strokes.png", "focus": 0.5, "amount": 12, "near": "black"}],
    "colorize": [{"tint": "teal"}, {"reference": ["other.mkv"]}, {"scribbles": ["strokes.png"], "strength": 0.8}],
    "caption": [{"text": "hello"}, {"text": "one two three four", "size": 0.3, "position": "top", "outline": 0.1}],
    "compose": [{"background": "navy"}, {"background": "other.mkv"}],
    "concat": [{"after": ["other.mkv"]}, {"before": ["other.mkv"], "dissolve": 0.2}],
    "crop": [{"width": 40, "height": 30}],
    "datamosh": [{"blocks": 0, "heal": 0.3, "bloom": 4, "every": 0.2}, {"motion": "other.mkv", "push": 3}],
    "deflicker": [{"mode": "local", "window": 7}],
    "deinterlace": [{"rate": "field"}, {"when": "always"}],
    "deblur": [{"method": "deconvolve", "rounds": 4}, {"method": "deconvolve", "kernel": "disk:2", "rounds": 4}],
    "denoise": [{"strength": 8, "keep_grain": 0.3}, {"method": "fast"}, {"method": "temporal", "strength": 12}],
    "erase": [{"mask": "spot.png"}, {"box": ["30,20,24,20"], "shape": "object", "grow": 2}],
    "dust": [{"dust": 1, "scratches": 1}],
    "fade": [{"fade_in": 0.2, "fade_out": 0.2}],
    "feedback": [{"mode": "normal", "zoom": 0.9, "hue": 30}, {"mode": "difference", "edges": "mirror"}],
    "glitch": [{"rate": 20, "amount": 1}, {"rate": 20, "length": 1, "damage": ["dct", "tape", "sync"]}],
    "grade": [{"exposure": 0.5, "saturation": 1.3}, {"lut": "look.cube"}],
    "interpolate": [
        {"speed": 0.4},
        {"fps": 60, "model": "flow"},
        {"fps": 30, "duplicates": "mend", "model": "blend"},
        {"speed": 0.5, "sound": "keep", "model": "blend"},
    ],
    "halftone": [{"inks": "duo", "shape": "lines", "size": 6}, {"inks": "mono", "shape": "diamonds", "size": 0.08}],
    "key": [{}, {"background": "tomato"}],
    "loop": [{"times": 2}, {"boomerang": True}],
    "lowlight": [{"clean": False, "strength": 0.5}],
    "mask": [{"look": "glam"}, {"sticker": "strokes.png", "wear": ["round-glasses"]}],
    "matte": [{}, {"background": "blur"}, {"output": "matte"}],
    "pad": [{"width": 120, "height": 100}],
    "paint": [{"from": "footage"}, {"from": "footage", "steady": 0, "strength": 0.5}],
    "pixelsort": [{"intervals": "edges", "angle": 100, "longest": 0.3}, {"key": "hue", "where": "background"}],
    "puppet": [
        {"portrait": "portrait.png"},
        {"portrait": "portrait.png", "motion_file": "nod.npz", "paste_back": False, "crop_scale": 1.5},
    ],
    "resize": [{"width": 48}, {"scale": 1.5}],
    "sharpen": [{"amount": 2, "radius": 3, "halo": 0.5}],
    "seamless": [{"shortest": 0.2, "longest": 0.5}, {"shortest": 0.2, "longest": 0.4, "crossfade": 0.15}],
    "sketch": [{"colour": 1, "boil": 8, "steady": 0}, {"hatching": 0, "line": 0.02, "paper": "khaki"}],
    "slitscan": [{"reach": "both", "direction": "clock", "span": 0.5}, {"map": "spot.png", "between": "steps"}],
    "speed": [{"factor": 2}, {"factor": 0.5}],
    "swap": [{"source": ["portrait.png"]}, {"source": ["portrait.png"], "face": "all", "strength": 0.5}],
    "stabilize": [{"border": "fill", "mode": "lock"}, {"motion": "homography", "border": "transparent"}],
    "style": [{"style": "wave", "to": "engraving", "blend": 0.5, "steady": 0.3}],
    "toon": [{"levels": 3, "smooth": 1, "vivid": 2}, {"line": 0, "steady": 0}],
    "translate": [{"model": "dusk2day", "side": 32, "keep_colours": True, "detail": 0.5}],
    "upscale": [{"model": "fast", "width": 150}, {"model": "fast", "steady": 0.7, "denoise": 0.3, "sharpness": 0.5}],
}
"""What to try besides the defaults; file names are those that the `clips` fixture wrote."""

NEEDS_SETTINGS = {"caption", "compose", "diffuse", "erase", "mask", "paint", "swap", "puppet"}
"""Effects that cannot do anything without being told what with."""

IDENTITY: dict[str, dict[str, Any]] = {
    "ascii": {"strength": 0},
    "caption": {"text": ""},
    "bokeh": {"amount": 0},
    "concat": {},
    "crop": {},
    "datamosh": {},
    "deflicker": {"strength": 0},
    "deinterlace": {},
    "deblur": {"amount": 0},
    "denoise": {"strength": 0},
    "diffuse": {"model": "none", "strength": 0},
    "erase": {"mask": "black.png"},
    "dust": {"dust": 0, "scratches": 0},
    "fade": {"fade_in": 0, "fade_out": 0},
    "feedback": {"amount": 0},
    "glitch": {"amount": 0},
    "grade": {},
    "halftone": {"strength": 0},
    "interpolate": {"times": 1},
    "loop": {"times": 1},
    "lowlight": {"strength": 0},
    "mask": {"look": "glam", "opacity": 0},
    "pad": {},
    "paint": {"strength": 0},
    "pixelsort": {"longest": 0},
    "resize": {},
    "sharpen": {"amount": 0},
    "sketch": {"strength": 0},
    "slitscan": {"span": 0},
    "speed": {"factor": 1},
    "swap": {"source": ["portrait.png"], "strength": 0},
    "stabilize": {"smoothness": 0},
    "style": {"strength": 0},
    "toon": {"strength": 0},
    "translate": {"strength": 0},
    "upscale": {"scale": 1},
}
"""Settings with which an effect changes nothing."""


def make(name: str, settings: dict[str, Any], clips: Path) -> Effect:
    def local(value: Any) -> Any:
        if isinstance(value, list):
            return [local(v) for v in value]
        return str(clips / value) if isinstance(value, str) and (clips / value).is_file() else value

    return effects.find(name)(**{option: local(value) for option, value in settings.items()})


def cases() -> list[Any]:
    out = []
    for name in effects.names():
        tried = SETTINGS.get(name, [])
        for settings in tried if name in NEEDS_SETTINGS else [{}, *(s for s in tried if s)]:
            label = ",".join(f"{k}={v}" for k, v in settings.items()) or "defaults"
            out.append(pytest.param(name, settings, id=f"{name}-{label}"))
    return out


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "settings"), cases())
def test_contract(name: str, settings: dict[str, Any], kind: str, clips: Path) -> None:
    if kind == "rotated" and "scribbles" in settings:
        settings = settings | {"scribbles": ["upright.png"]}
    check_effect(make(name, settings, clips), make_kind(kind, clips))


@pytest.mark.parametrize("name", [n for n in effects.names() if n not in NEEDS_SETTINGS])
def test_defaults_construct(name: str) -> None:
    assert effects.find(name)().name() == name


@pytest.mark.parametrize("kind", ["constant rate", "10-bit", "alpha", "variable rate"])
@pytest.mark.parametrize("name", IDENTITY)
def test_identity_is_bit_exact(name: str, kind: str, clips: Path) -> None:
    clip = melies.open(make_kind(kind, clips))
    source = list(clip.source.frames())
    out = list(clip.apply(make(name, IDENTITY[name], clips)).frames())
    assert [(f.pts * f.time_base, f.duration * f.time_base) for f in out] == [
        (f.pts * f.time_base, f.duration * f.time_base) for f in source
    ]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(source, out, strict=True))


@pytest.mark.parametrize(("name", "settings"), cases())
def test_golden(name: str, settings: dict[str, Any], clips: Path, request: Any) -> None:
    """The result still looks as it did when somebody last looked at it; MELIES_GOLDENS=write renews."""
    effect = make(name, settings, clips)
    clip = melies.open(make_kind("constant rate", clips))
    source = list(clip.source.frames())
    found = thumbprint(run(effect, source, clip.spec.replace(frames=len(source))))
    path = GOLDENS / f"{name}.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    label = request.node.callspec.id
    if os.environ.get("MELIES_GOLDENS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({**known, label: found}) + "\n")
        return
    assert label in known, "no golden: look at the result, then run with MELIES_GOLDENS=write"
    assert np.abs(np.subtract(known[label], found)).max() <= 3


def test_effects_import_no_torch() -> None:
    code = (
        "import sys; from melies import effects; [effects.find(n) for n in effects.names()];"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
