"""`melies train growth`: what is trained and written is what the generator runs."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from melies import train
from melies.errors import UseError
from melies.generators.growth import Growth
from melies.growing.network import CHANNELS, Automaton, written
from melies.models import runtime
from melies.train.growth import Growth as Training
from melies.translating.card import read_card
from needs import needs_training

pytestmark = needs_training
QUICK = {"size": 24, "batch": 2, "least": 4, "most": 6, "threads": 1, "preview_every": 0}


@pytest.fixture
def picture(tmp_path):
    """A disc before nothing."""
    image = np.zeros((40, 40, 4), np.uint8)
    cv2.circle(image, (20, 20), 15, (40, 90, 230, 255), -1)
    cv2.imwrite(str(tmp_path / "disc.png"), image)
    return tmp_path / "disc.png"


@pytest.mark.parametrize("kind", ["pattern", "texture"])
def test_networks_compute_the_same_with_and_without_torch(kind):
    import torch

    from melies.nets.growth import Growth as Net

    torch.manual_seed(2)
    net = Net(kind)
    torch.nn.init.normal_(net.second.weight, 0, 0.05)
    for weights in net.parameters():  # as exact in 16 bits as in 32
        weights.data = weights.data.half().float()
    automaton = Automaton(runtime.written("test", written(net.weights(), kind)), kind)
    rng = np.random.default_rng(0)
    cells = automaton.seeded(9, 11, rng) + rng.normal(0, 0.3, (CHANNELS, 9, 11)).astype(np.float32)
    chosen = rng.random((9, 11)) < 0.5
    with torch.no_grad():
        wanted = net(torch.from_numpy(cells[None]), torch.from_numpy(chosen[None, None].astype(np.float32)))[0].numpy()
    assert np.abs(automaton.step(cells, chosen) - wanted).max() < 1e-5


def test_a_picture_becomes_a_model_that_grows(picture, tmp_path):
    trainer = Training(picture=picture, out=tmp_path / "run", steps=16, **QUICK)
    *_, last = train.run(trainer)
    first, *_ = train.run(trainer.model_copy(update={"out": tmp_path / "other", "steps": 1}))
    assert last.losses["apart"] < 0.97 * first.losses["apart"]
    path = tmp_path / "run" / "growth.onnx"
    card = read_card(path)
    assert card is not None
    assert (card.task, card.steps, card.data) == ("growth", 16, "picture: disc.png")
    assert path.stat().st_size < 13_000
    growth = Growth(model=str(path), size="32x32", cells=24, fps=5, duration=2, background="transparent")
    frames = [frame.image for frame in growth.make(Fraction(1))]
    assert frames[0].shape == (32, 32, 4)
    assert frames[-1][..., 3].any()


def test_textures_are_told_apart_by_their_patches():
    import torch

    from melies.train._growth import patches_apart

    torch.manual_seed(0)
    y, x = torch.meshgrid(*[torch.arange(48.0)] * 2, indexing="ij")
    across, down = (torch.sin(2 * torch.pi * place / 12) for place in (x, y))
    stripes, checks = across.expand(3, -1, -1), (across * down).expand(3, -1, -1)
    shifted = torch.roll(stripes, 4, 2)
    apart = patches_apart(torch.stack([shifted, checks, stripes.transpose(1, 2)]), stripes)
    assert apart[0] < 0.3 * apart[1]
    assert apart[0] < 0.3 * apart[2]


def test_what_cannot_be_learned_from_is_refused(picture, tmp_path):
    with pytest.raises(UseError, match="least"):
        list(train.run(Training(picture=picture, out=tmp_path / "run", steps=1, **{**QUICK, "least": 9})))
    with pytest.raises(UseError, match=r"none\.png"):
        list(train.run(Training(picture=tmp_path / "none.png", out=tmp_path / "run", steps=1, **QUICK)))
