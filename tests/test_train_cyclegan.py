"""`melies train cyclegan`: likeness as a measure, both ways and one, pauses that change nothing, what is exported."""

import numpy as np
import pytest

import melies
from melies import cli, train
from melies.effects.translate import Translate
from melies.errors import UseError
from melies.matting.scale import cv
from melies.media.synthetic import write_clip
from melies.models import own, runtime
from melies.train.cyclegan import CycleGan
from melies.translating.card import read_card
from melies.translating.likeness import Likeness, edges_kept
from melies.translating.network import find
from needs import needs_training


def pictures(seed, tint, count=12):
    """Blurred noise, `N×3×48×64`, in the light of one colour."""
    rng = np.random.default_rng(seed)
    noise = [cv.GaussianBlur(rng.random((48, 64, 3), np.float32), (0, 0), 2) for _ in range(count)]
    return np.clip(np.stack(noise) * 2 - 0.5, 0, 1).transpose(0, 3, 1, 2) * np.reshape(np.float32(tint), (3, 1, 1))


def folder(path, seed, tint):
    path.mkdir()
    for index, picture in enumerate(pictures(seed, tint)):
        image = np.ascontiguousarray(picture.transpose(1, 2, 0)[..., ::-1] * 255).astype(np.uint8)
        cv.imwrite(str(path / f"{index}.png"), image)
    return path


def test_likeness_tells_light_and_texture_apart():
    real, other = pictures(0, (1, 1, 1)), pictures(1, (1, 1, 1))
    likeness = Likeness(real)
    same, darker = likeness.distance(other), likeness.distance(other - 0.1)
    smooth = np.stack([cv.GaussianBlur(one.transpose(1, 2, 0), (0, 0), 3).transpose(2, 0, 1) for one in other])
    assert same < 0.02
    assert darker == pytest.approx(0.08, abs=0.02)
    assert likeness.distance(smooth) > 2 * same
    assert edges_kept(other, other * 0.5 + 0.2) == pytest.approx(1, abs=1e-3)
    assert edges_kept(real, other) < 0.2


def test_it_says_what_it_needs(tmp_path):
    with pytest.raises(UseError, match="--b"):
        CycleGan(out=tmp_path / "run", a=(tmp_path,))


@needs_training
def test_it_learns_pauses_change_nothing_and_the_effect_knows_the_result(tmp_path, monkeypatch):
    monkeypatch.setenv("MELIES_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(runtime, "_sessions", {})
    options = {
        "a": (folder(tmp_path / "grey", 0, (1, 1, 1)),),
        "b": (folder(tmp_path / "red", 1, (1, 0.3, 0.3)),),
        "size": 32, "side": 64, "seed": 3, "threads": 1, "preview_every": 0, "precision": "32", "smooth": 1,
        "rate": 5e-4, "average": 0, "cycle": 1, "identity": 0.5, "decay": 0,
    }  # fmt: skip
    whole = CycleGan(out=tmp_path / "whole", steps=30, kept_as="redder", **options)
    *_, last = train.run(whole)
    measured = last.measured
    assert measured["distance a-to-b"] < 0.95 * measured["distance a-to-b before"]
    list(train.run(CycleGan(out=tmp_path / "parts", steps=2, **options)))
    list(train.run(CycleGan(out=tmp_path / "parts", steps=4, **options), resume=True))
    list(train.run(CycleGan(out=tmp_path / "once", steps=4, **options)))

    import torch

    parts, once = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("parts", "once"))
    for name, weights in once["networks"].items():
        for key, value in weights.items():
            assert torch.equal(value, parts["networks"][name][key]), (name, key)

    card = read_card(own.find("redder"))
    assert (card.name, card.task, card.multiple) == ("redder", "translate", 4)
    assert 32 <= card.side <= 48
    clip = melies.open(write_clip(tmp_path / "in.mkv", size=(64, 48), frames=3))
    made = [frame.image for frame in clip.apply(Translate(model="redder")).frames()]
    before = [frame.image for frame in clip.frames()]
    redder = np.mean(made, (0, 1, 2)) - np.mean(before, (0, 1, 2))
    assert redder[1:].mean() < redder[0]
    assert find("translate", tmp_path / "whole" / "b-to-a.onnx").card.side


