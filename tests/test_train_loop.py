"""What the shared loop does around a step: it survives being killed, keeps the best, and fills in cards."""

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from melies import train
from melies.errors import UseError
from melies.models import own
from melies.models.convert.onnx_graph import Graph
from melies.train import Trainer, _curves
from melies.train._cards import command_of, markdown, material_of
from melies.translating.card import IMAGE, MADE, Card, read_card, with_card
from needs import needs_training


class Tint(Trainer):
    """Learn how much brighter each colour of a picture has become."""

    minimised = "off"
    mixed = True

    photos: tuple[Path, ...] = ()
    gains: tuple[float, float, float] = (0.5, 1.0, 1.5)
    spoiled_after: int = 10**9

    def begin(self, rng, device):
        return _Work(self, rng)


class _Work:
    def __init__(self, options, rng):
        import torch

        self.options, self.rng, self.done = options, rng, 0
        self.net = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), torch.nn.Dropout(0.1), torch.nn.BatchNorm2d(3))
        self.networks = {"net": self.net}
        self.optimisers = {"adam": torch.optim.Adam(self.net.parameters(), options.rate)}

    def step(self):
        import torch

        from melies.train._precision import descend

        self.done += 1
        x = torch.from_numpy(self.rng.random((4, 3, 8, 8), np.float32))
        gains = torch.tensor(self.options.gains).reshape(1, 3, 1, 1)
        loss = (self.net(x) - gains * x).abs().mean()
        self.type = self.net[0](x).dtype
        descend(self.optimisers["adam"], loss)
        return {"error": loss.detach()}

    def measure(self):
        return {"off": 1 / self.done if self.done <= self.options.spoiled_after else 9.0, "steps": self.done}

    def preview(self):
        return np.full((20, 30, 3), 200, np.uint8)

    def export(self, folder):
        graph = Graph()
        weight = float(self.net[0].weight.detach().sum())
        shape = (1, 3, "h", "w")
        made = graph.add("Mul", graph.input(IMAGE, "float32", shape), graph.constant(np.float32(weight)))
        graph.output(MADE, made, "float32", shape)
        path = folder / "tint.onnx"
        path.write_bytes(with_card(graph.to_bytes(), Card(name="tint", task="translate", licence="as the photos")))
        return [path]


def trained(folder, resume=False, **options):
    for progress in train.run(Tint(out=folder, preview_every=0, decay=0, threads=1, **options), resume=resume):
        print(progress.step, flush=True)
    return progress


def checkpoint(folder, file="checkpoint.pt"):
    import torch

    return torch.load(folder / file, weights_only=True)


@needs_training
def test_a_run_that_is_killed_goes_on_as_if_nothing_had_happened(tmp_path):
    here = Path(__file__).parent
    code = f"import test_train_loop as t; t.trained(t.Path({str(tmp_path / 'killed')!r}), average=0.9, save_every=7)"
    environment = {**os.environ, "PYTHONPATH": str(here)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment) as began:
        next(line for line in began.stdout if int(line) == 23)
        began.kill()
    assert began.returncode == -signal.SIGKILL
    steps = 40 + checkpoint(tmp_path / "killed")["step"]
    trained(tmp_path / "killed", resume=True, steps=steps, average=0.9)
    trained(tmp_path / "whole", steps=steps, average=0.9)
    killed, whole = (checkpoint(tmp_path / name) for name in ("killed", "whole"))
    assert killed["step"] == whole["step"] == steps
    assert killed["numpy"] == whole["numpy"]
    for kind in ("networks", "averages"):
        one, other = killed[kind]["net"], whole[kind]["net"]
        assert all(np.array_equal(one[name].numpy(), other[name].numpy()) for name in one)


@needs_training
def test_the_best_networks_are_kept_and_exported_with_a_card_that_says_all(tmp_path, monkeypatch):
    monkeypatch.setenv("MELIES_HOME", str(tmp_path / "home"))
    run, photos = tmp_path / "run", (tmp_path / "holidays", Path("more.mp4"))
    options = {"photos": photos, "licence": "CC BY 4.0", "name": "my-tint", "rate": 0.01, "spoiled_after": 30}
    *_, last = train.run(Tint(out=run, steps=50, preview_every=1e-9, **options))
    best, latest = (
        checkpoint(run, file)["networks"]["net"]["0.weight"].numpy() for file in ("best.pt", "checkpoint.pt")
    )
    assert not np.array_equal(best, latest)
    card = read_card(run / "tint.onnx")
    assert (card.name, card.task, card.steps, card.seed) == ("my-tint", "translate", 30, 0)
    assert card.metrics == {"off": pytest.approx(1 / 30, 1e-4), "steps": 30}
    assert card.licence == "CC BY 4.0"
    from melies.train._precision import fastest

    precision = fastest("cpu")  # what "auto" came to
    assert card.command == (
        "melies train test-train-loop --photos holidays --photos more.mp4 --spoiled-after 30 --rate 0.01 "
        f"--precision {precision} --steps 30 --out run"
    )
    assert str(tmp_path) not in card.model_dump_json()
    page = (run / "tint.md").read_text()
    assert "# my-tint" in page
    assert "**licence**: CC BY 4.0" in page
    assert {path.name for path in last.files} >= {"tint.onnx", "tint.md", "my-tint.onnx", "curves.html"}

    # What was kept under a name is what an effect finds by it.
    from melies.translating.network import find

    made = find("translate", "my-tint")(np.full((20, 30, 3), 0.25, np.float32))
    np.testing.assert_allclose(made, np.clip(best.sum() * 0.25, 0, 1), rtol=1e-5)

    with pytest.raises(UseError, match=r"model my-tint of your own already.*melies models remove my-tint"):
        train.run(Tint(out=tmp_path / "other", name="my-tint"))
    assert not (tmp_path / "other").exists()
    *_, last = train.run(Tint(out=run, steps=60, preview_every=0, **options), resume=True)
    assert read_card(own.find("my-tint")).steps == 30
    (run / "tint.onnx").unlink()
    assert train.export(Tint(out=run, **options)).step == 60
    assert read_card(run / "tint.onnx").metrics["steps"] == 30


