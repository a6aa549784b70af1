"""The frame that all trainers share, on a network of two numbers."""

import csv
import json
import shlex

import numpy as np
import pytest

from melies import cli, train
from melies.errors import ModelError, UseError
from melies.train import Trainer
from melies.train._log import Log
from needs import needs_training


class Line(Trainer):
    """Fit a line through points."""

    lasting = ("width",)
    slope: float = 3.0
    width: int = 1

    def begin(self, rng, device):
        return _Work(self, rng)


class _Work:
    def __init__(self, trainer, rng):
        import torch

        self.slope, self.batch, self.rng = trainer.slope, trainer.batch, rng
        line = torch.nn.Linear(1, trainer.width)
        net = torch.nn.Sequential(torch.nn.BatchNorm1d(1), torch.nn.Dropout(0.02), line)
        self.networks = {"line": net}
        self.optimisers = {"line": torch.optim.Adam(net.parameters(), trainer.rate)}

    def step(self):
        import torch

        if not self.slope:
            raise UseError("There is nothing to learn.")
        x = torch.from_numpy(self.rng.normal(size=(self.batch, 1)).astype(np.float32))
        loss = (self.networks["line"](x) - self.slope * x).abs().mean()
        self.optimisers["line"].zero_grad()
        loss.backward()
        self.optimisers["line"].step()
        return {"error": loss.detach()}

    def measure(self):
        import torch

        torch.rand(3)  # must not change what follows
        x = torch.ones(1, 1)
        return {"off": abs(float(self.networks["line"](x)) - self.slope)}

    def preview(self):
        assert not self.networks["line"].training
        return np.full((4, 6, 3), (255, 0, 0), np.uint8)

    def export(self, folder):
        path = folder / "line.json"
        path.write_text(json.dumps(self.networks["line"][2].weight.item()))
        return [path]


def losses(folder):
    with (folder / "log.csv").open() as file:
        return [(line["step"], line["loss error"]) for line in csv.DictReader(file) if line["loss error"]]


def trained(folder, **options):
    *_, last = train.run(Line(out=folder, batch=16, rate=0.05, **options))
    return last


def test_every_trainer_says_what_it_does_and_what_it_needs(capsys):
    for name, trainer in train.every().items():
        assert trainer.name() == name
        assert trainer.__doc__
        assert all(field.description for field in trainer.model_fields.values())
        with pytest.raises(SystemExit) as left:
            cli.main(["train", name, "--help"])
        assert left.value.code == 0
        shown = " ".join(capsys.readouterr().out.split())
        assert trainer.advice
        assert trainer.advice in shown
        assert all(line in shown for line in trainer.examples)


@pytest.mark.parametrize("name", train.names())
def test_the_examples_of_the_help_are_understood(name, monkeypatch):
    began = []
    monkeypatch.setattr(train, "run", lambda trainer, **_: began.append(trainer) or iter(()))
    monkeypatch.setattr(train, "to_go_on", lambda *_: began[0].model_dump(by_alias=True, exclude={"minutes"}))
    lines = [shlex.split(line) for line in train.find(name).examples]
    for words in lines:
        if words[0] == "train":
            with pytest.raises(SystemExit) as left:
                cli.main(words)
            assert not left.value.code
    assert began
    assert all(trainer.minutes for trainer in began)
    assert {trainer.kept_as for trainer in began} == {began[0].kept_as}


def test_without_pytorch_one_is_told_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "find_spec", lambda name: None)
    with pytest.raises(UseError, match=r"pip install 'melies\[train\]'"):
        train.run(Line(out=tmp_path))
    monkeypatch.setattr(train, "find_spec", lambda name: None if name == "onnx" else name)
    with pytest.raises(UseError, match="needs onnx"):
        train.export(Line(out=tmp_path))


def test_a_trainer_needs_a_folder():
    with pytest.raises(UseError, match="needs the option --out"):
        Line()


