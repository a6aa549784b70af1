"""What a file is written as: the options a user has, and the plan made from them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import cv2
from pydantic import BaseModel, ConfigDict, Field

from melies.errors import UseError
from melies.frame import Colour, VideoSpec
from melies.sizes import Size
from melies.suggest import did_you_mean
from melies.times import Rate

Kind = Literal["film", "animation", "pictures", "sound"]
Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]
CodecName = Literal["h264", "h265", "av1", "ffv1", "prores", "prores4444", "vp9", "gif", "webp", "apng", "png", "jpg"]

SMALL = 320 * 256
"""Pixels up to which x264's macroblock tree is left out: on such small pictures its results differ from run to run, and
a resumed render must equal an uninterrupted one."""

_AVX512 = 13
"""CV_CPU_AVX_512F."""

LOOK_AHEAD = 104 << 20
"""Bytes of pictures that x264 may look ahead, so that large ones do not take gigabytes."""
LOOK_AHEAD_FRAMES = {"fast": 30, "medium": 40, "slow": 50, "slower": 60, "veryslow": 60}
"""What x264's presets look ahead by themselves."""

PRESETS: tuple[str, ...] = Preset.__args__  # type: ignore[attr-defined]


class SaveOptions(BaseModel):
    """How a clip is written. The command line, recipes and `Clip.save` all take these and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    codec: CodecName | None = Field(None, description="what to encode with; by default what suits the file's ending")
    quality: int = Field(70, ge=0, le=100, description="0 is smallest, 100 is best; 70 looks like the original")
    preset: Preset = Field("medium", description="how long the encoder may think: slower files are smaller")
    set: dict[str, str] = Field(
        default_factory=dict,
        description="a further encoder option as key=value, such as crf=18, pix_fmt=yuv444p",
    )
    fps: Rate = Field(None, description="make the frame rate constant, such as 25 or 30000/1001; native if not given")
    sound: bool = Field(True, description="keep the sound")
    loop: int = Field(0, ge=0, le=65535, description="how often a GIF, WebP or APNG plays; 0 is for ever")
    max_size: Size = Field(
        None,
        description="make the file no larger than this, such as 8MB or 500k; size, rate, colours or quality go down",
    )
    pingpong: bool = Field(False, description="play forwards, then backwards")
    overwrite: bool = Field(False, description="replace the output if it exists")
    resume: bool = Field(False, description="go on with a render that was interrupted")


@dataclass(frozen=True)
class Codec:
    """An encoder and what it can keep."""

    encoder: str
    formats: dict[tuple[bool, bool], str]
    """Pixel format by (alpha, more than 8 bits); a missing key cannot be kept."""
    crf: tuple[int, int] | None = None
    """Constant rate factor at quality 0 and 100."""
    lossless: bool = False
    even: bool = False
    """Whether width and height must be even."""
    colour: Colour | None = None
    """What every reader takes for granted, where the format has no tags."""


FFV1 = {"level": "3", "slicecrc": "1"}
"""Version 3, with checksums; FFmpeg chooses the slices by size."""

_420 = {(False, False): "yuv420p", (False, True): "yuv420p10le"}

_WEBP = Colour("limited", "smpte170m")

CODECS: dict[str, Codec] = {
    "h264": Codec("libx264", _420, crf=(45, 10), even=True),
    "h265": Codec("libx265", _420, crf=(45, 12), even=True),
    "av1": Codec("libsvtav1", _420, crf=(60, 15), even=True),
    "vp9": Codec("libvpx-vp9", {(False, False): "yuv420p", (True, False): "yuva420p"}, crf=(60, 12)),
    "ffv1": Codec(
        "ffv1",
        {(False, False): "bgr0", (True, False): "bgra", (False, True): "gbrp16le", (True, True): "gbrap16le"},
        lossless=True,
    ),
    "prores": Codec("prores_ks", {(False, False): "yuv422p10le", (False, True): "yuv422p10le"}, even=True),
    "prores4444": Codec(
        "prores_ks",
        {
            (False, False): "yuv444p10le",
            (False, True): "yuv444p10le",
            (True, False): "yuva444p10le",
            (True, True): "yuva444p10le",
        },
    ),
    "gif": Codec("gif", {(False, False): "bgr0", (True, False): "bgra"}),
    "webp": Codec("libwebp_anim", {(False, False): "yuv420p", (True, False): "bgra"}, colour=_WEBP),
    "apng": Codec(
        "apng",
        {(False, False): "rgb24", (True, False): "rgba", (False, True): "rgb48be", (True, True): "rgba64be"},
        lossless=True,
    ),
    "png": Codec(
        "png",
        {(False, False): "rgb24", (True, False): "rgba", (False, True): "rgb48be", (True, True): "rgba64be"},
        lossless=True,
    ),
    "jpg": Codec("mjpeg", {(False, False): "yuvj444p"}, colour=Colour("full", "smpte170m")),
    "webp-still": Codec("libwebp", {(False, False): "yuv420p", (True, False): "bgra"}, colour=_WEBP),
}


@dataclass(frozen=True)
class Container:
    """A file ending: the muxer behind it and what may go in, the default first."""

    kind: Kind
    muxer: str
    codecs: tuple[str, ...]
    alpha_codec: str | None = None
    sound: tuple[str, ...] = ()
    """Sound codecs that may be copied in; empty for none at all, `"*"` for any."""
    sound_encoder: str = ""
    subtitles: tuple[str, ...] = ()
    subtitle_encoder: str = ""


_MP4_SOUND = ("aac", "mp3", "ac3", "eac3", "alac", "opus", "flac")
_MP4_CODECS = ("h264", "h265", "av1", "vp9")

CONTAINERS: dict[str, Container] = {
    ".mp4": Container("film", "mp4", _MP4_CODECS, None, _MP4_SOUND, "aac", ("mov_text",), "mov_text"),
    ".m4v": Container("film", "mp4", _MP4_CODECS, None, _MP4_SOUND, "aac", ("mov_text",), "mov_text"),
    ".mov": Container(
        "film",
        "mov",
        ("h264", "h265", "prores", "prores4444"),
        "prores4444",
        (
            "aac",
            "mp3",
            "ac3",
            "eac3",
            "alac",
            "pcm_s16le",
            "pcm_s24le",
            "pcm_s16be",
            "pcm_s24be",
            "pcm_f32le",
        ),
        "aac",
        ("mov_text",),
        "mov_text",
    ),
    ".mkv": Container(
        "film",
        "matroska",
        ("h264", "h265", "av1", "ffv1", "vp9", "prores", "prores4444"),
        "ffv1",
        ("*",),
        "flac",
        ("subrip", "ass", "webvtt", "hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle"),
        "subrip",
    ),
    ".webm": Container("film", "webm", ("vp9", "av1"), "vp9", ("opus", "vorbis"), "libopus", ("webvtt",), "webvtt"),
    ".gif": Container("animation", "gif", ("gif",), "gif"),
    ".webp": Container("animation", "webp", ("webp",), "webp"),
    ".apng": Container("animation", "apng", ("apng",), "apng"),
    ".png": Container("pictures", "image2", ("png",), "png"),
    ".jpg": Container("pictures", "image2", ("jpg",)),
    ".jpeg": Container("pictures", "image2", ("jpg",)),
    ".wav": Container("sound", "wav", (), None, ("pcm_s16le", "pcm_s24le", "pcm_f32le"), "pcm_s16le"),
}


@dataclass(frozen=True)
class Plan:
    """Everything decided about an output before its first frame.

    Attributes:
        path: Where the result goes.
        kind: A film, an animation, pictures or sound alone.
        container: What its file ending means.
        codec: Name in `CODECS`; empty for sound alone.
        pix_fmt: What the encoder is given.
        options: Encoder options.
        spec: What the frames look like.
        size: Encoded size; one more than the frames where a codec needs even numbers.
        many: Whether `pictures` means one file per frame.
        colours: How many a GIF has at most.
        squeezed: Whether an animation is made smaller than its frames, and slower than they come.
        notes: What a user should know, one sentence each.
    """

    path: Path
    kind: Kind
    container: Container
    codec: str
    pix_fmt: str
    options: dict[str, str]
    spec: VideoSpec
    size: tuple[int, int]
    many: bool = False
    colours: int = 256
    squeezed: bool = False
    notes: tuple[str, ...] = field(default=())


GIF_RATE = 50
"""Frames a second that players can show of a GIF."""


def make_plan(path: Path, spec: VideoSpec, options: SaveOptions, native_format: str = "") -> Plan:
    """Decide how to write frames like `spec` to `path`.

    Args:
        path: Output; its ending decides the container. A folder or a name with `%` or `#` means one picture a frame.
        spec: What the frames look like.
        options: What the user asked for.
        native_format: The decoder's pixel format, if no effect touches the frames, so that lossless stays lossless.

    Raises:
        UseError: The ending is unknown, or the codec does not go into such a file.
    """
    container = find_container(path)
    if container.kind == "sound":
        return Plan(path, "sound", container, "", "", {}, spec, (spec.width, spec.height))
    name = _choose_codec(path, container, spec, options)
    many = is_sequence(path) and (container.kind == "pictures" or name == "webp-still")
    codec = CODECS[name]
    notes: list[str] = []
    alpha = spec.alpha
    if alpha and (True, False) not in codec.formats:
        alpha = False
        notes.append(
            f"{name.upper()} in {path.name} keeps no transparency: written over black. "
            "Use .webm, .mov with prores4444, .mkv with ffv1 or .png to keep it."
        )
    deep = spec.depth > 8
    if deep and (alpha, True) not in codec.formats:
        deep = False
        notes.append(f"{name.upper()} in {path.name} keeps 8 bits a channel of {spec.depth}.")
    extra = dict(options.set)
    asked = extra.pop("pix_fmt", "")
    pix_fmt = asked or _keep_native(codec, native_format) or codec.formats[(alpha, deep)]
    if asked:
        _check_format(codec, asked)
    _check_options(codec, extra)
    if name == "gif" and spec.rate > GIF_RATE:
        notes.append(
            f"{path.name} gets at most {GIF_RATE} frames a second, since players show faster GIFs slowly: "
            f"of {float(spec.rate):.4g}, some are left out, and it lasts as long as before."
        )
    width, height = spec.width, spec.height
    odd = (width % 2, height % 2) if codec.even and "444" not in pix_fmt and "gbr" not in pix_fmt else (0, 0)
    if any(odd):
        notes.append(
            f"{width}x{height} has an odd side, which {name.upper()} cannot hold: its last pixels are doubled "
            f"to make {width + odd[0]}x{height + odd[1]}."
        )
    settings = encoder_options(name, options.quality, options.preset)
    if name == "h264":
        settings |= _bounded_look_ahead(width * height * (4 if deep else 2), options.preset)
        settings |= _repeatable(width * height)
    for key, value in extra.items():
        # These hold several settings in one, and ours must not be lost.
        joined = key in ("x264-params", "x265-params", "svtav1-params") and key in settings
        settings[key] = f"{settings[key]}:{value}" if joined else value
    if "crf" in extra or "b" in extra or "qp" in extra:
        settings = {k: v for k, v in settings.items() if k != "crf" or "crf" in extra}
    return Plan(
        path,
        "pictures" if name == "webp-still" else container.kind,
        container,
        name,
        pix_fmt,
        settings,
        spec if codec.colour is None else spec.replace(colour=codec.colour),
        (width + odd[0], height + odd[1]),
        many,
        notes=tuple(notes),
    )


def _bounded_look_ahead(frame: int, preset: str) -> dict[str, str]:
    """How many frames of so many bytes x264 may hold back to see what is worth its bits, if fewer than it would."""
    usual = LOOK_AHEAD_FRAMES.get(preset, 0)
    held = max(10, LOOK_AHEAD // frame)
    return {"rc-lookahead": str(held)} if held < usual else {}


def _repeatable(pixels: int) -> dict[str, str]:
    """What makes x264 write the same file twice, so that a resumed render equals an uninterrupted one."""
    params = ["mbtree=0"] if pixels <= SMALL else []
    # With AVX-512 its macroblock tree differs from run to run at some sizes, such as 960x540; AVX2 is as fast.
    if cv2.checkHardwareSupport(_AVX512):
        params.append("asm=avx2,fma3,bmi2,lzcnt")
    return {"x264-params": ":".join(params)} if params else {}


def find_container(path: Path) -> Container:
    """Return what the ending of `path` means; a name without one is a folder of PNG pictures.

    Raises:
        UseError: The ending is not one that can be written.
    """
    suffix = path.suffix.lower()
    if not suffix:
        return CONTAINERS[".png"]
    if suffix not in CONTAINERS:
        known = " ".join(sorted(CONTAINERS))
        raise UseError(
            f"{path.name}: films cannot be written as {suffix} files.{did_you_mean(suffix, CONTAINERS)}",
            f"Known endings: {known}",
        )
    return CONTAINERS[suffix]


PLACE = re.compile(r"%0?(\d*)d|#{2,}")
"""Where the number goes in the name of a sequence: `%d`, `%04d` or `####`."""


def is_sequence(path: Path) -> bool:
    """Whether `path` names many pictures: a folder, or a name with `%04d` or `####`."""
    return not path.suffix or PLACE.search(path.name) is not None


def _choose_codec(path: Path, container: Container, spec: VideoSpec, options: SaveOptions) -> str:
    name = options.codec
    if path.suffix.lower() == ".webp" and (is_sequence(path) or spec.frames == 1):
        return "webp-still"
    if name is None:
        if spec.alpha and container.alpha_codec:
            return container.alpha_codec
        deep = (False, spec.depth > 8)
        return next((c for c in container.codecs if deep in CODECS[c].formats), container.codecs[0])
    if name not in container.codecs:
        raise UseError(
            f"{path.name}: {name} does not go into a {path.suffix} file.",
            f"It takes {', '.join(container.codecs)}.",
        )
    if name == "prores" and spec.alpha:
        return "prores4444"
    return name


def _keep_native(codec: Codec, native: str) -> str:
    import av

    if not codec.lossless or not native:
        return ""
    formats = av.Codec(codec.encoder, "w").video_formats or []
    return native if native in {f.name for f in formats} else ""


def _check_options(codec: Codec, extra: dict[str, str]) -> None:
    import av

    options = av.CodecContext.create(codec.encoder, "w").supported_options
    known = {option.name: option for option in (*options.generic, *options.private)}
    for key, value in extra.items():
        if key not in known:
            raise UseError(f"{codec.encoder} has no option {key!r}.{did_you_mean(key, known)}")
        option = known[key]
        numeric = getattr(option.type, "name", "") in ("FLOAT", "DOUBLE", "INT", "INT64", "UINT64")
        if numeric and not option.choices and not _number(value):
            raise UseError(f"--set {key}={value}: {codec.encoder} wants a number there.")


def _number(text: str) -> bool:
    """Whether FFmpeg takes it as a number: it may end in a unit, as in 5M or 800k."""
    return re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?[a-zA-Z]{0,2}", text) is not None


def _check_format(codec: Codec, pix_fmt: str) -> None:
    import av

    known = {f.name for f in av.Codec(codec.encoder, "w").video_formats or []}
    if known and pix_fmt not in known:
        raise UseError(
            f"{codec.encoder} does not take the pixel format {pix_fmt}.{did_you_mean(pix_fmt, known)}",
            f"It takes {', '.join(sorted(known))}.",
        )


def encoder_options(name: str, quality: int, preset: str) -> dict[str, str]:
    """Translate quality (0–100) and preset (x264's words) into what each encoder understands."""
    codec = CODECS[name]
    options: dict[str, str] = {}
    if codec.crf:
        worst, best = codec.crf
        options["crf"] = str(round(worst + (best - worst) * quality / 100))
    speed = PRESETS.index(preset)
    if name == "h264":
        options["preset"] = preset
    elif name == "h265":
        options |= {"preset": preset, "x265-params": "log-level=error"}
    elif name == "av1":
        options["preset"] = str(12 - speed)
    elif name == "vp9":
        options |= {"b": "0", "row-mt": "1", "auto-alt-ref": "0", "cpu-used": str(max(0, 7 - speed))}
        options["deadline"] = "realtime" if speed <= 1 else "good"
    elif name == "ffv1":
        options |= FFV1
    elif name == "prores":
        options["profile"] = str(min(3, quality // 25))
        options["vendor"] = "apl0"
    elif name == "prores4444":
        options |= {"profile": "4444", "vendor": "apl0"}
    elif name in ("webp", "webp-still"):
        options |= {"quality": str(quality), "lossless": "1"} if quality == 100 else {"quality": str(quality)}
    elif name == "jpg":
        options |= {"qmin": "1", "qscale": str(round(31 - 29 * quality / 100))}
    return options
