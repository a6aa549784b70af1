"""What was made by a machine says so: in the file's metadata always, in signed content credentials where installed.

Every film, animation and picture whose effects made something of people's faces, or whose pictures a model made of a
text (`Effect.synthesis`, `Generator.synthesis`), carries an XMP packet (or tags, in Matroska and WebM) with the
sentences and IPTC's digital source type. What a source file says about itself is carried on.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING

import melies
from melies.effect import Generator, Reactive

if TYPE_CHECKING:
    from melies.clip import Clip

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeSynthetic"
"""IPTC's word for a picture that is partly synthetic."""

WHOLE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's word for a picture that a trained model made."""

TAG = "MADE_BY_MACHINE"
"""The tag of Matroska and WebM that holds the sentences."""

_LONGEST = 65536
_MADE = re.compile(r"<rdf:li>(.*?)</rdf:li>", re.DOTALL)


@dataclass(frozen=True)
class Provenance:
    """What is said about a file.

    Attributes:
        made: What a machine made, one sentence each.
        effects: The effects or the generator that did it, with their settings; files by their names alone.
        whole: Whether all of it was made, by a generator and of no file.
    """

    made: tuple[str, ...]
    effects: tuple[tuple[str, dict[str, str]], ...] = ()
    whole: bool = False

    @property
    def source_type(self) -> str:
        """IPTC's word for it."""
        return WHOLE_TYPE if self.whole else SOURCE_TYPE

    @property
    def text(self) -> str:
        """The sentences as one line, for people."""
        return " ".join(("Made by a machine." if self.whole else "Partly made by a machine.", *self.made))

    @property
    def tags(self) -> dict[str, str]:
        """Tags for containers that hold words and values."""
        return {TAG: "\n".join(self.made), "DIGITAL_SOURCE_TYPE": self.source_type}

    @property
    def packet(self) -> bytes:
        """The XMP packet."""
        sentences = "".join(f"<rdf:li>{escape(sentence)}</rdf:li>" for sentence in self.made)
        return (
            '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
            ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:melies="urn:melies:provenance:1"'
            ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
            f"<xmp:CreatorTool>melies {melies.__version__}</xmp:CreatorTool>"
            f"<Iptc4xmpExt:DigitalSourceType>{self.source_type}</Iptc4xmpExt:DigitalSourceType>"
            f"<melies:made><rdf:Seq>{sentences}</rdf:Seq></melies:made>"
            '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
        ).encode()


def of(clip: Clip, idle: Collection[str] = ()) -> Provenance | None:
    """Return what is to be said about a clip: what its effects make, and what its files say; None if nothing.

    Args:
        clip: What was written.
        idle: Names of effects that found nothing to change.
    """
    source = clip.source if isinstance(clip.source, Generator) else None
    steps = [*([source] if source else []), *(effect for effect in clip.effects if effect.name() not in idle)]
    acting = [(step, step.synthesis) for step in steps]
    made = [sentence for file in clip.inputs() for sentence in read(file)]
    made += [sentence for _, sentence in acting if sentence]
    if not made:
        return None
    effects = tuple((step.name(), _settings(step)) for step, sentence in acting if sentence)
    # What was made of a photograph, or laid over one, is only partly made.
    whole = source is not None and source.synthesis is not None and set(clip.inputs()) <= {source.audio}
    return Provenance(tuple(dict.fromkeys(made)), effects, whole)


def _settings(step: Reactive) -> dict[str, str]:
    """Settings as words; of files only the names, for folders tell more of their owner than of the film."""
    from melies.effects._fields import may_name_files

    def said(name: str, value: object) -> str:
        is_file = isinstance(value, Path) or (may_name_files(type(step), name) and Path(str(value)).exists())
        return Path(str(value)).name if is_file else str(value)

    return {name: said(name, value) for name, value in step}


def read(path: Path) -> tuple[str, ...]:
    """Return what a file says was made in it by a machine; nothing where it says nothing, or cannot be read."""
    from melies.provenance import carriers

    if not path.is_file():
        return ()
    if path.suffix.lower() in carriers.TAGGED:
        return carriers.tagged(path)
    found = carriers.extract(path)
    if found is None or len(found) > _LONGEST:
        return ()
    inner = re.search(r"<melies:made>(.*?)</melies:made>", found.decode("utf-8", "replace"), re.DOTALL)
    return tuple(unescape(sentence) for sentence in _MADE.findall(inner[1])) if inner else ()


def write(path: Path, provenance: Provenance) -> None:
    """Note it in a finished file, whose ending says what kind it is; once, however often it is called.

    Raises:
        OSError: The file cannot be written.
        MediaError: Content credentials are installed and cannot be signed.
    """
    from melies.provenance import carriers, credentials

    if path.suffix.lower() in carriers.TAGGED or carriers.extract(path) is not None:
        return
    carriers.embed(path, provenance.packet)
    if credentials.installed():
        credentials.sign(path, provenance)


def room(provenance: Provenance) -> int:
    """Return how many bytes a file grows by at most when it is noted in it."""
    from melies.provenance import credentials

    return len(provenance.packet) + 512 + (credentials.ROOM if credentials.installed() else 0)
