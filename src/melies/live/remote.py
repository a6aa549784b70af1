"""Other ways to the desk: lines on the standard input, OSC, MIDI, and a recipe that is edited while the show runs."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from melies.effect import Effect
from melies.errors import MeliesError, UseError
from melies.live.desk import Desk
from melies.live.keys import COMMANDS, check_command, command_of
from melies.live.show import Show
from melies.recipe import Recipe

log = logging.getLogger("melies")

LOCAL = "127.0.0.1"
_REMEMBERED = 100


class Inbox:
    """Does what comes in from outside, in a thread of its own, and says what makes no sense, each thing once.

    A fader sends a hundred values a second, and an effect may have to look at its files for each: of the values for one
    field that are waiting, only the newest counts.
    """

    def __init__(self) -> None:
        self._waiting: dict[object, tuple[str, Callable[[], object]]] = {}
        self._said: set[str] = set()
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="melies inbox", daemon=True)
        self._thread.start()

    def put(self, what: str, action: Callable[[], object], *, newest: bool) -> None:
        """Have something done soon, in place of what waits for the same thing if only the newest counts."""
        with self._changed:
            self._waiting[what if newest else object()] = what, action
            self._changed.notify()

    def close(self) -> None:
        """Do what is waiting, and end."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                if not self._waiting:
                    return
                what, action = self._waiting.pop(next(iter(self._waiting)))
            try:
                action()
            except MeliesError as error:
                if what not in self._said and len(self._said) < _REMEMBERED:
                    self._said.add(what)
                    log.warning("%s: %s", what, error)


def follow_lines(show: Show, lines: TextIO) -> threading.Thread:
    """Carry out what is typed: a key, a command, or `EFFECT.FIELD VALUE`, one a line."""

    def run() -> None:
        for line in lines:
            words = line.strip()
            if words:
                show.ask(command_of(words) or words)

    thread = threading.Thread(target=run, name="melies lines", daemon=True)
    thread.start()
    return thread


class Osc:
    """Listens for OSC: `/melies/EFFECT/FIELD value`, `/melies/COMMAND`.

    Args:
        show: What is steered.
        where: A port, or `HOST:PORT`; only this computer is listened to unless a host is named.

    Raises:
        UseError: python-osc is not installed, or the address cannot be used.
    """

    def __init__(self, show: Show, where: str) -> None:
        try:
            from pythonosc.dispatcher import Dispatcher
            from pythonosc.osc_server import BlockingOSCUDPServer
        except ImportError:
            raise UseError("OSC needs python-osc.", "Install it: pip install 'melies[live]'") from None
        host, _, port = where.rpartition(":")
        if not port.isdecimal() or int(port) > 65535:
            raise UseError(f"--osc {where}: should be a port such as 9000, or HOST:PORT.")
        self._show = show
        # python-osc speaks through the root logger, which would set itself up to print everything a second time.
        logging.getLogger().addHandler(logging.NullHandler())
        dispatcher = Dispatcher()
        dispatcher.set_default_handler(self.receive)
        try:
            self._server = BlockingOSCUDPServer((host or LOCAL, int(port)), dispatcher)
        except OSError as error:
            raise UseError(f"--osc {where} cannot be listened on: {error.strerror}.", "Choose another port.") from None
        self.port = int(self._server.server_address[1])
        self._inbox = Inbox()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="melies osc")
        self._thread.start()

    def receive(self, address: str, *values: Any) -> None:
        """Take a message."""
        parts = address.strip("/").split("/")
        if parts[0] != "melies" or len(parts) not in (2, 3):
            return
        if len(parts) == 3:
            if values:
                value = values[0] if len(values) == 1 else list(values)
                self._inbox.put(address, lambda: self._set(".".join(parts[1:]), value), newest=True)
        elif parts[1] == "choice" and values:
            number = int(values[0]) if isinstance(values[0], float) else values[0]
            self._inbox.put(address, lambda: self._show.do(f"choice {number}"), newest=True)
        elif parts[1] in COMMANDS and (not values or values[0]):  # a button sends 0 when it is let go
            self._inbox.put(address, lambda: self._show.do(parts[1]), newest=False)

    def _set(self, address: str, value: Any) -> None:
        if self._show.desk.names_file(address):
            raise UseError(
                "Names of files are not taken from the network.", "Offer some with --choices, and send /melies/choice."
            )
        self._show.set(address, value)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._inbox.close()


_MAPPING = re.compile(
    r"\s*(?P<kind>cc|note)\s+(?P<number>\d+)\s*(?:ch\s*(?P<channel>\d+)\s*)?=\s*(?P<target>[\w.-]+(?:\s+\d+(?![\d.]))?)"
    r"(?:\s+(?P<low>-?\d*\.?\d+)\.\.(?P<high>-?\d*\.?\d+))?\s*"
)
_FULL = 127
_CHANNELS = 16