@needs_training
def test_one_sided_learns_one_way(tmp_path):
    options = {"a": (folder(tmp_path / "grey", 0, (1, 1, 1)),), "b": (folder(tmp_path / "red", 1, (1, 0.3, 0.3)),)}
    trainer = CycleGan(
        out=tmp_path / "run", one_sided=True, size=32, side=64, steps=6, preview_every=0, threads=1, **options
    )
    *_, last = train.run(trainer)
    assert {"real a-to-b", "places", "same places", "critic a-to-b"} == set(last.losses)
    assert [path.name for path in last.files if path.suffix == ".onnx"] == ["a-to-b.onnx"]


@pytest.mark.parametrize("scale", [(0, 0), (1, 0.5), (0.5, 3), (float("nan"), 1)])
def test_scales_are_two_numbers_in_order(scale, tmp_path):
    with pytest.raises(UseError, match=r"scale.*the smaller first"):
        CycleGan(out=tmp_path / "run", a=(tmp_path,), b=(tmp_path,), scale=scale)


@pytest.mark.parametrize(
    ("typed", "said"),
    [("0,0", "--scale '0,0': give two numbers"), ("0.6", "--scale '0.6': should be several values with commas")],
)
def test_what_is_wrong_is_shown_as_it_was_typed(typed, said, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["train", "cyclegan", "--out", str(tmp_path / "run"), "--a", "x", "--b", "y", "--scale", typed])
    assert said in capsys.readouterr().err


def test_networks_begin_with_the_numbers_that_suit_them(tmp_path):
    small, large = (CycleGan(out=tmp_path, a=(tmp_path,), b=(tmp_path,), net=net) for net in ("small", "resnet9"))
    assert (small.cycle, small.identity, small.rate) == (2, 0.5, 8e-4)
    assert (large.cycle, large.identity, large.rate) == (10, 5, 2e-4)
    assert CycleGan(out=tmp_path, a=(tmp_path,), b=(tmp_path,), net="resnet6", cycle=3).cycle == 3


@needs_training
def test_a_refused_run_leaves_nothing_behind(tmp_path):
    grey, same = folder(tmp_path / "grey", 0, (1, 1, 1)), tmp_path / "same"
    same.mkdir()
    cv.imwrite(str(same / "one.png"), np.zeros((48, 64, 3), np.uint8))
    for b in (same, tmp_path / "none"):
        with pytest.raises(UseError, match=r"no two different|There is no file"):
            list(train.run(CycleGan(out=tmp_path / "run", a=(grey,), b=(b,), size=32, side=64, steps=1)))
        assert not (tmp_path / "run").exists()
    kept = tmp_path / "kept"
    kept.mkdir()
    with pytest.raises(UseError, match="There is no file"):
        train.run(CycleGan(out=kept, a=(grey,), b=(tmp_path / "none",), size=32, side=64, steps=1))
    assert list(kept.iterdir()) == []


def test_folders_of_runs_are_folders_and_hold_runs(tmp_path, capsys):
    file = tmp_path / "file"
    file.touch()
    for words, said in (
        (["--out", str(file), "--a", str(tmp_path), "--b", str(tmp_path)], f"--out {file}: {file} is a file."),
        (["--out", str(tmp_path / "none"), "--resume"], f"There is no run in {tmp_path / 'none'}."),
        (["--out", str(tmp_path), "--export-only"], f"There is no run in {tmp_path}."),
        (["--out", str(tmp_path), "--a", ".", "--b", ".", "--name", "../evil"], "small letters, digits, and hyphens"),
    ):
        with pytest.raises(SystemExit) as left:
            cli.main(["train", "cyclegan", *words])
        assert left.value.code == 2
        assert said in capsys.readouterr().err
