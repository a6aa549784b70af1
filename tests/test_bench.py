"""`melies bench`: what it lists, runs, prints and refuses."""

import json
import sys
from pathlib import Path

import pytest

from melies import bench, cli
from melies.errors import MeliesError, UseError


def run(capsys, *words):
    with pytest.raises(SystemExit) as left:
        cli.main(["bench", *map(str, words)])
    return left.value.code or 0, *capsys.readouterr()


@pytest.fixture
def tried(monkeypatch):
    monkeypatch.setattr(bench, "_known", dict(bench.benchmarks()))

    @bench.benchmark
    def one_and_one(place: bench.Bench) -> list[bench.Result]:
        """Adding up.

        More words.
        """
        made = place.out("made.txt")
        (seconds, memory), *_ = place.best([sys.executable, "-c", f"open({str(made)!r}, 'w').write('2')"])
        value = float(made.read_text())
        return [
            bench.Result("one-and-one", "one and one", value, "x", "2", value == 2, f"{seconds > 0} {memory > 0}"),
            *bench.missing("one-and-one", "some-package"),
        ]


def test_lists_every_benchmark_with_what_it_measures(capsys, tried):
    status, out, _ = run(capsys, "--list")
    assert status == 0
    lines = dict(line.split("  ", 1) for line in out.splitlines())
    assert lines["one-and-one"].strip() == "Adding up."
    assert {"reencode", "matte", "memory", "startup"} <= lines.keys()
    assert all(words.strip() for words in lines.values())


def test_prints_a_table_and_writes_json(capsys, tried, tmp_path):
    status, out, _ = run(capsys, "one-and-one", "--output", tmp_path / "found.json", "--quick")
    assert status == 0
    assert "one and one" in out
    assert "met      True True" in out
    assert "pip install some-package" in out
    results = json.loads((tmp_path / "found.json").read_text())["results"]
    assert [r["value"] for r in results] == [2, None]
    assert [r["met"] for r in results] == [True, None]


def test_a_missed_target_is_the_exit_status(capsys, tried, monkeypatch):
    @bench.benchmark
    def slow(place: bench.Bench) -> list[bench.Result]:
        """Never fast enough."""
        return [bench.Result("slow", "speed", 0.5, "x", ">= 1", False)]

    status, out, _ = run(capsys, "slow", "--json")
    assert status == 1
    assert "NOT MET" in out
    assert json.loads(out[out.index("{") :])["machine"]["python"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["strartup"], "Did you mean"),
        (["startup", "--film", "no.mp4"], "There is no file no.mp4"),
        (["startup", "--output", "no/where.json"], "There is no folder no"),
    ],
)
def test_bad_requests(capsys, words, complaint):
    status, _, err = run(capsys, *words)
    assert status == 2
    assert complaint in err
    assert len(err.splitlines()) == 1


def test_a_command_that_fails_says_so(tmp_path: Path):
    with pytest.raises(MeliesError, match="failed"):
        bench.measure([sys.executable, "-c", "import sys; sys.exit('broken')"])


def test_two_of_one_name_are_refused(tried):
    def startup(place: bench.Bench) -> list[bench.Result]:
        """Another one."""
        return []

    startup.__module__ = "elsewhere"
    with pytest.raises(UseError, match="two benchmarks called startup"):
        bench.benchmark(startup)
