"""Dreams with CLIP and with a VQGAN: what is refused, and tiny random models that are built here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from melies.diffusing import folder
from melies.dreaming import clip
from melies.dreaming.ascent import Effort, ascend
from melies.dreaming.folders import CLIP, VQGAN, find
from melies.dreaming.prompts import Part
from melies.dreaming.vqgan import Codes, vqgan
from melies.errors import MeliesError, ModelError, UseError
from melies.generators.dream import Dream
from melies.models import runtime

MISSING = [name for name in folder.PACKAGES if find_spec(name) is None]
needs_models = pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)} of melies[diffusion] not installed")
QUICK = {"size": "96x64", "fps": 10, "duration": 0.3, "steps": 2, "octaves": 1, "detail": 64}


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """Nothing is remembered from other tests, and tiny networks do not wait for each other's threads."""
    find.cache_clear()
    folder.require.cache_clear()
    with runtime.options(threads=1):
        yield


def write_clip(at: Path) -> Path:
    """A CLIP with random weights that reads letters and looks at 32 pixels."""
    import torch
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    torch.manual_seed(0)
    words = [*"abcdefghijklmnopqrstuvwxyz", *(f"{letter}</w>" for letter in "abcdefghijklmnopqrstuvwxyz")]
    vocabulary = {word: number for number, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}
    shared = {"hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2}
    ends = {"bos_token_id": len(words), "eos_token_id": len(words) + 1}
    text = {**shared, **ends, "vocab_size": len(vocabulary), "max_position_embeddings": 16}
    CLIPModel(
        CLIPConfig(text_config=text, vision_config={**shared, "image_size": 32, "patch_size": 8}, projection_dim=16)
    ).save_pretrained(at)
    CLIPTokenizer(vocabulary, []).save_pretrained(at)
    return at


def write_vqgan(at: Path) -> Path:
    """A VQGAN with random weights, whose codes stand for 2×2 pixels."""
    import torch
    from diffusers import VQModel

    torch.manual_seed(0)
    network = VQModel(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        num_vq_embeddings=64,
    )
    network.quantize.embedding.weight.data.normal_()
    network.save_pretrained(at)
    return at


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "has no config.json"),
        ({"config.json": '{"model_type": "bert"}'}, "is no CLIP, but 'bert'"),
        ({"config.json": "[" * 100_000}, "cannot be read"),
        ({"config.json": '{"model_type": "clip"}', "pytorch_model.bin": ""}, "as a pickle"),
        ({"config.json": '{"model_type": "clip", "auto_map": {"AutoModel": "evil.Model"}}'}, "code of its own"),
    ],
)
def test_what_is_no_clip_or_not_safe_is_refused(files: dict[str, str], message: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    dream = Dream(**QUICK, prompts="a boat", clip=tmp_path)
    with pytest.raises(MeliesError, match=message):
        _ = dream.spec


def test_models_that_are_not_here_are_not_fetched(tmp_path: Path) -> None:
    for name in (str(tmp_path / "nowhere"), "nobody/nothing-like-this"):
        with pytest.raises(UseError, match="neither a folder nor a model in the hub's cache"):
            find(name, VQGAN)
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "AutoencoderKL"}))
    with pytest.raises(UseError, match="is no VQGAN, but 'AutoencoderKL'"):
        _ = Dream(**QUICK, vqgan=tmp_path).spec