@dataclass(frozen=True)
class Mapping:
    """What a MIDI controller or note does.

    Attributes:
        kind: `control_change` or `note_on`.
        number: Of the controller or note.
        channel: From 1; any if None.
        target: A command, or `EFFECT.FIELD`.
        low: The field's value at 0.
        high: Its value at 127.
    """

    kind: str
    number: int
    channel: int | None
    target: str
    low: float
    high: float

    @classmethod
    def read(cls, text: str, desk: Desk) -> Mapping:
        """Read `cc 21 = puppet.driving_multiplier 0..2` or `note 36 = calibrate`.

        Raises:
            UseError: It is not written so, there is no such controller, note, channel, field or command, or a range
                is missing or beyond the field's own.
        """
        match = _MAPPING.fullmatch(text)
        if match is None:
            raise UseError(
                f"--midi {text!r} is not understood.",
                'Write "cc 21 = camera.zoom 1..4" or "note 36 = calibrate", with "ch 2" before = for one channel.',
            )
        kind = "control_change" if match["kind"] == "cc" else "note_on"
        number, channel = int(match["number"]), int(match["channel"]) if match["channel"] else None
        if number > _FULL:
            raise UseError(f"--midi {text!r}: controllers and notes go from 0 to {_FULL}.")
        if channel is not None and not 1 <= channel <= _CHANNELS:
            raise UseError(f"--midi {text!r}: channels go from 1 to {_CHANNELS}.")
        target = " ".join(match["target"].split())
        low, high = match["low"], match["high"]
        try:
            if "." in target:
                low, high = _range(desk, target) if low is None else (float(low), float(high))
                mapping = cls(kind, number, channel, target, low, high)
                for strength in (0, _FULL):
                    desk.changed(target, mapping.at(strength, desk))
                return mapping
            check_command(target)
            if low is not None:
                raise UseError("a command has no range.")
            if target.startswith("choice"):
                desk.choice(int(target.split()[1]))
        except UseError as error:
            raise UseError(f"--midi {text!r}: {error.message}", error.hint) from None
        return cls(kind, number, channel, target, 0.0, 1.0)

    def fits(self, message: Any) -> bool:
        """Whether a message is meant."""
        number = message.control if message.type == "control_change" else getattr(message, "note", None)
        here = self.channel is None or message.channel == self.channel - 1
        return bool(message.type == self.kind and number == self.number and here)

    def strength(self, message: Any) -> int:
        """Return how far a controller is turned, or how hard a key was hit: 0 to 127."""
        return int(message.value if self.kind == "control_change" else message.velocity)

    def at(self, strength: int, desk: Desk) -> Any:
        """Return the field's value for how far a controller is turned."""
        share = strength / _FULL
        _, setting = desk.find(self.target)
        if setting.kind == "flag":
            return share >= 0.5
        if setting.choices and "NUMBER" not in setting.wants:
            return setting.choices[min(int(share * len(setting.choices)), len(setting.choices) - 1)]
        value = self.low + share * (self.high - self.low)
        return round(value) if "WHOLE" in setting.wants else value


def _range(desk: Desk, target: str) -> tuple[float, float]:
    """Return the range that a field itself names."""
    _, setting = desk.find(target)
    if setting.kind == "flag" or setting.choices:
        return 0.0, 1.0
    low, to, high = setting.bounds.partition("–")
    if not to:
        raise UseError(f"{target} has no range of its own.", f'Add one, such as "{target} 0..2".')
    return float(low), float(high)


class Midi:
    """Listens to a MIDI port, through mido.

    Args:
        show: What is steered.
        mappings: What controllers and notes do.
        port: The name of the port, or a part of it; the first one if empty.

    Raises:
        UseError: mido or its driver is not installed, or there is no such port.
    """

    def __init__(self, show: Show, mappings: Sequence[Mapping], port: str = "") -> None:
        try:
            import mido
        except ImportError:
            raise UseError("MIDI needs mido.", "Install it: pip install 'melies[live]'") from None
        self._show = show
        self._mappings = tuple(mappings)
        try:
            names = list(mido.get_input_names())
            name = next((name for name in names if port.lower() in name.lower()), None)
            if name is None:
                there = f"There is {', '.join(names)}." if names else "Connect a controller first."
                raise UseError(f"There is no MIDI port {port!r}." if port else "There is no MIDI port.", there)
            self._inbox = Inbox()
            self._port: Any = mido.open_input(name, callback=self.receive)
        except (ImportError, OSError) as error:
            raise UseError(f"MIDI cannot be used: {error}.", "Install a driver: pip install python-rtmidi") from None

    def receive(self, message: Any) -> None:
        """Take a message."""
        for mapping in self._mappings:
            if not mapping.fits(message):
                continue
            if "." in mapping.target:
                value = mapping.at(mapping.strength(message), self._show.desk)
                self._inbox.put(mapping.target, partial(self._show.set, mapping.target, value), newest=True)
            elif mapping.strength(message):  # 0 is a key let go
                self._inbox.put(mapping.target, partial(self._show.do, mapping.target), newest=False)

    def close(self) -> None:
        """Close the port."""
        self._port.close()
        self._inbox.close()


class Watched:
    """A recipe that may be edited while the show runs; its effects are taken over as soon as it is saved.

    Args:
        path: The recipe.
        desk: What takes its effects.
        taken: Called when they were.
        read: Returns what a recipe puts on the desk.
    """

    def __init__(
        self,
        path: Path,
        desk: Desk,
        taken: Callable[[], None] = lambda: None,
        read: Callable[[Recipe], Sequence[Effect]] = lambda recipe: recipe.effects,
    ) -> None:
        self._path, self._desk, self._taken, self._read = path, desk, taken, read
        self._stamp = self._seen()

    def look(self) -> None:
        """Take a recipe over if it was changed; a broken one is warned of, and changes nothing."""
        stamp = self._seen()
        if stamp is None or stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._desk.replace(self._read(Recipe.load(self._path)))
        except MeliesError as error:
            log.warning("%s is left aside: %s", self._path.name, error)
        else:
            log.info("%s was taken over.", self._path.name)
            self._taken()

    def _seen(self) -> tuple[int, int] | None:
        """Return what changes with the file; None while an editor has it away."""
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size
