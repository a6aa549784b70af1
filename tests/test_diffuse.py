"""Diffusion models: which pipeline a folder asks for and what is refused, films longer than a window, and what runs."""

from __future__ import annotations

import itertools
import json
import shutil
import socket
import zlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diffusion_files
import melies
from melies import cli, provenance
from melies.clip import Clip
from melies.diffusing import fields, folder
from melies.diffusing.folder import Model, find
from melies.diffusing.studio import Wish
from melies.diffusing.windows import Windows, noise, overlapped
from melies.dreaming.prompts import Part
from melies.dreaming.schedule import warn_outside
from melies.effects.diffuse import Diffuse as Anew
from melies.errors import MeliesError, ModelError, UseError
from melies.frame import Frame
from melies.generators import diffuse as generator
from melies.generators.diffuse import Diffuse
from melies.media.synthetic import write_clip
from melies.models import runtime
from melies.testing import check_effect

MISSING = [name for name in folder.PACKAGES if find_spec(name) is None]
needs_models = pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)} of melies[diffusion] not installed")


def model(at: Path, kind: str = "StableDiffusionPipeline", weights: str = "model.safetensors", **more: Any) -> str:
    """A folder that looks like a model to whoever loads nothing."""
    parts = {"unet": ["diffusers", "UNet2DConditionModel"], "scheduler": ["diffusers", "DDIMScheduler"], **more}
    for part in parts:
        (at / part).mkdir(parents=True, exist_ok=True)
    (at / "unet" / weights).write_bytes(b"")
    (at / "model_index.json").write_text(json.dumps({"_class_name": kind, "safety_checker": [None, None], **parts}))
    return str(at)


@pytest.mark.parametrize(
    ("kind", "title", "window"),
    [
        ("StableDiffusionPipeline", "Stable Diffusion", 1),
        ("StableDiffusionImg2ImgPipeline", "Stable Diffusion", 1),
        ("StableDiffusionXLPipeline", "Stable Diffusion XL", 1),
        ("AnimateDiffPipeline", "AnimateDiff", 16),
        ("WanPipeline", "Wan", 81),
    ],
)
def test_the_folder_says_which_pipeline_runs_it(kind: str, title: str, window: int, tmp_path: Path) -> None:
    found = find(model(tmp_path / "one", kind))
    assert (found.family.title, found.family.window, found.variant, found.label) == (title, window, None, "one")


def test_files_in_half_precision_and_motion_adapters_are_found(tmp_path: Path) -> None:
    half = model(tmp_path / "half", weights="model.fp16.safetensors")
    assert find(half).variant == "fp16"
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "config.json").write_text('{"_class_name": "MotionAdapter"}')
    (adapter / "diffusion_pytorch_model.safetensors").write_bytes(b"")
    assert find(half, str(adapter)).family.make == "AnimateDiffPipeline"
    with pytest.raises(UseError, match=r"and .* is Stable Diffusion XL"):
        find(model(tmp_path / "large", "StableDiffusionXLPipeline"), str(adapter))
    cached = tmp_path / "models--org--name" / "snapshots" / "abc"
    assert find(model(cached)).label == "org/name"


