"""A clip as data: the same chain of effects as a small YAML or JSON file, read strictly."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from melies import effects, generators
from melies.effect import Effect, Generator, Reactive
from melies.effects._fields import File, may_name_files, names_in
from melies.errors import UseError
from melies.explain import explain
from melies.files import is_file
from melies.media.output import SaveOptions
from melies.suggest import did_you_mean
from melies.times import Rate, Time

if TYPE_CHECKING:
    from melies.clip import Clip
    from melies.engine.progress import Report

S = TypeVar("S", bound=Reactive)

LIMIT = 1 << 20
"""Bytes a recipe may have: what people write by hand is a thousand times smaller."""
DEPTH = 20
"""How deep a recipe may be nested."""
PRESETS = Path(__file__).parent / "presets"
"""Where the recipes lie that come along."""


def presets() -> dict[str, str]:
    """Return what each recipe that comes along is for, by name."""
    about = {}
    for path in sorted(PRESETS.glob("*.yaml")):
        with path.open(encoding="utf-8") as file:
            about[path.stem] = file.readline().strip("# \n")
    return about


def locate(name: str | Path) -> Path:
    """Return the file of a recipe, named by its path or, if it came along, by its name; a file is looked for first.

    Raises:
        UseError: There is neither.
    """
    path = Path(name)
    if is_file(path):
        return path
    known = presets()
    if str(name) in known:
        return PRESETS / f"{name}.yaml"
    raise UseError(f"There is no recipe {name}.{did_you_mean(str(name), known)}", "List those ready: melies run --list")


def read_step(value: object) -> Effect:
    """Turn `{"resize": {"width": 640}}`, or `"reverse"` alone, into the effect it names.

    Raises:
        UseError: There is no such effect or option, or a value is not allowed.
    """
    return value if isinstance(value, Effect) else effects.find((step := _named(value, "effect"))[0])(**step[1])


def read_generator(value: object) -> Generator | None:
    """Turn `{"cppn": {"seed": 7}}`, or `"cppn"` alone, into the generator it names.

    Raises:
        UseError: There is no such generator or option, or a value is not allowed.
    """
    if value is None or isinstance(value, Generator):
        return value
    name, options = _named(value, "generator")
    return generators.find(name)(**options)


def _named(value: object, kind: str) -> tuple[str, dict[str, Any]]:
    """The name and the options of a step as a recipe writes it."""
    if isinstance(value, str):
        value = {value: {}}
    if not isinstance(value, Mapping) or len(value) != 1:
        raise UseError(f"Each {kind} of a recipe is one name with its options.", "Such as: resize: {width: 640}")
    name, options = next(iter(value.items()))
    options = {} if options is None else options
    if not isinstance(options, Mapping):
        raise UseError(f"The options of {name} are {options!r}, not names with values.", f"See: melies {kind}s {name}")
    return str(name), {str(key).replace("-", "_"): item for key, item in options.items()}


def write_step(step: Reactive) -> dict[str, Any]:
    """Turn an effect or generator into its name and those options that differ from their defaults."""
    return {step.name(): step.model_dump(mode="json", exclude_defaults=True)}


Step = Annotated[Effect, BeforeValidator(read_step), PlainSerializer(write_step)]


Source = Annotated[
    Generator | None,
    BeforeValidator(read_generator),
    PlainSerializer(lambda generator: None if generator is None else write_step(generator)),
]


Move = Callable[[Path], Path]


class Recipe(BaseModel):
    """A clip as data.

    Raises:
        UseError: From every method that reads: something in the recipe is unknown, missing or not allowed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    version: Literal[1] = 1
    """of the recipe format"""
    input: File | None = None
    """the film to read"""
    generator: Source = None
    """what makes the frames, where no film is read"""
    output: Path | None = None
    """the film to write"""
    start: Time = None
    """begin here, in seconds or as HH:MM:SS.mmm"""
    end: Time = None
    """stop here, in seconds or as HH:MM:SS.mmm"""
    rate: Rate = None
    """frames a second at which a sequence of pictures is read, such as 25 or 30000/1001"""
    max_errors: int = Field(10, ge=0)
    """broken frames that are skipped before giving up"""
    effects: tuple[Step, ...] = ()
    """what happens to the frames, in this order"""
    save: SaveOptions = SaveOptions()
    """how the output is written"""

    @classmethod
    def make(cls, data: Mapping[str, Any], where: str = "recipe") -> Self:
        """Build from plain data, saying what is wrong with it in one sentence that begins with `where`."""
        try:
            return cls.model_validate(dict(data))
        except ValidationError as error:
            raise UseError(explain(error, cls, where, keys=True), "See: docs/recipes.md") from None

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a YAML or JSON file; the relative paths in it start from its folder."""
        path = Path(path)
        data = parse(_text(path), path.name, strict_json=path.suffix.lower() == ".json")
        return cls.make(data, path.name).located(path.parent)

    def dump(self, path: str | Path) -> None:
        """Write a YAML or JSON file; paths below its folder are written relative to it."""
        path = Path(path)
        text = self.to_json(path.parent) if path.suffix.lower() == ".json" else self.to_yaml(path.parent)
        path.write_text(text, encoding="utf-8")

    def to_yaml(self, folder: Path | None = None) -> str:
        """Return the recipe as YAML, without what is at its default."""
        return yaml.safe_dump(self._data(folder), sort_keys=False, allow_unicode=True, width=100)

    def to_json(self, folder: Path | None = None) -> str:
        """Return the recipe as JSON, without what is at its default."""
        return json.dumps(self._data(folder), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_clip(cls, clip: Clip, output: str | Path | None = None) -> Self:
        """Describe a clip that reads a file.

        Raises:
            UseError: Its frames come from somewhere else.
        """
        from melies.media.reader import Reader

        source = clip.source
        if not isinstance(source, Reader):
            raise UseError("A recipe can only describe a clip that reads a file.", "Save the clip first.")
        start, end, rate = source.trim
        return cls(
            input=source.path,
            output=None if output is None else Path(output),
            start=start,
            end=end,
            rate=rate,
            max_errors=source.max_errors,
            effects=clip.effects,
        )

    def clip(self) -> Clip:
        """Return the clip that the recipe describes; nothing runs yet."""
        from melies.clip import Clip
        from melies.clip import open as open_clip

        if self.generator is not None:
            return self._generated(Clip(self.generator)).apply(*self.effects)
        if self.input is None:
            raise UseError(
                "The recipe names no input.",
                "Write input: film.mp4, or name the film: melies run RECIPE IN OUT.",
            )
        clip = open_clip(self.input, start=self.start, end=self.end, rate=self.rate, max_errors=self.max_errors)
        return clip.apply(*self.effects)

    def _generated(self, clip: Clip) -> Clip:
        read = [name for name in ("input", "start", "end", "rate") if getattr(self, name) is not None]
        if read:
            raise UseError(f"A generator makes the frames, so {read[0]} has no meaning.", f"Leave {read[0]} out.")
        return clip

    def write(self, progress: Report | None = None, threads: int | None = None) -> Path:
        """Render the clip to the recipe's output and return where that is; see `Clip.save`."""
        if self.output is None:
            raise UseError("The recipe names no output.", "Write output: out.mp4, or name it after the input.")
        return self.clip().save(self.output, self.save, progress=progress, threads=threads)

    def located(self, folder: Path) -> Self:
        """Return the same recipe with relative paths starting from `folder`."""
        return self._with_paths(lambda path: path if path.is_absolute() else folder / path)

    def _with_paths(self, move: Move) -> Self:
        return self.model_copy(
            update={
                "input": self.input and move(self.input),
                "output": self.output and move(self.output),
                "generator": self.generator and _move_step(self.generator, move),
                "effects": tuple(_move_step(effect, move) for effect in self.effects),
            }
        )

    def _data(self, folder: Path | None) -> dict[str, Any]:
        recipe = self if folder is None else self._with_paths(lambda path: _below(path, folder))
        return {"version": recipe.version} | recipe.model_dump(mode="json", exclude_defaults=True)


