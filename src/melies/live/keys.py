"""What can be asked of a show while it runs: by a key, a line, an OSC message or a MIDI note, always the same words."""

from __future__ import annotations

from melies.errors import UseError
from melies.suggest import did_you_mean

COMMANDS = {
    "calibrate": ("x", "this is the face at rest: effects begin afresh from the next picture"),
    "reference": ("f", "let effects find the face at rest by themselves"),
    "fainter": ("z", "lay less of the camera's picture over the result"),
    "stronger": ("c", "lay more of it over the result, to line a face up with it"),
    "choice": ("1-9", "take one of --choices"),
    "next": ("n", "take the next choice (also: right arrow)"),
    "previous": ("p", "take the one before (also: left arrow)"),
    "mirror": ("m", "swap left and right of the camera's picture"),
    "closer": ("+", "enlarge the camera's picture"),
    "wider": ("-", "show more of it again"),
    "numbers": ("o", "show or hide latency, rate and dropped pictures"),
    "record": ("r", "begin or end a recording"),
    "help": ("h", "this list"),
    "quit": ("q", "end the show (also: Esc)"),
}
"""Every command with its key and what it does. `choice` takes a number."""

_SYNONYMS = {"=": "closer", "_": "wider", "?": "help", "right": "next", "left": "previous", "escape": "quit"}


def command_of(key: str) -> str:
    """Return the command of a key, such as `calibrate` for `x` or `choice 3` for `3`; empty where there is none."""
    key = key.lower()
    if len(key) == 1 and key in "123456789":
        return f"choice {key}"
    return _SYNONYMS.get(key) or next((name for name, (own, _) in COMMANDS.items() if own == key), "")


def check_command(words: str) -> None:
    """Refuse what is no command, such as `foo`, `mirror 3` or `choice` without a number.

    Raises:
        UseError: It is none; it says why.
    """
    name, _, rest = words.strip().partition(" ")
    if name not in COMMANDS:
        raise UseError(f"There is no command {name!r}.{did_you_mean(name, COMMANDS)}", "The word help lists them.")
    if name == "choice" and not (rest.strip().isascii() and rest.strip().isdecimal()):
        raise UseError(f"{words.strip()}: which one?", "Write a number, such as choice 1.")
    if name != "choice" and rest:
        raise UseError(f"{words.strip()}: {name} takes nothing behind it.", f"Write {name} alone.")


def help_text() -> str:
    """Return the list of keys and commands."""
    rows = [f"  {key:<4} {name:<10} {about}" for name, (key, about) in COMMANDS.items()]
    setting = "       EFFECT.FIELD VALUE  set anything, such as: camera.zoom 1.5"
    return "\n".join([*rows, setting])
