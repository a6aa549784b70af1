"""The command line: what it understands, what it says, and the status it leaves with."""

import json
import logging
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest

from melies import cli, effects
from melies.cli import general, report
from melies.cli.models import PERMISSIVE
from melies.cli.words import Strict, lookup, wants_value
from melies.engine.progress import Progress
from melies.media.synthetic import write_clip
from melies.schema import settings


class Result(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def melies(capsys):
    def run(*words: Any) -> Result:
        with pytest.raises(SystemExit) as left:
            cli.main([str(word) for word in words])
        text = capsys.readouterr()
        return Result(left.value.code or 0, text.out, text.err)

    return run


@pytest.fixture
def asked(monkeypatch, melies):
    """Run `melies apply` and return the recipe that would be rendered."""
    caught = []
    monkeypatch.setattr(general, "render", lambda recipe, given: caught.append(general.overridden(recipe, given)))

    def run(*words: Any):
        result = melies("apply", *words)
        assert result == (0, "", ""), result
        return caught.pop()

    return run


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("film") / "film.mp4", frames=12, sound=True)


def test_options_go_to_their_effect_and_general_ones_may_stand_anywhere(asked):
    expected = asked("--quality", "90", "in.mp4", "out.mp4", "resize", "--width", "64", "reverse")
    assert [effect.name() for effect in expected.effects] == ["resize", "reverse"]
    assert expected.effects[0].width == 64
    assert expected.save.quality == 90
    for words in (
        ["in.mp4", "--quality", "90", "out.mp4", "resize", "--width", "64", "reverse"],
        ["in.mp4", "out.mp4", "--quality=90", "resize", "--width=64", "reverse"],
        ["in.mp4", "out.mp4", "resize", "--quality", "90", "--width", "64", "reverse"],
        ["in.mp4", "out.mp4", "resize", "--width", "64", "reverse", "--quality", "90"],
    ):
        assert asked(*words) == expected


def test_an_effects_own_option_wins_over_a_general_one(asked):
    clash = next(
        (name, setting.name)
        for name in effects.names()
        for setting in settings(effects.find(name))
        if (setting.name in ("start", "end", "rate", "loop", "quality") and not setting.choices)
        or (name == "resize" and setting.name == "width")
        if not any(other.required for other in settings(effects.find(name)))
    )
    recipe = asked("in.mp4", "out.mp4", clash[0], f"--{clash[1]}", "2")
    assert clash[1] in recipe.effects[0].model_fields_set


def test_general_options_are_the_fields_of_recipe_and_save(asked):
    recipe = asked(
        *("in.mp4", "out.mkv", "--start", "1:02.5", "--end", "70", "--rate", "29.97", "--max-errors", "3"),
        *("--fps", "24000/1001", "--codec", "ffv1", "--set", "level=3", "--set", "g=1", "--no-sound"),
        *("--overwrite", "--resume", "--loop", "2", "--preset", "fast"),
    )
    assert (recipe.start, recipe.end, recipe.rate) == (Fraction(125, 2), 70, Fraction(30000, 1001))
    assert recipe.max_errors == 3
    save = recipe.save
    assert (save.fps, save.codec, save.set) == (Fraction(24000, 1001), "ffv1", {"level": "3", "g": "1"})
    assert (save.sound, save.overwrite, save.resume, save.loop, save.preset) == (False, True, True, 2, "fast")


def test_no_effect_is_a_plain_conversion(asked):
    recipe = asked("in.mp4", "out.mkv")
    assert recipe.effects == ()
    assert (recipe.input, recipe.output) == (Path("in.mp4"), Path("out.mkv"))