def test_pickles_and_code_are_refused(tmp_path: Path) -> None:
    pickled = model(tmp_path / "pickled", weights="diffusion_pytorch_model.bin")
    with pytest.raises(ModelError, match=r"holds its unet as a pickle .diffusion_pytorch_model.bin."):
        find(pickled)
    (tmp_path / "pickled" / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"")
    assert find(pickled)  # the pickle beside it is never opened
    with pytest.raises(ModelError, match="wants its unet to come from 'my_code'"):
        find(model(tmp_path / "foreign", unet=["my_code", "UNet"]))
    (tmp_path / "pickled" / "unet" / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../evil.bin"}}')
    with pytest.raises(ModelError, match="names other files"):
        find.__wrapped__(pickled)
    coded = model(tmp_path / "coded")
    (tmp_path / "coded" / "unet" / "config.json").write_text('{"auto_map": {"AutoModel": "evil.Model"}}')
    with pytest.raises(ModelError, match="brings code of its own"):
        find(coded)


def test_what_is_no_model_that_can_be_run_is_named_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "all-in-one.safetensors").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model_index.json").write_text("[" * 100_000)
    model(tmp_path / "torn", vae=["diffusers", "AutoencoderKL"])
    (tmp_path / "torn" / "vae").rmdir()
    for name, said in {
        "all-in-one.safetensors": "is a file",
        "empty": "has no model_index.json",
        "broken": "cannot be read",
        "torn": "its vae is missing",
        model(tmp_path / "music", "AudioLDMPipeline"): "asks for 'AudioLDMPipeline'",
        model(tmp_path / "two", transformer_2=["diffusers", "WanTransformer3DModel"]): "a part called 'transformer_2'",
        "../nowhere/at/all": "neither a folder nor a model in the hub's cache",
        "nobody/nothing-like-this": "neither a folder nor a model in the hub's cache",
    }.items():
        path = tmp_path / name
        with pytest.raises(MeliesError, match=said):
            find(str(path) if path.exists() else name)


def test_without_the_packages_a_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(folder, "find_spec", lambda name: None)
    folder.require.cache_clear()
    with pytest.raises(SystemExit) as left:
        cli.main(["dream", str(tmp_path / "out.mp4"), "diffuse", "--model", model(tmp_path / "one")])
    assert left.value.code == 2
    assert "pip install 'melies[diffusion]'" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out.mp4").exists()


def test_windows_overlap_and_no_frame_is_in_three() -> None:
    for length, overlap, every in itertools.product((1, 2, 5, 16, 81), (0, 4, 50), (1, 4)):
        windows = Windows.of(length, overlap, every)
        assert windows.stride % every == 0
        assert (windows.length - 1) % every == 0
        assert windows.stride <= windows.length <= 2 * windows.stride
        for frame in range(0, 200, 7):
            start = windows.start(frame)
            assert start % windows.stride == 0
            assert start <= frame < start + windows.length
            assert start == 0 or start - windows.stride + windows.length <= frame
    assert Windows.of(16, 4, 1) == (16, 12)
    assert Windows.of(81, 4, 4) == (81, 76)


@pytest.mark.parametrize("count", [1, 6, 7, 24, 25])
def test_frames_do_not_depend_on_where_the_making_began(count: int) -> None:
    windows, asked = Windows(7, 5), []

    def make(items: Sequence[int]) -> list[np.ndarray]:
        asked.append(len(items))
        return [np.full((1, 1, 3), 100 * items[0] + item, np.float32) for item in items]

    whole = [float(picture[0, 0, 0]) for _, picture in overlapped(iter(range(count)), windows, make)]
    assert len(whole) == count
    assert max(asked) <= 7
    if count > 7:  # two thirds of the way from the window at 0 to the one at 5
        assert whole[6] == pytest.approx(6 + 500 * 2 / 3)
    for first in range(count):
        start = windows.start(first)
        part = [float(picture[0, 0, 0]) for _, picture in overlapped(iter(range(start, count)), windows, make)]
        assert part[first - start :] == whole[first:]


def test_noise_stays_as_strong_on_its_way_and_a_loop_closes() -> None:
    shape = (4, 32, 32)
    for place in (0, 0.5, 2.7):
        assert noise(3, place, None, shape).std() == pytest.approx(1, abs=0.03)
    assert np.array_equal(noise(3, 0, 4, shape), noise(3, 4, 4, shape))
    assert np.abs(noise(3, 3.99, 4, shape) - noise(3, 0, 4, shape)).mean() < 0.02
    assert np.corrcoef(noise(3, 0, None, shape).ravel(), noise(4, 0, None, shape).ravel())[0, 1] < 0.05


class Pretended:
    """Stands in for a loaded model: its pictures show the numbers that it was given."""

    def __init__(self, model: Model) -> None:
        self.moves = model.family.moves
        self.seen: list[Wish] = []

    def size(self, width: int, height: int, side: int | None) -> tuple[int, int]:
        return 32, 16

    def noise_shape(self, width: int, height: int) -> tuple[int, int, int]:
        return 3, height, width

    def made(self, noise: Sequence[np.ndarray], size: tuple[int, int], wish: Wish) -> list[np.ndarray]:
        self.seen.append(wish)
        frames = 4 * len(noise) - 3 if self.moves else 1
        return [np.clip(0.5 + noise[k // 4].transpose(1, 2, 0) / 8 + self.hue(wish), 0, 1) for k in range(frames)]

    def remade(self, pictures: Sequence[np.ndarray], wish: Wish, strength: float) -> list[np.ndarray]:
        self.seen.append(wish)
        return [picture + np.float32(strength) * (self.hue(wish) + 0.5 - picture) for picture in pictures]

    @staticmethod
    def hue(wish: Wish) -> np.ndarray:
        number = zlib.crc32(repr(wish).encode())
        return np.asarray([(number >> shift & 255) / 1280 for shift in (0, 8, 16)], np.float32)


def run(*words: str | Path) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main([*map(str, words), "--threads", "1", "--overwrite"])
    assert not left.value.code


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Pretended]]:
    shops: list[Pretended] = []

    def studio(found: Model) -> Pretended:
        shops.append(Pretended(found))
        return shops[-1]

    monkeypatch.setattr(fields, "require", lambda: None)
    monkeypatch.setattr(generator, "studio", studio)
    monkeypatch.setattr("melies.diffusing.studio.studio", studio)
    return shops


def images(frames: Iterator[Frame]) -> np.ndarray:
    return np.stack([frame.image for frame in frames])


SMALL: dict[str, Any] = {"size": "64x36", "fps": 4, "duration": 2.5, "prompt": "0: a boat | 8: night --neg wave"}


@pytest.mark.parametrize(
    "options",
    [{}, {"loop": True}, {"mode": "feedback"}, {"init": "film"}, {"window": 5}, {"init": "film", "window": 9}],
)
def test_a_film_goes_on_where_it_stopped(options: dict[str, Any], tmp_path: Path, pretend: list[Pretended]) -> None:
    kind = "WanPipeline" if "window" in options else "StableDiffusionPipeline"
    if "init" in options:
        options = options | {"init": write_clip(tmp_path / "in.mkv", size=(48, 32), frames=10, rate=4, codec="ffv1")}
    diffuse = Diffuse(model=model(tmp_path / "one", kind), **SMALL, **options, seed=7)
    whole = images(diffuse.make())
    assert whole.shape == (10, 36, 64, 3)
    assert np.array_equal(whole, images(diffuse.make()))
    assert np.array_equal(whole[6:], images(diffuse.make(Fraction(3, 2))))
    assert np.abs(whole[4:] - whole[:-4].astype(np.float32)).mean((1, 2, 3)).min() > 0.2  # it does not stand still
    other = images(diffuse.model_copy(update={"seed": 8}).make(Fraction(9, 4)))
    assert not np.array_equal(whole[9:], other)


def test_a_loop_comes_back(tmp_path: Path, pretend: list[Pretended]) -> None:
    settings = SMALL | {"fps": 30, "duration": 4, "prompt": "0: a boat", "pace": 1}
    frames = images(Diffuse(model=model(tmp_path / "one"), **settings, loop=True).make()).astype(np.float32)
    steps = np.abs(frames - np.roll(frames, 1, 0)).mean((1, 2, 3))
    assert steps[0] == pytest.approx(np.median(steps), rel=0.3)


def test_what_is_asked_for_reaches_the_model(tmp_path: Path, pretend: list[Pretended]) -> None:
    tune = {"react": ["guidance=4+frame", "offset=frame"], "negative": "mud", "steps": 9}
    list(Diffuse(model=model(tmp_path / "one"), **SMALL, **tune).frames())
    wishes = [wish for shop in pretend for wish in shop.seen]
    assert [wish.guidance for wish in wishes] == [4 + frame for frame in range(10)]
    assert wishes[2] == Wish(
        (Part("a boat", 0.75), Part("night", 0.25), Part("wave", -0.25), Part("mud", -1)), 9, 6.0, 0
    )
    fed = Diffuse(model=model(tmp_path / "one"), **SMALL, mode="feedback", seed=5)
    list(fed.make())
    assert [wish.seed for wish in pretend[-1].seen] == list(range(5, 15))


def test_feedback_and_strength_change_what_is_seen(tmp_path: Path, pretend: list[Pretended]) -> None:
    film = write_clip(tmp_path / "in.mkv", size=(64, 36), frames=10, rate=4, codec="ffv1")
    given = images(melies.open(film).frames()).astype(np.float32)
    made = [
        images(Diffuse(model=model(tmp_path / "one"), **SMALL, init=film, strength=strength).make())
        for strength in ("0:(0)", "0:(0), 9:(1)")
    ]
    small = np.abs(made[0] - given).mean((1, 2, 3))
    assert small.max() < 12  # only smaller and large again
    apart = np.abs(made[1] - made[0].astype(np.float32)).mean((1, 2, 3))
    assert apart[0] == 0
    assert apart[9] > apart[4] > apart[1] > 0
    fed = Diffuse(model=model(tmp_path / "one"), **SMALL, mode="feedback", colours="none", noise="0:(0)", zoom="0:(2)")
    frames = images(fed.model_copy(update={"strength": "0:(0)"}).make()).astype(np.float32)
    detail = np.abs(np.diff(frames, axis=2)).mean((1, 2, 3))
    assert detail[3] < detail[0] / 2  # what is enlarged again and again has little left


def test_a_film_is_made_anew(tmp_path: Path, pretend: list[Pretended]) -> None:
    film = write_clip(tmp_path / "in.mkv", size=(96, 64), frames=6, rate=5, codec="ffv1", pix_fmt="bgra")
    clip = melies.open(film)
    given = images(clip.frames())
    effect = Anew(model=model(tmp_path / "one"), prompt="0: a boat | 5: night", strength=0.5, steady=0)
    made = images(clip.apply(effect).frames())
    assert np.array_equal(made[..., 3], given[..., 3])
    assert np.abs(made[..., :3] - given[..., :3].astype(np.float32)).mean() > 5
    assert len({wish.seed for wish in pretend[-1].seen}) == 1
    assert [wish.parts[0].weight for wish in pretend[-1].seen] == pytest.approx([1, 0.8, 0.6, 0.4, 0.2, 1])
    moving = model(tmp_path / "moving", "WanPipeline")
    check_effect(Anew(model=moving, prompt="a boat", window=5, steady=0), write_clip(tmp_path / "c.mkv", frames=7))
    assert images(clip.apply(effect.model_copy(update={"model": moving, "window": 5})).frames()).shape == given.shape


def test_what_a_model_makes_says_so(tmp_path: Path, pretend: list[Pretended]) -> None:
    diffuse = Diffuse(model=model(tmp_path / "one"), **SMALL | {"duration": 0.5})
    out = Clip(diffuse).save(tmp_path / "out.mp4")
    assert provenance.read(out) == ("The pictures were made by a diffusion model (diffuse, model one).",)
    assert provenance.WHOLE_TYPE.encode() in out.read_bytes()
    found = provenance.of(Clip(diffuse))
    assert found is not None
    assert dict(found.effects)["diffuse"]["model"] == "one"  # not where it lies
    of_film = provenance.of(Clip(diffuse.model_copy(update={"init": out})))
    assert of_film is not None
    assert not of_film.whole
    effect = Anew(model=model(tmp_path / "one"), strength=0)
    assert effect.synthesis is None
    again = provenance.of(melies.open(out).apply(effect.model_copy(update={"strength": 0.5})))
    assert again is not None
    assert again.source_type == provenance.SOURCE_TYPE
    assert len(again.made) == 2


def test_behind_a_generator_it_is_the_effect(tmp_path: Path, pretend: list[Pretended]) -> None:
    out = tmp_path / "out.mkv"
    pattern = ["cppn", "--size", "48x32", "--fps", "4", "--duration", "0.5"]
    run("dream", out, *pattern, "diffuse", "--model", model(tmp_path / "one"), "--steady", "0.5", "--codec", "ffv1")
    assert [wish.steps for wish in pretend[-1].seen] == [25, 25]
    assert provenance.read(out) == ("The pictures were made anew by a diffusion model (diffuse, model one).",)


def test_what_makes_no_sense_is_refused(tmp_path: Path, pretend: list[Pretended]) -> None:
    name, moving = model(tmp_path / "one"), model(tmp_path / "moving", "AnimateDiffPipeline")
    for options, said in [
        ({"loop": True, "mode": "feedback"}, "loop is for walks"),
        ({"strength": "0:(sni(t))"}, "no function sni"),
        ({"prompt": "0: a | b"}, "has no frame"),
        ({"zoom": ""}, "schedule is empty"),
        ({"steps": 0}, "steps"),
    ]:
        with pytest.raises(UseError, match=said):
            Diffuse(model=name, **options)
    for diffuse, said in [
        (Diffuse(model=moving, mode="feedback"), "feedback is for models of pictures"),
        (Diffuse(model=moving, loop=True), "loop is for models of pictures"),
        (Diffuse(model=name, loop=True, duration="inf"), "Give it a --duration"),
    ]:
        with pytest.raises(UseError, match=said):
            _ = diffuse.spec


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"prompt": None}, "without a --prompt"),
        ({"zoom": "0:(1.1)", "colours": "none"}, "in mode walk nothing follows zoom, colours: take mode feedback"),
        ({"mode": "feedback", "pace": 1}, "in mode feedback nothing follows pace: take mode walk"),
        ({"mode": "feedback", "keep": 0.5}, "nothing follows keep"),
        ({"strength": "0:(0.8)"}, "nothing follows strength"),
        ({"window": 8}, "nothing follows window: Stable Diffusion makes single pictures"),
        ({"mode": "feedback", "strength": "0:(0.5), 1:(3)"}, "diffuse: strength is 3 at frame 1, and is taken for 1"),
    ],
)
def test_what_is_given_in_vain_is_said_once(
    options: dict[str, Any], said: str, tmp_path: Path, pretend: list[Pretended], caplog: pytest.LogCaptureFixture
) -> None:
    warn_outside.cache_clear()
    fields._warn_of_window.cache_clear()
    list(Diffuse(**{"model": model(tmp_path / "one"), **SMALL, "duration": 0.5, "prompt": "a boat", **options}).make())
    assert [record.message for record in caplog.records if said in record.message] == caplog.messages
    assert len(caplog.messages) == 1


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    at: Path = tmp_path_factory.mktemp("tiny")
    for kind in diffusion_files.KINDS:
        diffusion_files.write(kind, at / kind)
    return at


