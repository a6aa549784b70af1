"""`melies train paint` and `segment`: pairs, what is refused, and networks that effects can use."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

import needs
from melies import train
from melies.errors import UseError
from melies.frame import VideoSpec
from melies.painting.painter import Painter
from melies.painting.palette import find
from melies.translating.card import read_card

if needs.MISSING:
    pytest.skip(needs.WHY, allow_module_level=True)

import torch

CAMVID = find("camvid")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Six layouts of two halves, and photographs in which each class has a colour of its own."""
    folder = tmp_path_factory.mktemp("pairs")
    colours = np.random.default_rng(0).integers(40, 220, (12, 3)).astype(np.uint8)
    for name in ("layouts", "photos"):
        (folder / name).mkdir()
    for index in range(6):
        labels = np.zeros((64, 64), np.uint8)
        labels[20 + 5 * index :] = 3
        noise = np.random.default_rng(index).normal(0, 6, (64, 64, 3))
        photo = np.clip(colours[labels] + noise, 0, 255).astype(np.uint8)
        drawn = CAMVID.painted(labels) if index % 2 else labels
        cv2.imwrite(str(folder / "layouts" / f"{index}.png"), drawn[..., ::-1] if drawn.ndim == 3 else drawn)
        cv2.imwrite(str(folder / "photos" / f"{index}.jpg"), photo[..., ::-1])
    return folder, colours


def trained(name, pairs, out, resume=False, **options):
    folder, _ = pairs
    given = {"layouts": folder / "layouts", "photos": folder / "photos", "width": 64, "height": 64, "threads": 1}
    trainer = train.find(name)(**{**given, "out": out, "preview_every": 0, "held_out": 0.2, **options})
    return list(train.run(trainer, resume=resume))[-1]


@pytest.mark.parametrize(("net", "steps", "apart"), [("spade", 14, 0.15), ("small", 2, 1), ("unet", 2, 1)])
def test_a_painter_learns_the_colours_of_things(net, steps, apart, pairs, tmp_path):
    options = {"features": 0, "steady": 0, "average": 0, "batch": 1}
    last = trained("paint", pairs, tmp_path, net=net, steps=steps, rate=3e-3, seed=1, **options)
    assert last.measured["L1"] < apart
    assert "moved" not in last.losses
    path = tmp_path / "painter.onnx"
    assert path.stat().st_size < 4 << 20
    card = read_card(path)
    assert (card.task, card.side, card.steps, len(card.classes)) == ("paint", 64, steps, 12)
    painter = Painter(str(path), VideoSpec(64, 64, Fraction(25), Fraction(1, 25)))
    made = painter.paint(painter.read(CAMVID.painted(np.full((64, 64), 3, np.uint8)), "auto"))
    assert made.shape == (64, 64, 3)
    assert np.isfinite(made).all()


class Flat(torch.nn.Module):
    """Gives each class a colour, and adds to it what stays where it is in the picture."""

    def __init__(self, sticks=0.0):
        super().__init__()
        self.colours = torch.nn.Conv2d(12, 3, 1)
        self.screen = torch.nn.Parameter(sticks * torch.rand(1, 3, 64, 64))

    def forward(self, layout):
        return self.colours(layout) + self.screen


def test_what_moves_with_its_layout_costs_nothing(pairs, tmp_path):
    folder, _ = pairs
    options = train.find("paint")(
        layouts=folder / "layouts", photos=folder / "photos", out=tmp_path / "none", width=64, height=64, features=0
    )
    work = options.begin(np.random.default_rng(0), "cpu")
    layouts, _ = work._pairs.batch(np.random.default_rng(1), 2)

    def cost(seed=2):
        painted, apart = work._moved(layouts, np.random.default_rng(seed))
        assert torch.equal(painted, work._painter(layouts))
        return apart

    work._painter = Flat()
    assert cost().item() < 1e-6
    work._painter = Flat(sticks=0.4)
    before = cost().item()
    assert before > 0.05
    optimiser = torch.optim.Adam([work._painter.screen], 0.05)
    for seed in range(8):
        optimiser.zero_grad()
        cost(seed).backward()
        optimiser.step()
    assert cost().item() < 0.4 * before


def test_a_run_that_looks_at_moved_layouts_goes_on_as_if_never_stopped(pairs, tmp_path):
    options = {"net": "small", "features": 0, "decay": 0, "batch": 1}
    whole = trained("paint", pairs, tmp_path / "one", steps=2, **options)
    assert whole.losses["moved"] > 0
    trained("paint", pairs, tmp_path / "two", steps=1, **options)
    trained("paint", pairs, tmp_path / "two", resume=True, steps=2, **options)
    one, two = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("one", "two"))
    assert one["numpy"] == two["numpy"]
    assert all(torch.equal(value, two["networks"]["painter"][key]) for key, value in one["networks"]["painter"].items())


def test_a_segmenter_learns_to_tell_them_apart(pairs, tmp_path):
    last = trained("segment", pairs, tmp_path, steps=25, batch=2, rate=5e-3, average=0)
    assert last.measured["accuracy"] > 0.8
    card = read_card(tmp_path / "segmenter.onnx")
    assert (card.task, card.multiple) == ("segment", 32)


def test_what_is_no_pair_is_refused(pairs, tmp_path):
    folder, _ = pairs
    with pytest.raises(UseError, match="hold 0 pairs of pictures"):
        trained("paint", pairs, tmp_path / "a", features=0, steps=1, without="*")
    other = tmp_path / "other"
    other.mkdir()
    for index in range(6):
        cv2.imwrite(str(other / f"{index}.png"), np.zeros((32, 64, 3), np.uint8))
    with pytest.raises(UseError, match=r"has 64×32 pixels and .*0\.jpg 64×64: they are no pair"):
        trained("paint", pairs, tmp_path / "b", layouts=other, features=0, steps=1)
    with pytest.raises(UseError, match=r"0\.jpg: \d+% of the picture has colours that are no label of camvid"):
        trained("paint", pairs, tmp_path / "c", layouts=folder / "photos", features=0, steps=1)
    for share, swapped in ((2, False), (40, True)):
        numbers = np.full((64, 64), 3, np.uint8)
        numbers[:share] = 200
        for index in range(6):
            cv2.imwrite(str(other / f"{index}.png"), numbers)
        with pytest.raises(UseError, match=r"0\.png: \d+% of the layout has numbers .*: --classes") as told:
            trained("paint", pairs, tmp_path / "d", layouts=other, features=0, steps=1)
        assert ("wrong way round" in told.value.hint) == swapped