def parse(text: str, where: str, strict_json: bool = False) -> dict[str, Any]:
    """Read YAML, or JSON, into plain data: no aliases, no repeated keys, no deep nesting, no Python objects.

    Raises:
        UseError: The text is not such a document.
    """
    try:
        data = json.loads(text, object_pairs_hook=_unique) if strict_json else _load_yaml(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UseError(f"{where} cannot be read: {_syntax(error)}.") from None
    if not isinstance(data, dict):
        raise UseError(f"{where} is not a recipe.", "A recipe begins with version: 1.")
    return data


def _load_yaml(text: str) -> Any:
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a stricter SafeLoader


class _Loader(yaml.SafeLoader):
    """YAML without what makes it dangerous: aliases multiply, repeated keys hide, depth exhausts."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            self._refuse("a recipe cannot use aliases (*name)")
        self.depth += 1
        if self.depth > DEPTH:
            self._refuse("it is nested too deeply")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        _refuse_twins([str(self.construct_object(key, deep=True)) for key, _ in node.value])
        return super().construct_mapping(node, deep=deep)

    def _refuse(self, why: str) -> None:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        raise yaml.MarkedYAMLError(problem=why, problem_mark=mark)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _refuse_twins([key for key, _ in pairs])
    return dict(pairs)


def _refuse_twins(keys: list[str]) -> None:
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice} is given twice")


def _syntax(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return str(error).splitlines()[0]


def _text(path: Path) -> str:
    if not is_file(path):
        raise UseError(f"There is no recipe {path}.")
    if path.stat().st_size > LIMIT:
        raise UseError(f"{path.name} has {path.stat().st_size} bytes, too many for a recipe.", f"At most {LIMIT}.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UseError(f"{path.name} is not a text file in UTF-8.") from None
    except OSError as error:
        raise UseError(f"{path} cannot be read: {error.strerror}.") from None


def _move_step(step: S, move: Move) -> S:
    kind = type(step)
    changed = {
        name: _move_value(value, move)
        for name, value in step
        if name in step.model_fields_set and may_name_files(kind, name)
    }
    return step.model_copy(update=changed)


def _move_value(value: Any, move: Move) -> Any:
    """Move paths, and words that turn out to name files: a background may be a colour or a picture."""
    if isinstance(value, Path):
        return move(value)
    if isinstance(value, list | tuple):
        return type(value)(_move_value(item, move) for item in value)
    if isinstance(value, str):
        for path, behind in names_in(value):
            moved = move(path)
            if path.suffix and (is_file(moved) or is_file(path)):
                return str(moved) + behind
    return value


def _below(path: Path, folder: Path) -> Path:
    try:
        return path.absolute().relative_to(folder.absolute())
    except ValueError:
        return path