def test_without_the_packages_a_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "clip"}))
    (tmp_path / "model.safetensors").write_bytes(b"")
    monkeypatch.setattr(folder, "find_spec", lambda name: None)
    with pytest.raises(UseError, match="CLIP need") as raised:
        find(str(tmp_path), CLIP)
    assert "pip install 'melies[diffusion]'" in str(raised.value.hint)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"guide": "clip", "prompts": "a boat"}, "go together"),
        ({"guide": "text", "prompts": "a boat", "clip": "x"}, "go together"),
        ({"clip": "x"}, "needs prompts"),
        ({"space": "vqgan"}, "go together"),
        ({"space": "fft", "vqgan": "x"}, "go together"),
        ({"space": "cppn", "mode": "3d"}, "mode 2d"),
        ({"space": "cppn", "init": "film.mp4"}, "leave out init"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(UseError, match=message):
        Dream(**options)


def similarity(at: Path, picture: np.ndarray, text: str) -> float:
    """By Transformers itself, of the whole picture."""
    import torch
    from transformers import CLIPModel, CLIPTokenizer

    network = CLIPModel.from_pretrained(at)
    plane = torch.nn.functional.interpolate(torch.from_numpy(picture.transpose(2, 0, 1)[None].copy()), (32, 32))
    mean, deviation = (torch.tensor(row)[:, None, None] for row in (clip._MEAN, clip._DEVIATION))
    tokens = CLIPTokenizer.from_pretrained(at)(text, return_tensors="pt")
    with torch.no_grad():
        made = network(**tokens, pixel_values=(plane - mean) / deviation)
    return float((made.image_embeds * made.text_embeds).sum())


@needs_models
def test_a_picture_comes_nearer_to_a_text_and_goes_away_from_another(tmp_path: Path) -> None:
    at = write_clip(tmp_path)
    grey = np.full((64, 96, 3), 0.5, np.float32)
    effort = Effort(steps=12, rate=0.05, octaves=1, side=64)
    near, far = (
        ascend(grey, clip.of_clip([Part("a red boat", weight)], str(at), 8), effort, np.random.default_rng(1))
        for weight in (1.0, -1.0)
    )
    before, after, away = (similarity(at, picture, "a red boat") for picture in (grey, near, far))
    assert after > before + 0.05
    assert away < before - 0.05


@needs_models
def test_the_way_is_the_gradient_of_half_the_squared_angle(tmp_path: Path) -> None:
    import torch

    judge = clip._opened(find(str(write_clip(tmp_path)), CLIP), "cpu")
    parts, picture = (
        [Part("a wave", 1.0), Part("night", -0.5)],
        np.random.default_rng(2).random((32, 48, 3), np.float32),
    )

    def seeded() -> np.random.Generator:
        return np.random.default_rng(3)

    def apart(one: np.ndarray) -> float:
        plane = torch.from_numpy(one.transpose(2, 0, 1)[None].copy())
        return float(judge._apart(plane, parts, 4, seeded()).detach())

    way = judge.way(picture, parts, 4, seeded())
    unit = way / np.linalg.norm(way)
    slope = (apart(picture + np.float32(0.05) * unit) - apart(picture - np.float32(0.05) * unit)) / 0.1
    assert -slope == pytest.approx(float(np.linalg.norm(way)), rel=0.05)
    assert np.array_equal(way, judge.way(picture, parts, 4, seeded()))


@needs_models
def test_long_texts_are_cut_and_said_to_be(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    judge = clip._opened(find(str(write_clip(tmp_path)), CLIP), "cpu")
    assert float(judge._meaning("a boat " * 20).norm()) == pytest.approx(1, abs=1e-5)
    assert "only the first 16 of" in caplog.text


@needs_models
def test_codes_of_a_vqgan_follow_a_guide(tmp_path: Path) -> None:
    """Towards a picture that the network can show; its gradient passes the rounding."""
    network = vqgan(str(write_vqgan(tmp_path)))
    random = np.random.default_rng(5)
    wanted = Codes(network, random.random((64, 64, 3), np.float32)).picture
    codes = Codes(network, np.full((64, 64, 3), 0.5, np.float32))
    apart = [float(np.square(codes.picture - wanted).mean())]
    for _ in range(20):
        codes.step(wanted - codes.picture, 0.02)
        apart.append(float(np.square(codes.picture - wanted).mean()))
    assert apart[-1] < 0.7 * apart[0]


@needs_models
def test_dreams_with_both_do_not_depend_on_where_the_making_begins(tmp_path: Path) -> None:
    given: dict[str, Any] = {"clip": write_clip(tmp_path / "clip"), "vqgan": write_vqgan(tmp_path / "vqgan")}
    dream = Dream(**QUICK, **given, prompts="0: a boat :0.7 AND night :0.3 --neg a wave", cutouts=2, cadence=1)
    assert (dream.leads, dream.represents, dream.models()) == ("clip", "vqgan", ())
    assert "VQGAN" in str(dream.synthesis)
    whole = [frame.image for frame in dream.frames()]
    assert len(whole) == 3
    assert not np.array_equal(whole[0], whole[2])
    assert np.array_equal(whole[2], next(dream.frames(Fraction(2, 10))).image)


@needs_models
def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    at = write_vqgan(tmp_path)
    (at / "diffusion_pytorch_model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="cannot be loaded"):
        vqgan(str(at))