def test_names_that_begin_with_a_dash_follow_two_dashes(asked):
    assert asked("--quality", "5", "--", "-in.mp4", "-out.mp4", "reverse").input == Path("-in.mp4")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["apply", "in.mp4", "out.mp4", "resizee"], "There is no effect 'resizee'. Did you mean resize"),
        (["apply", "in.mp4", "out.mp4", "resize", "--widht", "3"], "No such option '--widht'"),
        (["apply", "in.mp4", "out.mp4", "resize", "--widht", "3"], "--width"),
        (["apply", "in.mp4", "out.mp4", "resize", "--overwrit"], "--overwrite"),
        (["apply", "in.mp4", "out.mp4", "--qualty", "3"], "--quality"),
        (["apply", "--qualty", "3", "in.mp4", "out.mp4"], "--quality"),
        (["apply", "in.mp4", "out.mp4", "resize", "--width", "-3"], "resize --width '-3'"),
        (["apply", "in.mp4", "out.mp4", "resize", "--width", "wide"], "resize --width 'wide'"),
        (["apply", "in.mp4", "out.mp4", "--quality", "101"], "--quality '101'"),
        (["apply", "in.mp4", "out.mp4", "--start", "soon"], "--start 'soon'"),
        (["apply", "in.mp4", "out.mp4", "--set", "crf"], "'crf' is not a setting"),
        (["apply", "in.mp4", "out.mp4", "--codec", "h26"], "--codec 'h26'"),
        (["dream", "out.mp4", "growth", "--loop"], "growth has no loops of its own"),
        (["dream", "out.mp4", "cppn", "--loop", "grade", "--loop"], "grade has no loops of its own"),
        (["apply", "in.mp4", "out.mp4", "grade", "--quality"], "Option '--quality' requires an argument"),
        (["apply", "in.mp4", "out.mp4", "style", "--to", "--size", "90"], "style --to needs a value, and --size is"),
        (["apply", "in.mp4", "out.mp4", "--fps", "--quiet"], "--fps needs a value, and --quiet is an option"),
        (["apply", "in.mp4", "out.mp4", "--fps", "-q"], "--fps needs a value, and -q is an option"),
        (["train", "style", "--photos", "--steps", "5"], "--photos needs a value, and --steps is an option"),
        (["index", "rushes", "-j", "--all"], "-j needs a value, and --all is an option. If it is the value: -j--all"),
        (["apply", "in.mp4", "out.mp4", "grade", "--exposure", "-99"], "grade --exposure '-99'"),
        (["apply", "in.mp4", "out.mp4", "--fps", "0"], "--fps '0': should be a rate"),
        (["apply", "in.mp4", "out.mp4", "--end", "inf"], "--end 'inf': should be a time"),
        (["apply", "-dash.mp4", "out.mp4"], "Write -- before names that begin with a dash"),
        (["probe", "--dash.mp4"], "Write -- before names that begin with a dash"),
        (["apply", "http://example.org/a.mp4", "out.mp4"], "http://example.org/a.mp4 is an address"),
        (["apply", "in.mp4", "out.mp4", "concat", "--after", "http://example.org/a.mp4"], "http://example.org"),
        (["apply", "in.mp4", "out.mp4", "--max-errors", "-1"], "--max-errors '-1'"),
        (["apply", "in.mp4", "resize"], "the name of the film to write is missing"),
        (["apply", "in.mp4"], "Missing argument 'OUT'"),
        (["aply"], "There is no command 'aply'. Did you mean apply"),
        (["effects", "resizee"], "Did you mean resize"),
        (["models", "where", "rvmm"], "Did you mean rvm"),
        (["models", "pul", "rvm"], "pul"),
        (["run", "nothing.yaml"], "There is no recipe nothing.yaml"),
        (["completion", "tcsh"], "'tcsh'"),
    ],
)
def test_a_request_that_makes_no_sense_gets_one_sentence_and_status_2(melies, words, sentence):
    result = melies(*words)
    assert result.status == 2
    assert result.out == ""
    assert result.err.startswith("melies: ")
    assert result.err.count("\n") == 1
    assert sentence in result.err