def test_the_command_line_lists_trainers(capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["train", "--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in train.names())
    with pytest.raises(SystemExit) as left:
        cli.main(["train", "pupet", "--out", "run"])
    assert left.value.code == 2


def test_the_log_takes_new_columns_and_forgets_what_is_done_again(tmp_path):
    path = tmp_path / "log.csv"
    log = Log(path, 0)
    log.write(10, 1.0, 0.1, {"a": 0.5}, {})
    log.write(20, 2.0, 0.1, {"a": 0.4}, {"far": 0.25})
    log.write(30, 3.0, 0.1, {"a": 0.3}, {})
    Log(path, 20).write(25, 9.0, 0.1, {"a": 0.2}, {})
    with path.open() as file:
        lines = list(csv.DictReader(file))
    assert [(line["step"], line["loss a"], line["measured far"]) for line in lines] == [
        ("10", "0.5", ""),
        ("20", "0.4", "0.25"),
        ("25", "0.2", ""),
    ]


@needs_training
def test_a_run_leaves_its_files_and_learns(tmp_path):
    last = trained(tmp_path / "run", steps=120)
    assert last.step == 120
    assert last.share == 1.0
    assert last.left == 0.0
    names = {path.relative_to(tmp_path / "run").as_posix() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert names == {"checkpoint.pt", "curves.html", "line.json", "log.csv", "options.json", "previews/0000120.png"}
    assert {path.name for path in last.files} == {"checkpoint.pt", "curves.html", "line.json", "0000120.png"}
    assert last.preview.shape == (4, 6, 3)
    told = losses(tmp_path / "run")
    assert [int(step) for step, _ in told] == list(range(10, 121, 10))
    assert float(told[-1][1]) < float(told[0][1])


@needs_training
@pytest.mark.parametrize("average", [0.0, 0.9])
def test_a_resumed_run_equals_one_without_a_pause(tmp_path, average):
    options = {"average": average, "decay": 0.0, "preview_every": 0.0}
    trained(tmp_path / "whole", steps=60, **options)
    trained(tmp_path / "parts", steps=25, **options)
    *_, last = train.run(Line(out=tmp_path / "parts", batch=16, rate=0.05, steps=60, **options), resume=True)
    assert last.step == 60
    assert losses(tmp_path / "parts")[-1] == losses(tmp_path / "whole")[-1]
    assert (tmp_path / "parts" / "line.json").read_text() == (tmp_path / "whole" / "line.json").read_text()


@needs_training
def test_looking_at_it_changes_nothing(tmp_path):
    trained(tmp_path / "seen", steps=30, preview_every=1e-9, average=0.9)
    trained(tmp_path / "unseen", steps=30, preview_every=0, average=0.9)
    assert losses(tmp_path / "seen")[-1] == losses(tmp_path / "unseen")[-1]


@needs_training
def test_it_can_be_stopped_and_ends_in_good_order(tmp_path):
    seen = []
    run = train.run(Line(out=tmp_path, batch=16), stopped=lambda: len(seen) == 7)
    seen.extend(run)
    assert len(seen) == 8
    assert (tmp_path / "line.json").is_file()
    assert (tmp_path / "checkpoint.pt").is_file()


@needs_training
def test_time_can_be_limited(tmp_path):
    last = trained(tmp_path, minutes=0.005)
    assert 0.3 <= last.seconds < 5


@needs_training
def test_the_learning_rate_falls_at_the_end(tmp_path):
    trained(tmp_path, steps=100, decay=0.5)
    with (tmp_path / "log.csv").open() as file:
        rates = [float(line["rate"]) for line in csv.DictReader(file)]
    assert rates[0] == rates[4] == 0.05
    assert rates[-1] == pytest.approx(0.05 * 0.05)


@needs_training
def test_export_only_writes_what_the_checkpoint_holds(tmp_path):
    trained(tmp_path, steps=10)
    before = (tmp_path / "line.json").read_text()
    (tmp_path / "line.json").unlink()
    assert [path.name for path in train.export(Line(out=tmp_path)).files] == ["line.json"]
    assert (tmp_path / "line.json").read_text() == before


@needs_training
def test_what_cannot_be_gone_on_with_is_refused(tmp_path):
    with pytest.raises(UseError, match="no checkpoint"):
        train.run(Line(out=tmp_path), resume=True)
    with pytest.raises(UseError, match="no checkpoint"):
        train.export(Line(out=tmp_path))
    trained(tmp_path, steps=2)
    with pytest.raises(UseError, match=r"a run in .* already"):
        train.run(Line(out=tmp_path))
    (tmp_path / "checkpoint.pt").write_bytes(b"nonsense")
    with pytest.raises(ModelError, match="does not fit"):
        list(train.run(Line(out=tmp_path), resume=True))


@needs_training
def test_limits_are_those_of_a_sitting(tmp_path):
    trained(tmp_path, steps=5)
    kept = (tmp_path / "options.json").read_text()
    for steps in (3, 5):
        with pytest.raises(UseError, match=r"5 steps are done already"):
            list(train.run(Line(out=tmp_path, batch=16, steps=steps), resume=True))
    assert (tmp_path / "options.json").read_text() == kept
    begun = train.begun(Line, tmp_path)
    assert begun["batch"] == 16
    assert not {"steps", "minutes", "trainer"} & set(begun)
    *_, last = train.run(Line(**begun, minutes=0.001), resume=True)
    assert last.step > 5


@needs_training
def test_other_networks_than_those_of_the_run_are_refused(tmp_path):
    trained(tmp_path, steps=2)
    other = Line(out=tmp_path, width=2)
    with pytest.raises(UseError, match=r"begun with --width 1 and cannot go on with 2") as refused:
        train.run(other, resume=True)
    assert "Leave out --width" in str(refused.value)
    with pytest.raises(UseError, match=r"begun with --width 1"):
        train.export(other)
    (tmp_path / "options.json").unlink()
    with pytest.raises(ModelError, match="does not fit the networks that these options make") as refused:
        train.export(other)
    assert "state_dict" not in str(refused.value)


@needs_training
def test_material_that_is_refused_in_the_first_step_leaves_nothing(tmp_path):
    with pytest.raises(UseError, match="nothing to learn"):
        list(train.run(Line(out=tmp_path / "run", slope=0)))
    assert not (tmp_path / "run").exists()


def test_a_run_of_another_trainer_is_told_from_ones_own(tmp_path, capsys):
    (tmp_path / "options.json").write_text(json.dumps({"trainer": "swap", "out": str(tmp_path), "a": "a.mp4"}))
    for flag in ("--resume", "--export-only"):
        with pytest.raises(SystemExit) as left:
            cli.main(["train", "puppet", "--out", str(tmp_path), flag])
        assert left.value.code == 2
        assert "holds a run of swap, not of puppet" in " ".join(capsys.readouterr().err.split())
    (tmp_path / "options.json").write_text("[1")
    with pytest.raises(UseError, match="is damaged"):
        train.begun(Line, tmp_path)


@needs_training
def test_a_checkpoint_that_wants_to_run_code_is_refused(tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return print, ("run",)

    (tmp_path / "checkpoint.pt").write_bytes(pickle.dumps({"trainer": Evil()}, 2))
    with pytest.raises(ModelError, match="does not fit"):
        list(train.run(Line(out=tmp_path), resume=True))


@needs_training
def test_losses_that_are_no_numbers_end_it(tmp_path):
    with pytest.raises(ModelError, match="fell apart"):
        list(train.run(Line(out=tmp_path, batch=4, slope=float("inf"))))
