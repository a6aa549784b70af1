"""The desk: how every effect is set at this moment, and the only place where that is changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from melies.effect import Effect
from melies.effects._fields import may_name_files
from melies.engine.chain import specs
from melies.errors import UseError
from melies.frame import VideoSpec
from melies.live.camera import Camera
from melies.schema import Setting, settings
from melies.suggest import did_you_mean


class Lineup:
    """Effects as they stand one after another; what does not change the size of pictures changes in place.

    Args:
        effects: The effects.
        spec: What the first of them gets; None while that is not known.

    Attributes:
        specs: What each of them gets, and what the last makes; kept, since some effects have to look at files to say.
    """

    def __init__(self, effects: Sequence[Effect], spec: VideoSpec | None = None) -> None:
        self.effects = list(effects)
        self.specs = [] if spec is None else specs(spec, effects)

    def now(self, index: int) -> Effect:
        """Return an effect as it is set."""
        return self.effects[index]


@dataclass(frozen=True)
class Choice:
    """One of the values that the number keys give a field."""

    address: str
    value: str


class Desk:
    """Holds the effects of a show, the camera's own first, and changes their settings while they run.

    Args:
        effects: As the user set them.
        choices: Values to go through, such as portraits.

    Attributes:
        lineup: The effects as they run; another object when the show must begin afresh because pictures change size.
        on_restart: Called then.

    Raises:
        UseError: An effect cannot run live.
    """

    def __init__(self, effects: Sequence[Effect], choices: Sequence[Choice] = ()) -> None:
        self._spec: VideoSpec | None = None
        self.on_restart: Callable[[], None] = lambda: None
        self.choices = tuple(choices)
        self.chosen = 0
        self._asked: list[Effect] = [Camera(), *_fit_for_stage(effects)]
        self._good: Sequence[Effect] | None = None
        self._lock = threading.RLock()
        self.lineup = Lineup([effect.live() for effect in self._asked])

    def begin(self, spec: VideoSpec) -> None:
        """Say what the camera's pictures look like.

        Raises:
            UseError: An effect cannot work on such pictures.
        """
        with self._lock:
            self._spec = spec
            self.lineup = Lineup(self.lineup.effects, spec)

    @property
    def camera(self) -> Camera:
        """How the camera's picture is changed."""
        effect = self.lineup.effects[0]
        assert isinstance(effect, Camera)
        return effect

    def names(self) -> dict[str, int]:
        """Return where each effect stands, by name; the second of a kind is `mask2`."""
        found: dict[str, int] = {}
        for index, effect in enumerate(self._asked):
            name = effect.name()
            count = sum(other.name() == name for other in self._asked[:index])
            found[f"{name}{count + 1}" if count else name] = index
        return found

    def find(self, address: str) -> tuple[int, Setting]:
        """Return the place of the effect and the field that `puppet.driving_multiplier` names.

        Raises:
            UseError: There is none; the nearest names are suggested.
        """
        name, _, field = address.replace("-", "_").partition(".")
        names = {known.replace("-", "_"): index for known, index in self.names().items()}
        if name not in names:
            raise UseError(f"No effect {name!r} is on this stage.{did_you_mean(name, names)}", _there(self.names()))
        known = {setting.name: setting for setting in settings(type(self._asked[names[name]]))}
        if field not in known:
            raise UseError(f"{name} has no setting {field!r}.{did_you_mean(field, known)}", _there(known))
        return names[name], known[field]

    def get(self, address: str) -> Any:
        """Return what a field is set to."""
        index, setting = self.find(address)
        return getattr(self._asked[index], setting.name)

    def names_file(self, address: str) -> bool:
        """Whether a field may name a file."""
        index, setting = self.find(address)
        return may_name_files(type(self._asked[index]), setting.name)

    def set(self, address: str, value: Any) -> None:
        """Set a field; text is read as on the command line.

        Raises:
            UseError: There is no such field, or it does not take the value; nothing was changed.
        """
        with self._lock:
            self._change(dict([self.changed(address, value)]))

    def changed(self, address: str, value: Any) -> tuple[int, Effect]:
        """Return the place of an effect, and what it is with one field set to something else; it stays as it is.

        Raises:
            UseError: There is no such field, or it does not take the value.
        """
        index, setting = self.find(address)
        effect = self._asked[index]
        if isinstance(value, str):
            value = setting.read([value] if setting.kind in ("list", "pairs") else value)
        given = {name: getattr(effect, name) for name in effect.model_fields_set}
        return index, type(effect)(**{**given, setting.name: value})

    def replace(self, effects: Sequence[Effect]) -> None:
        """Put other effects behind the camera: those of a recipe that was changed.

        Raises:
            UseError: They cannot run live, or not on such pictures; nothing was changed.
        """
        with self._lock:
            behind = list(_fit_for_stage(effects))
            if [type(effect) for effect in behind] == [type(effect) for effect in self._asked[1:]]:
                self._change({place: effect for place, effect in enumerate(behind, 1) if effect != self._asked[place]})
            else:
                self._line_up([self._asked[0], *behind])

    def choice(self, number: int) -> Choice:
        """Return a choice, counted from 1.

        Raises:
            UseError: There are fewer, or none.
        """
        if not self.choices:
            raise UseError("There are no choices.", "Offer some with --choices EFFECT.FIELD=PATTERN.")
        if not 1 <= number <= len(self.choices):
            count = f"are {len(self.choices)} choices" if self.choices[1:] else "is 1 choice"
            raise UseError(f"There {count}, and {number} is none of them.")
        return self.choices[number - 1]

    def pick(self, number: int) -> None:
        """Set the field of a choice, counted from 1.

        Raises:
            UseError: There is no such choice, or its field does not take it.
        """
        choice = self.choice(number)
        self.chosen = number - 1
        self.set(choice.address, choice.value)

    def go_round(self, step: int) -> None:
        """Pick the next choice, or the one before if `step` is -1; after the last comes the first.

        Raises:
            UseError: There are none, or the field does not take it.
        """
        self.pick((self.chosen + step) % max(1, len(self.choices)) + 1)

    def refer(self, word: str) -> bool:
        """Set how effects find a face's rest, to `"auto"` or `"first"`, where they have `neutral` for that."""
        found = False
        for name, index in self.names().items():
            fields = {setting.name: setting for setting in settings(type(self._asked[index]))}
            if "neutral" in fields and word in fields["neutral"].wants.split("|"):
                self.set(f"{name}.neutral", word)
                found = True
        return found

    @property
    def asked(self) -> Sequence[Effect]:
        """The effects as they were set, the camera's own first; another object after every change."""
        return self._asked

    def worked(self, tried: Sequence[Effect]) -> None:
        """Note that a picture came out with these settings, which were those in force when it was begun."""
        self._good = tried

    def go_back(self) -> bool:
        """Return to the settings that last worked; say whether that is a change."""
        with self._lock:
            if self._good is None or self._good is self._asked:
                return False
            self._line_up(self._good)
            self._good = self._asked
            return True

    def _change(self, changed: dict[int, Effect]) -> None:
        asked = [changed.get(index, effect) for index, effect in enumerate(self._asked)]
        live = {index: effect.live() for index, effect in changed.items()}
        known = self.lineup.specs
        if known and any(specs(known[index], [effect])[-1] != known[index + 1] for index, effect in live.items()):
            self._line_up(asked)
            return
        self._asked = asked
        for index, effect in live.items():
            self.lineup.effects[index] = effect

    def _line_up(self, asked: Sequence[Effect]) -> None:
        lineup = Lineup([effect.live() for effect in asked], self._spec)
        self._asked = list(asked)
        self.lineup = lineup
        self.on_restart()


def _fit_for_stage(effects: Sequence[Effect]) -> Sequence[Effect]:
    for effect in effects:
        if effect.scope == "video" or effect.retimes:
            raise UseError(f"{effect.name()} needs a whole film, and a camera never ends.", "Leave it out.")
    return effects


def _there(names: Any) -> str:
    return f"There is {', '.join(names)}."