def commands(group: click.Group, *before: str):
    """Every command there is, with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*before, name), command
        if isinstance(command, click.Group) and not command.chain:
            yield from commands(command, *before, name)


def test_no_command_takes_an_option_for_a_value(melies):
    refused = set()
    for words, command in commands(cli.cli):
        for word, option in lookup(command.get_params(click.Context(command))).items():
            if wants_value(option, word):
                result = melies(*words, word, "--overwrite")
                assert result.status == 2
                assert f"{word} needs a value, and --overwrite is an option." in result.err
                refused.add(words)
    result = melies("people", "footage", "--name", "1", "--merge")  # a value of two words
    assert "--name needs a value, and --merge is an option." in result.err
    assert {("shots",), ("run",), ("train", "latent"), ("models", "pull"), ("kiosk",)} <= refused


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--end", "-3"], "-3"),
        (["--end", "-"], "-"),
        (["--end=--start"], "--start"),
        (["--end=-s"], "-s"),
        (["-s--end", "--end", "1"], "1"),
        (["--end", "-- the end --"], "-- the end --"),
        (["--end", "1", "--", "--end", "--start"], "1 --end --start"),
    ],
)
def test_values_and_names_may_begin_with_a_dash(words, expected):
    given = []

    @click.command
    @click.option("-s", "--start")
    @click.option("--end")
    @click.argument("names", nargs=-1)
    def taking(start, end, names):
        given.extend([end, *names])

    Strict("all", commands={"taking": taking}).main(["taking", *words], standalone_mode=False)
    assert " ".join(given) == expected


def test_errors_are_events_for_machines(melies):
    result = melies("apply", "in.mp4", "out.mp4", "resizee", "--json")
    event = json.loads(result.out)
    assert (event["event"], event["exit_code"], result.err) == ("error", 2, "")
    assert "resizee" in event["message"]


def test_what_nobody_foresaw_is_one_line_too_unless_asked_for_more(melies, monkeypatch):
    def burst(*_: Any) -> None:
        raise RuntimeError("burst")

    monkeypatch.setattr(general, "render", burst)
    result = melies("apply", "in.mp4", "out.mp4")
    assert (result.status, result.err.count("\n")) == (1, 1)
    assert "RuntimeError: burst" in result.err
    with pytest.raises(RuntimeError):
        cli.main(["--debug", "apply", "in.mp4", "out.mp4"])


@pytest.mark.parametrize("error", [KeyboardInterrupt, click.Abort])
def test_stopping_is_no_failure(melies, monkeypatch, error):
    def stop(*_: Any) -> None:
        raise error

    monkeypatch.setattr(general, "render", stop)
    result = melies("apply", "in.mp4", "out.mp4")
    assert result.status == 130
    assert result.err.strip() == "stopped"
    result = melies("apply", "in.mp4", "out.mp4", "--json")
    assert (result.status, json.loads(result.out), result.err.strip()) == (130, {"event": "stopped"}, "")


def test_a_full_disk_is_said_in_one_line(melies, monkeypatch):
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device", "out.mp4")

    monkeypatch.setattr(general, "render", full)
    assert melies("apply", "in.mp4", "out.mp4") == (1, "", "melies: No space left on device: out.mp4.\n")


def test_help_names_every_command_effect_and_option(melies):
    top = melies("--help").out
    assert all(name in top for name in cli.COMMANDS)
    text = melies("apply", "--help").out
    assert all(name in text for name in effects.names())
    assert text.count("melies apply ") >= 4  # usage and three examples
    for option in ("--start", "--quality", "--set", "--overwrite", "--device", "--json"):
        assert option in text
    for name in effects.names():
        for text in (melies("effects", name).out, melies("apply", "i.mp4", "o.mp4", name, "--help").out):
            schema = effects.find(name).model_json_schema()
            for field in schema.get("properties", {}):
                assert f"--{field.replace('_', '-')}" in text or f"--no-{field.replace('_', '-')}" in text


def test_defaults_and_bounds_in_help_come_from_the_fields(melies):
    text = " ".join(melies("apply", "--help").out.split())
    assert "--quality WHOLE 0 is smallest, 100 is best; 70 looks like the original. [0–100; default 70]" in text


def test_effects_as_json_are_the_schemas(melies):
    assert json.loads(melies("effects", "resize", "--json").out)["properties"]["width"]
    assert set(json.loads(melies("effects", "--json").out)) == set(effects.names())


def test_no_arguments_show_help(melies):
    for words in ([], ["apply"], ["run"], ["probe"]):
        result = melies(*words)
        assert result.status == 0
        assert result.out.startswith("Usage: melies")


def test_models_are_listed_with_licence_and_state(melies):
    rows = json.loads(melies("models", "list", "--json").out)
    text = melies("models").out
    for row in rows:
        assert row["name"] in text
        assert row["licence"]["weights"] in text


def test_what_is_not_plainly_permissive_has_to_be_accepted(melies, monkeypatch, tmp_path):
    monkeypatch.setenv("MELIES_HOME", str(tmp_path))
    result = melies("models", "pull", "rvm")
    assert result.status == 2
    assert "GPL-3.0" in result.err
    assert "Add --yes" in result.err
    assert PERMISSIVE.fullmatch("Apache-2.0")
    assert not PERMISSIVE.fullmatch("Apache-2.0 upstream; the package says both BSD-3-Clause and GPL-3.0")


def test_verify_is_silent_about_models_nobody_has_and_fails_for_one_that_was_asked_for(melies, monkeypatch, tmp_path):
    monkeypatch.setenv("MELIES_HOME", str(tmp_path))
    assert melies("models", "verify").status == 0
    result = melies("models", "verify", "rvm")
    assert result.status == 1
    assert "melies models pull rvm" in result.err


def test_doctor_sees_the_encoders_and_the_processor(melies):
    found = json.loads(melies("doctor", "--json").out)
    assert "cpu" in found["devices"]
    assert found["encoders"]["h264"]
    assert found["packages"]["av"] != "missing"
    text = melies("doctor")
    assert text.status == 0
    assert "nvenc" not in text.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(melies, shell):
    result = melies("completion", shell)
    assert result.status == 0
    assert "_MELIES_COMPLETE" in result.out


def complete(*words: str) -> list[str]:
    from click.shell_completion import ShellComplete

    shell = ShellComplete(cli.cli, {}, "melies", "_MELIES_COMPLETE")
    return [item.value for item in shell.get_completions(list(words[:-1]), words[-1])]


def test_tab_completes_commands_effects_options_and_choices():
    assert complete("ap") == ["apply"]
    assert "resize" in complete("apply", "in.mp4", "out.mp4", "re")
    assert "reverse" in complete("apply", "in.mp4", "out.mp4", "resize", "--width", "4", "re")
    assert complete("apply", "in.mp4", "out.mp4", "resize", "--wid") == ["--width"]
    assert complete("apply", "in.mp4", "out.mp4", "resize", "--quali") == ["--quality"]
    assert complete("apply", "--qual") == ["--quality"]
    assert complete("apply", "--preset", "veryf") == ["veryfast"]
    assert complete("apply", "in.mp4", "out.mp4", "resize", "--codec", "pro") == ["prores", "prores4444"]
    assert complete("apply", "in.mp4", "out.mp4", "crop", "--gravity", "top-l") == ["top-left"]
    assert complete("run", "recipe.yaml", "--codec", "av") == ["av1"]


def test_tab_completes_names_of_effects_and_models():
    assert complete("effects", "resi") == ["resize"]
    assert set(complete("effects", "")) == set(effects.names())
    for command in ("pull", "verify", "where"):
        assert "rvm" in complete("models", command, "")
    assert complete("models", "pull", "rvm", "rvm") == []


def event(**changes: Any) -> Progress:
    return (
        Progress("render", 120, 480, 4.0, 30.04, 12.2, {"read": 0.2, "matte": 0.987})
        if not changes
        else (
            Progress(**{"phase": "render", "frames": 1, "total": None, "seconds": 0, "fps": 0, "left": None} | changes)
        )
    )


def test_progress_is_told_in_few_words():
    assert " · ".join(report.describe(event())) == "25% · 120 frames · 30.0 fps · 0:12 left"
    assert " · ".join(report.describe(event(frames=1))) == "1 frame · 0.0 fps"
    assert report.clock(3723) == "1:02:03"


def test_json_progress_is_one_object_a_line(capsys):
    with report.reporting(as_json=True, quiet=False, verbose=False) as told:
        told.progress(event())
        logging.getLogger("melies").warning("the %s is late", "sound")
        told.done(Path("out.mp4"))
    text = capsys.readouterr()
    lines = [json.loads(line) for line in text.out.splitlines()]
    assert [line["event"] for line in lines] == ["progress", "warning", "done"]
    assert lines[0]["frames"] == 120
    assert lines[0]["loads"]["matte"] == 0.99
    assert lines[1]["message"] == "the sound is late"
    assert text.err == ""


def test_quiet_still_warns(capsys):
    with report.reporting(as_json=False, quiet=True, verbose=False) as told:
        told.progress(event())
        logging.getLogger("melies").warning("the sound is late")
        told.done(Path("out.mp4"))
    assert capsys.readouterr() == ("", "warning: the sound is late\n")


def test_lines_come_now_and_then(capsys, monkeypatch):
    monkeypatch.setattr(report, "EVERY", 0.0)
    with report.reporting(as_json=False, quiet=False, verbose=True) as told:
        told.progress(event())
        logging.getLogger("melies").info("a note")
        told.done(Path("out.mp4"))
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["25% · 120 frames · 30.0 fps · 0:12 left", "a note"]
    assert lines[2].startswith("out.mp4 · 120 frames · 0:00")


def test_quiet_events_are_warnings_and_the_end(capsys):
    with report.reporting(as_json=True, quiet=True, verbose=False) as told:
        told.progress(event())
        logging.getLogger("melies").warning("careful")
        told.done(Path("out.mp4"))
    assert [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()] == ["warning", "done"]


def test_the_bar_survives_brackets_and_unknown_lengths(capsys):
    bar = report.Bar()
    bar.progress(event(frames=3))
    bar.note(logging.WARNING, "strange [name].mp4")
    bar.progress(event())
    bar.done(Path("out.mp4"))
    assert "strange [name].mp4" in capsys.readouterr().err


def test_a_film_goes_in_and_another_comes_out(melies, film, tmp_path):
    out = tmp_path / "small.mp4"
    result = melies("apply", film, out, "resize", "--width", "48", "--json")
    assert result.status == 0, result
    events = [json.loads(line) for line in result.out.splitlines()]
    assert events[-1] == {"event": "done", "output": str(out)}
    streams = json.loads(melies("probe", out, "--json").out)
    assert "48" in json.dumps(streams)
    again = melies("apply", film, out)
    assert again.status == 2
    assert "--overwrite" in again.err
    assert melies("apply", film, out, "--overwrite").status == 0


def test_a_missing_film_is_a_use_error(melies, tmp_path):
    result = melies("apply", tmp_path / "none.mp4", tmp_path / "out.mp4")
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert list(tmp_path.iterdir()) == []


def test_help_is_light():
    heavy = "{'numpy', 'av', 'pydantic', 'cv2', 'rich', 'yaml', 'onnxruntime'}"
    code = (
        "import sys, melies\n"
        "from melies.cli import main\n"
        "try: main(['--help'])\n"
        f"except SystemExit: print(sorted({heavy} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_python_m_melies_and_version():
    done = subprocess.run([sys.executable, "-m", "melies", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("melies 0.")


@pytest.mark.skipif(os.name == "nt", reason="signals are sent differently on Windows")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_render_leaves_no_output_and_no_traceback(tmp_path, number):
    film = write_clip(tmp_path / "long.mp4", size=(320, 180), frames=400, options={"preset": "ultrafast"})
    out = tmp_path / "out.mkv"
    words = ["apply", film, out, "--preset", "veryslow", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "melies", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background has them ignore Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    process.stdout.readline()  # the first event: work is under way
    process.send_signal(number)
    rest, err = process.communicate(timeout=30)
    assert json.loads(rest.splitlines()[-1]) == {"event": "stopped"}
    assert process.returncode == (130 if number == signal.SIGINT else 143)
    assert "Traceback" not in err
    assert not out.exists()


def unread(*words: Any, stream: str) -> tuple[int, str]:
    """Run a command one of whose streams nobody reads; return its status and what it says on the other."""
    process = subprocess.Popen(
        [sys.executable, "-m", "melies", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    closed, other = (process.stdout, process.stderr) if stream == "stdout" else (process.stderr, process.stdout)
    with other:
        closed.close()
        text = other.read()
    return process.wait(timeout=30), text


@pytest.mark.parametrize(
    ("words", "stream"),
    [
        (["effects", "--json"], "stdout"),
        (["models"], "stdout"),
        (["doctor"], "stdout"),
        (["--help"], "stdout"),
        (["effects", "nothing"], "stderr"),
        (["apply", "nothing.mp4", "out.mp4", "--json"], "stdout"),
    ],
)
def test_a_reader_that_goes_away_is_no_error(words, stream):
    assert unread(*words, stream=stream) == (1, "")


@pytest.mark.parametrize(("words", "stream"), [(["--json"], "stdout"), ([], "stderr")])
def test_a_render_stops_quietly_when_nobody_reads_what_it_says(words, stream, tmp_path):
    film = write_clip(tmp_path / "film.mp4", frames=12)
    assert unread("apply", film, tmp_path / "out.mp4", "resize", "--width", "47", *words, stream=stream) == (1, "")
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
