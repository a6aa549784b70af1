"""First Order Motion Models: the layout of their weights, ONNX against PyTorch, reading checkpoints."""

import math
import re

import numpy as np
import pytest

from melies.errors import ModelError
from melies.models.convert import fomm
from melies.models.convert.fomm import Layout
from needs import needs_torch

SMALL = Layout(4, 0.5, 4, 2, 16, 6, 3, 48, 8, 2, 24, 2)
SIDE = 32


def weights(layout, seed=0):
    """Random weights of a layout, with variances that can be divided by."""
    rng = np.random.default_rng(seed)
    made = {}
    for name, shape in layout.keys().items():
        if name.endswith("num_batches_tracked"):
            made[name] = np.array(7, np.int64)
        elif name.endswith("running_var") or (name.endswith("weight") and len(shape) == 1):
            made[name] = rng.uniform(0.5, 1.5, shape).astype(np.float32)
        elif name.endswith("down.weight"):
            made[name] = np.full(shape, 1 / shape[-1] ** 2, np.float32)
        else:
            fan = math.prod(shape[1:]) or 1
            made[name] = (rng.normal(size=shape) / math.sqrt(fan)).astype(np.float32)
    bias = made["kp_detector.jacobian.bias"]
    bias += np.tile(np.array([2, 0, 0, 2], np.float32), layout.points)
    return made


def test_the_public_model_has_the_published_number_of_weights():
    keys = Layout().keys()
    assert len([name for name in keys if name.startswith("kp_detector.")]) == 75
    assert len([name for name in keys if name.startswith("generator.")]) == 196
    learned = {
        name: math.prod(shape)
        for name, shape in keys.items()
        if not re.search(r"running|num_batches|down\.weight", name)
    }
    assert sum(count for name, count in learned.items() if name.startswith("kp_detector.")) == 14_215_368
    assert sum(count for name, count in learned.items() if name.startswith("generator.")) == 45_575_391


def test_the_layout_is_the_published_one(footage):
    table = footage.parent / "specs" / "keys" / "fomm_vox256.txt"
    if not table.is_file():
        pytest.skip("the published table of weights is not here: specs/keys/fomm_vox256.txt beside the footage")
    published = {}
    for line in table.read_text().splitlines():
        if match := re.fullmatch(r"(\w+) (\S+) \(([\d, ]*)\)", line):
            published[f"{match[1]}.{match[2]}"] = tuple(int(size) for size in re.findall(r"\d+", match[3]))
    assert len(published) == 271
    assert Layout().keys() == published


@pytest.mark.parametrize("layout", [Layout(), SMALL, Layout(12, 0.25, 8, 3, 64, 8, 4, 128, 16, 3, 64, 1)])
def test_the_layout_is_read_off_the_weights(layout):
    blank = {name: np.empty(shape, np.float32) for name, shape in layout.keys().items()}
    # Where nothing reaches the most channels there may be, these cannot be known, and do not matter.
    assert fomm.layout(blank).keys() == layout.keys()


def test_a_checkpoint_that_differs_is_refused_by_name():
    whole = weights(SMALL)
    with pytest.raises(ModelError, match=r"lacks the weight generator\.final\.bias"):
        fomm.layout({name: value for name, value in whole.items() if name != "generator.final.bias"})
    with pytest.raises(ModelError, match=r"kp_detector\.extra, which is not known"):
        fomm.layout({**whole, "kp_detector.extra": np.zeros(1)})
    with pytest.raises(ModelError, match=r"generator\.final\.weight has the shape \(3, 8, 5, 5\)"):
        fomm.layout({**whole, "generator.final.weight": np.zeros((3, 8, 5, 5))})
    with pytest.raises(ModelError, match="no First Order Motion Model"):
        fomm.layout({"body.0.weight": np.zeros((3, 3))})
    with pytest.raises(ModelError, match="does not suit pictures of 36×36"):
        fomm.convert(whole, 36)


def run(made, name, inputs):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(made[name], options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def animated(made, source, driving):
    at, to = (run(made, "detector", {"picture": picture}) for picture in (source, driving))
    turn = at["jacobian"] @ np.linalg.inv(to["jacobian"])
    inputs = {**run(made, "encoder", {"picture": source}), "source": at["value"], "driving": to["value"], "turn": turn}
    return at, run(made, "generator", inputs)["picture"]


def pictures():
    return np.random.default_rng(1).random((2, 1, 3, SIDE, SIDE)).astype(np.float32)


def test_without_pytorch_the_networks_run():
    source, driving = pictures()
    at, made = animated(fomm.convert(weights(SMALL), SIDE), source, driving)
    assert made.shape == source.shape
    assert at["value"].shape == (1, 4, 2)
    assert np.abs(at["value"]).max() < 1
    assert made.min() >= 0
    assert made.max() <= 1
    assert made.std() > 0.001


@needs_torch
@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("layout", [SMALL, Layout(3, 0.25, 4, 2, 16, 4, 2, 16, 8, 2, 16, 1)])
def test_onnx_is_what_pytorch_computes(layout, align_corners):
    import torch

    from melies.nets.fomm import load

    source, driving = pictures()
    detector, generator = load(weights(layout), align_corners=align_corners)
    with torch.no_grad():
        at, to = detector(torch.tensor(source)), detector(torch.tensor(driving))
        wanted = generator(torch.tensor(source), at, to).numpy()
    found, made = animated(fomm.convert(weights(layout), SIDE, align_corners=align_corners), source, driving)
    for name in ("value", "jacobian"):
        np.testing.assert_allclose(found[name], at[name].numpy(), atol=1e-4)
    np.testing.assert_allclose(made, wanted, atol=1e-4)


@needs_torch
def test_pytorch_has_every_weight_of_the_layout():
    import torch

    from melies.nets.fomm import Detector, Generator, weights_of

    with torch.device("meta"):
        networks = {"kp_detector": Detector, "generator": Generator}
        made = {name: kind(Layout()) for name, kind in networks.items()}
    state = {f"{part}.{name}": tuple(v.shape) for part, net in made.items() for name, v in net.state_dict().items()}
    assert list(state.items()) == list(Layout().keys().items())
    small = {name: kind(SMALL) for name, kind in networks.items()}
    assert fomm.layout(weights_of(small)) == SMALL
