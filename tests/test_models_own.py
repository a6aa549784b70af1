"""The user's own models: kept, listed, shown, removed, and offered when Tab is pressed."""

import json

import pytest

from melies import cli
from melies.errors import UseError
from melies.models import own, registry
from melies.models.convert.onnx_graph import Graph
from melies.translating.card import IMAGE, MADE, Card, with_card


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("MELIES_HOME", str(tmp_path / "home"))
    graph = Graph()
    graph.output(MADE, graph.input(IMAGE, "float32", (1, 3, "h", "w")), "float32", (1, 3, "h", "w"))
    path = tmp_path / "run.onnx"
    card = Card(name="dusk", task="translate", licence="CC BY 4.0", data="photos: holidays", metrics={"off": 0.25})
    path.write_bytes(with_card(graph.to_bytes(), card))
    return path


def melies(capsys, *words):
    with pytest.raises(SystemExit) as left:
        cli.main(list(words))
    shown = capsys.readouterr()
    return left.value.code, shown.out, " ".join(shown.err.split())


def test_a_model_is_kept_under_a_name_and_replaced_only_whole(file):
    assert own.every() == {}
    assert own.find("my-dusk") is None
    kept = own.keep(file, "my-dusk")
    assert own.every() == {"my-dusk": kept}
    assert kept.read_bytes() == file.read_bytes()
    file.write_bytes(b"another")
    assert own.keep(file, "my-dusk").read_bytes() == b"another"
    assert [path.name for path in kept.parent.iterdir()] == ["my-dusk.onnx"]
    assert own.remove("my-dusk") == kept
    assert own.every() == {}


@pytest.mark.parametrize("name", ["My", "a/b", "../up", "", "a b", ".hidden", "-x"])
def test_names_are_words(file, name):
    with pytest.raises(UseError, match="cannot be a model's name"):
        own.keep(file, name)


def test_a_name_of_the_registry_is_refused(file):
    taken = registry.rows()[0].name
    with pytest.raises(UseError, match=f"model {taken} already, in the registry"):
        own.keep(file, taken)


def test_the_command_line_lists_shows_and_removes_them(file, capsys):
    own.keep(file, "my-dusk")
    (own.folder() / "other.onnx").write_bytes(b"")
    status, text, _ = melies(capsys, "models")
    assert status in (0, None)
    (line,) = (line for line in text.splitlines() if "my-dusk" in line)
    assert [word in line for word in ("translate", "CC BY 4.0", "own")] == [True] * 3
    assert "damaged" in text.splitlines()[-1]
    mine = [row for row in json.loads(melies(capsys, "models", "list", "--json")[1]) if row["status"] == "own"]
    assert mine[0]["card"]["data"] == "photos: holidays"
    assert melies(capsys, "models", "where", "my-dusk")[1].strip() == str(own.find("my-dusk"))
    page = melies(capsys, "models", "card", "my-dusk")[1]
    assert "| off | 0.25 |" in page
    assert melies(capsys, "models", "card", str(file))[1] == page.replace("translate dusk", f"translate {file}")
    assert melies(capsys, "models", "remove", "my-dusk", "other")[1].count("is gone") == 2
    assert own.every() == {}
    status, _, said = melies(capsys, "models", "remove", "my-dusk")
    assert status == 2
    assert "no model 'my-dusk' of your own" in said


def test_cards_of_listed_models_are_shown_and_unknown_names_answered(file, capsys):
    assert "CamVid" in melies(capsys, "models", "card", "day2dusk")[1]
    status, _, said = melies(capsys, "models", "card", "day2dsk")
    assert status == 2
    assert "Did you mean day2dusk?" in said
    assert "There are selfie" in said
    assert "no card" in melies(capsys, "models", "card", "silero-vad")[2]
    assert "There is no file none.onnx" in melies(capsys, "models", "card", "none.onnx")[2]


def test_tab_offers_them(file):
    from click.shell_completion import ShellComplete

    own.keep(file, "my-dusk")
    shell = ShellComplete(cli.cli, {}, "melies", "_MELIES_COMPLETE")
    for command in ("where", "card", "remove"):
        assert "my-dusk" in [item.value for item in shell.get_completions(["models", command], "my")]
    assert not shell.get_completions(["models", "pull"], "my-")