@needs_models
@pytest.mark.parametrize("kind", diffusion_files.KINDS)
def test_tiny_models_make_films(kind: str, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("the network was asked"))
    asked = ["--model", tiny / kind, "--prompt", "0: a red boat | 3: night", "--steps", "2", "--detail", "64"]
    asked += ["--window", "5", "--overlap", "2"] if find(str(tiny / kind)).family.moves else []
    for name in ("one.mkv", "two.mkv"):
        size = ["--size", "64x64", "--fps", "4", "--duration", "1.5", "--seed", "3"]
        run("dream", tmp_path / name, "diffuse", *asked, *size, "--codec", "ffv1")
    one, two = (images(melies.open(tmp_path / name).frames()) for name in ("one.mkv", "two.mkv"))
    assert one.shape == (6, 64, 64, 3)
    assert np.array_equal(one, two)
    assert one.std() > 2
    assert not np.array_equal(one[0], one[5])
    run("apply", tmp_path / "one.mkv", tmp_path / "anew.mkv", "diffuse", *asked, "--strength", "0.6")
    assert len(provenance.read(tmp_path / "anew.mkv")) == 2
    assert not np.array_equal(images(melies.open(tmp_path / "anew.mkv").frames()), one)


@pytest.fixture
def one_thread() -> Iterator[None]:
    with runtime.options(threads=1):  # several wait for each other longer than such small networks take
        yield


