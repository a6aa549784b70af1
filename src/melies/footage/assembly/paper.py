"""The paper edit: the cut as a document, with a picture of every shot and the reason for it."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

from melies.errors import UseError
from melies.files import exists, writable
from melies.footage.assembly.plan import Entry, Rough
from melies.footage.timecode import Timecode
from melies.footage.timeline import nominal


def write(rough: Rough, target: Path, title: str, *, overwrite: bool = False) -> Path:
    """Write a cut as Markdown, its pictures in a folder of the same name beside it.

    Args:
        rough: The cut.
        target: Ends in `.md`.
        title: What it is called.
        overwrite: Whether to replace the document and its pictures.

    Raises:
        UseError: Something is there already.
    """
    pictures = checked(target, overwrite)
    total = sum((entry.part.end - entry.part.start for entry in rough.entries), Fraction(0))
    shots = f"{len(rough.entries)} shot{'' if len(rough.entries) == 1 else 's'}"
    lines = [f"# {_plain(title)}", "", f"{shots}, {float(total):.1f} s", ""]
    if rough.rhythm is not None:
        lines += [f"Cut to music of {rough.rhythm.tempo:.0f} beats a minute.", ""]
    section, time = "", Fraction(0)
    pictures.mkdir(exist_ok=True)
    for number, entry in enumerate(rough.entries, 1):
        if entry.choice.beat.section != section:
            section = entry.choice.beat.section
            lines += [f"## {_plain(section)}", ""]
        lines += [*_entry(entry, number, time, _picture(entry, pictures, number)), ""]
        time += entry.part.end - entry.part.start
    if rough.empty:
        lines += ["## Nothing was found for", ""] + [
            f"- {_plain(beat.text)} (line {beat.line})" for beat in rough.empty
        ]
    target.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return target


def checked(target: Path, overwrite: bool) -> Path:
    """Return the folder beside a paper edit in which its pictures will be, and see that both can be written.

    Raises:
        UseError: They cannot, or exist already.
    """
    writable(target, overwrite)
    pictures = target.with_name(f"{target.stem}-stills")
    if exists(pictures) and not overwrite:
        raise UseError(f"{pictures} exists already.", "Add --overwrite to replace it, or choose another name.")
    return pictures


def _entry(entry: Entry, number: int, time: Fraction, picture: str | None) -> list[str]:
    record, found = entry.choice.candidate.record, entry.part
    shot = record.shot
    zero = Timecode(0, nominal(shot.rate))
    begin, end = zero.at(found.start), zero.at(found.end)
    lines = [f"### {number}. {_plain(entry.choice.beat.text) or shot.file.name}", ""]
    if picture is not None:
        lines += [f"![]({picture})", ""]
    lines.append(f"- at {float(time):.2f} s, for {found.seconds:.2f} s: {_plain(shot.file.name)}, {begin} to {end}")
    lines += [f"- {_plain(reason)}" for reason in reasons(entry)]
    if record.text:
        lines.append(f"- said in the shot: “{_plain(record.text)}”")
    return lines


def reasons(entry: Entry) -> list[str]:
    """Return why a shot stands where it does, one sentence each."""
    choice = entry.choice
    told = [*choice.candidate.why, f"used: {entry.part.why}"]
    told += [f"{'for' if clash.cost < 0 else 'against'} the cut: {clash.why}" for clash in choice.clashes]
    if choice.candidate.weak:
        told.append("a weak match: little of what the line asks for is in it, or only little is known of it")
    if choice.others:
        told.append(f"chosen from {choice.others + 1} shots, match {choice.candidate.score:.2f}")
    return told


def _picture(entry: Entry, folder: Path, number: int) -> str | None:
    stills = entry.choice.candidate.record.pictures
    if not stills or not stills[len(stills) // 2].is_file():
        return None
    copy = folder / f"{number:03d}.jpg"
    shutil.copyfile(stills[len(stills) // 2], copy)
    return f"{folder.name}/{copy.name}".replace(" ", "%20")


def _plain(text: str) -> str:
    """Text as Markdown shows it: names of files and what people say hold stars and brackets."""
    for sign in "\\`*_[]<>#|":
        text = text.replace(sign, "\\" + sign)
    return text