def test_a_card_tells_the_command_without_what_is_nobodys_business(tmp_path):
    trainer = Tint(
        out=tmp_path / "run", photos=(tmp_path / "a b",), gains=(1, 2, 0.25), minutes=3, threads=1, name="my"
    )
    assert command_of(trainer, 7) == (
        "melies train test-train-loop --photos 'a b' --gains 1,2,0.25 --threads 1 --steps 7 --out run"
    )
    assert material_of(trainer) == ""  # nothing that has to be given
    with pytest.raises(UseError, match="--name"):
        Tint(out=tmp_path, name="My Model")


def test_a_card_tells_a_use_that_can_be_typed():
    page = markdown(Card(name="mine", task="style", styles=("mein bild; rm", "waves")))
    used = re.search(r"used so\*\*: (.*)", page)[1]
    assert shlex.split(used) == ["style", "mein bild; rm"]
    page = markdown(Card(name="run", task="segment"), "run s/segmenter.onnx")  # not kept under a name
    assert "paint --from footage --segmenter 'run s/segmenter.onnx'" in page


@needs_training
def test_numbers_of_16_bits_are_used_where_they_are_asked_for(tmp_path):
    import torch

    trainer = Tint(out=tmp_path / "half", precision="bf16", steps=30, rate=0.05, preview_every=0)
    from melies.train._loop import _Run

    run = _Run(trainer)
    with run.precision.step():
        run.work.step()
    assert run.work.type == torch.bfloat16
    assert run.work.net[0].weight.dtype == torch.float32
    assert run.work.net(torch.ones(1, 3, 8, 8)).dtype == torch.float32
    losses = [progress.losses["error"] for progress in train.run(trainer)]
    assert losses[-1] < losses[0]
    with pytest.raises(UseError, match="bf16 or 32"):
        train.run(Tint(out=tmp_path / "16", precision="16", device="cpu"))

    class Exact(Tint):
        """Needs all bits."""

        mixed = False

    with pytest.raises(UseError, match="needs numbers of 32 bits"):
        train.run(Exact(out=tmp_path / "exact", precision="bf16"))


def test_the_page_shows_curves_and_previews_and_runs_nothing(tmp_path):
    (tmp_path / "previews").mkdir()
    for step in (10, 20):
        (tmp_path / "previews" / f"{step:07}.png").write_bytes(b"")
    lines = ["step,seconds,rate,loss <b>,measured off"]
    lines += [f"{step},1,0.1,{100 / step},{(step % 90 == 0 and step) or ''}" for step in range(10, 5001, 10)]
    (tmp_path / "log.csv").write_text("\n".join(lines))
    curves = _curves.read(tmp_path / "log.csv")
    assert [(curve.kind, curve.name, len(curve.steps)) for curve in curves] == [
        ("loss", "<b>", 200),
        ("measured", "off", 55),
    ]
    assert curves[0].values[0] > curves[0].values[-1]
    preview = np.full((200, 3000, 3), 90, np.uint8)
    page = _curves.write(tmp_path, "style in <run>", preview, running=True).read_text()
    assert "<b>off" not in page
    assert "loss &lt;b&gt;" in page
    assert "style in &lt;run&gt;" in page
    assert "previews/0000010.png" in page
    assert 'src="data:image/jpeg;base64,' in page
    assert "<script" not in page
    assert not re.search(r"https?:", page)
    assert len(page) < 60_000
    assert 'http-equiv="refresh"' in page
    assert "refresh" not in _curves.write(tmp_path, "x", None, running=False).read_text()


def test_a_preview_is_drawn_with_two_pixels_in_a_character():
    from melies.cli.training import blocks

    image = np.zeros((100, 200, 3), np.uint8)
    image[:50] = 255, 0, 0
    text = blocks(image, 40, 20)
    rows = text.plain.splitlines()
    assert {len(row) for row in rows} == {40}
    assert len(rows) == 10
    colours = [(span.style.color.triplet, span.style.bgcolor.triplet) for span in text.spans]
    assert colours[0] == ((255, 0, 0), (255, 0, 0))
    assert colours[-1] == ((0, 0, 0), (0, 0, 0))
