"""`melies train style`: what it learns from, its losses, and that a run goes on where it stopped."""

import cv2
import numpy as np
import pytest

import needs

if needs.MISSING:
    pytest.skip(needs.WHY, allow_module_level=True)

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from melies import train
from melies.errors import UseError
from melies.nets.small import Small
from melies.styling import looks
from melies.train import _style
from melies.train.style import Style, must_be_free
from melies.translating.card import read_card


class Seer(nn.Module):
    """Stands in for VGG16, which is not in the package: the same layers, random and small."""

    def __init__(self, path=None):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        sizes = ((8, 3), (12, 8), (16, 12), (20, 16))
        self.kernels = nn.ParameterList(
            nn.Parameter(torch.randn(out, into, 3, 3, generator=generator) / (3 * into**0.5), requires_grad=False)
            for out, into in sizes
        )

    def forward(self, pictures, upto="4_3"):
        seen, data = {}, pictures
        for name, kernel in zip(("1_2", "2_2", "3_3", "4_3"), self.kernels, strict=True):
            data = F.relu(F.conv2d(data if name == "1_2" else F.max_pool2d(data, 2), kernel, padding=1))
            seen[name] = data.float()
            if name == upto:
                break
        return seen

    def bfloat16(self):
        return self


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """Four photos and two styles: red stripes and blue spots."""
    folder = tmp_path_factory.mktemp("material")
    (folder / "photos").mkdir()
    rng = np.random.default_rng(0)
    for index in range(4):
        picture = cv2.resize(rng.integers(0, 255, (6, 8, 3), np.uint8), (128, 96), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / "photos" / f"{index}.png"), picture)
    y, x = np.mgrid[:64, :64]
    for name, wave, colour in (
        ("stripes", x, (20, 30, 220)),
        ("spots", np.hypot(x % 16 - 8, y % 16 - 8), (230, 90, 10)),
    ):
        share = (np.sin(wave)[..., None] + 1) / 2
        cv2.imwrite(str(folder / f"{name}.png"), (share * colour + (1 - share) * 240).astype(np.uint8))
    return folder


@pytest.fixture(autouse=True)
def seer(monkeypatch):
    monkeypatch.setattr(_style, "Vgg16", Seer)
    monkeypatch.setattr(_style.store, "path", lambda name: name)


def options(material, out, **more):
    usual = {"size": 64, "batch": 2, "width": 8, "blocks": 1, "threads": 1, "preview_every": 0}
    styles = material / "stripes.png", material / "spots.png"
    return Style(**{"style": styles, "photos": (material / "photos",), "out": out, "seed": 3, **usual, **more})


def run(trainer, **how):
    return list(train.run(trainer, **how))[-1]


def test_a_run_makes_a_network_of_all_its_styles(material, tmp_path):
    last = run(options(material, tmp_path / "run", steps=4))
    assert {"content", "style", "smooth", "moved", "moved features"} <= set(last.losses)
    card = read_card(tmp_path / "run" / "style.onnx")
    assert (card.task, card.styles, card.seed, card.steps) == ("style", ("stripes", "spots"), 3, 4)
    image = np.random.default_rng(1).integers(0, 255, (45, 70, 3), np.uint8)
    made = [looks.find(f"{tmp_path / 'run' / 'style.onnx'}@{name}").paint(image) for name in card.styles]
    assert made[0].shape == image.shape
    assert np.abs(made[0] - made[1]).max() > 0.003  # the two are told apart


def test_a_run_goes_on_as_if_it_had_not_stopped(material, tmp_path):
    run(options(material, tmp_path / "one", steps=4, decay=0))
    run(options(material, tmp_path / "two", steps=1, decay=0))
    run(options(material, tmp_path / "two", steps=4, decay=0), resume=True)
    one, two = (torch.load(tmp_path / name / "checkpoint.pt")["networks"]["painter"] for name in ("one", "two"))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_styles_of_the_same_name_are_refused(material, tmp_path):
    with pytest.raises(UseError, match="Two of the styles have the same name"):
        run(options(material, tmp_path, style=(material / "spots.png",) * 2, steps=1))


def test_photos_that_are_not_there_are_said_before_vgg16_is_asked_for(material, tmp_path, monkeypatch):
    monkeypatch.setattr(_style, "Vgg16", lambda path: pytest.fail("asked for"))
    with pytest.raises(UseError, match=r"There is no file .*nodir"):
        run(options(material, tmp_path, photos=(material / "nodir",), steps=1))


def test_the_name_of_a_shipped_style_is_taken(material, tmp_path):
    with pytest.raises(UseError, match="There is a style wave already, of paintings"):
        must_be_free("wave")


def test_what_moves_along_costs_nothing(material, tmp_path):
    """The temporal loss of a painter that copies is that of interpolation; of one that draws a fixed grid, large."""
    work = options(material, tmp_path).begin(np.random.default_rng(0), "cpu")
    photos = F.interpolate(torch.rand(2, 3, 9, 9), (64, 64), mode="bicubic").clamp(0, 1)
    weights = torch.eye(2)

    class Painter(nn.Module):
        def __init__(self, grid):
            super().__init__()
            self.grid = grid

        def encode(self, image, styles):
            return image

        def decode(self, data, styles, image):
            return data + self.grid

    losses = []
    for grid in (torch.zeros(1, 1, 64, 64), 0.3 * ((torch.arange(64) // 3) % 2).float().expand(1, 1, 64, 64)):
        work.net = Painter(grid)
        made = work.net.decode(photos, weights, photos)
        losses.append(float(work._moved(photos, photos, made, weights, np.random.default_rng(1))["moved"]))
    assert losses[0] < 0.002 < 0.02 < losses[1]


def test_mixed_weights_are_a_style_between_and_batches_agree_with_single_pictures():
    net = Small(width=8, blocks=1, styles=2, skip=True).eval()
    for weight in net.parameters():
        weight.data += 0.1 * torch.randn_like(weight)
    image = torch.rand(1, 3, 32, 48)
    one, two, half = (net(image, torch.tensor([w])) for w in ((1.0, 0.0), (0.0, 1.0), (0.5, 0.5)))
    assert (half - one).abs().max() > 1e-3 < (half - two).abs().max()
    assert torch.allclose(net(image.expand(2, -1, -1, -1), torch.eye(2)), torch.cat([one, two]), atol=1e-5)