@needs_models
def test_pictures_larger_than_a_model_knows_places_are_refused(tiny: Path) -> None:
    diffuse = Diffuse(model=str(tiny / "wan"), prompt="a boat", size="64x64", duration=0.5, detail=4096)
    with pytest.raises(UseError, match=r"at most 512 pixels a side, not 4096x4096\. Lower --detail"):
        next(diffuse.make())


@needs_models
@pytest.mark.usefixtures("one_thread")
def test_it_is_what_diffusers_makes(tiny: Path) -> None:
    """Against the pipeline itself, called with words: the same picture to the last digit."""
    import diffusers
    import torch

    from melies.diffusing.studio import studio

    found = find(str(tiny / "still"))
    shop = studio(found)
    given = noise(1, 0, None, shop.noise_shape(64, 64))
    wish = Wish((Part("a red boat", 1.0), Part("night", -1.0)), 3, 5.0, 7)
    ours = shop.made([given], (64, 64), wish)[0]
    plain = diffusers.StableDiffusionPipeline.from_pretrained(found.folder, local_files_only=True)
    plain.set_progress_bar_config(disable=True)
    called = {"num_inference_steps": 3, "guidance_scale": 5.0, "output_type": "np"}
    theirs = plain("a red boat", negative_prompt="night", latents=torch.from_numpy(given)[None], **called).images[0]
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    again = diffusers.StableDiffusionImg2ImgPipeline(**plain.components, requires_safety_checker=False)
    again.set_progress_bar_config(disable=True)
    image, seed = torch.from_numpy(theirs.transpose(2, 0, 1))[None], torch.Generator("cpu").manual_seed(7)
    anew = again("a red boat", image, 0.7, negative_prompt="night", generator=seed, **called).images[0]
    np.testing.assert_allclose(shop.remade([ours], wish, 0.7)[0], anew, atol=1e-4)
    assert np.abs(anew - theirs).mean() > 0.02


@needs_models
@pytest.mark.usefixtures("one_thread")
def test_words_and_motion_are_put_in(tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from melies.diffusing.studio import studio

    adapter = diffusion_files.write_adapter(tmp_path / "adapter")
    shop = studio(find(str(tiny / "still"), str(adapter)))
    given = [noise(1, index, None, shop.noise_shape(64, 64)) for index in range(3)]
    made = shop.made(given, (64, 64), Wish((Part("a boat " * 9, 1.0),), 2, 3.0, 0))
    assert np.stack(made).shape == (3, 64, 64, 3)
    assert "only the first 16 of" in caplog.text
    with pytest.raises(UseError, match="makes at most 16 frames at once"):
        shop.made(given * 6, (64, 64), Wish((), 2, 3.0, 0))
    for part in ("unet", "text_encoder"):
        torn = shutil.copytree(tiny / "still", tmp_path / part)
        weights = next((torn / part).glob("*.safetensors"))
        weights.write_bytes(weights.read_bytes()[:5000])
        with pytest.raises(ModelError, match="cannot be loaded"):
            studio(find(str(torn)))
