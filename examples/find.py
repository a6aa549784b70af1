"""Find shots in a folder by what they show: python examples/find.py [FOLDER "close-up of somebody smiling"].

Without a folder, a catalogue of a few invented shots is searched, which needs no film.
"""

import sys
from fractions import Fraction
from pathlib import Path

from melies.footage import Label, Record, Shot
from melies.footage.catalogue import describe
from melies.footage.search import search, wish
from melies.footage.terms import parse
from melies.footage.text import embed

SHOTS = [
    [("size", "close-up"), ("expression", "smiling"), ("objects", "person"), ("place", "interior")],
    [("size", "medium close-up"), ("objects", "person"), ("objects", "cup"), ("movement", "push in")],
    [("size", "extreme long"), ("scenery", "city"), ("movement", "pan left"), ("daytime", "night")],
    [("objects", "espresso"), ("objects", "dining table"), ("place", "interior")],
    [("objects", "car"), ("scenery", "street"), ("daytime", "day")],
]


def invented(number: int, pairs: list[tuple[str, str]]) -> Record:
    """A shot of three seconds with these labels."""
    labels = tuple(Label(facet, value, 0.9, "invented") for facet, value in pairs)
    shot = Shot(Path("film.mp4"), number, Fraction(number * 3), Fraction(number * 3 + 3), number * 75, 75, Fraction(25))
    return Record(f"{'0' * 16}-{number * 75:06d}", shot, labels, vector=embed([describe(labels)])[0])


def show(sentence: str, records: list[Record]) -> str:
    """Search, and tell what was understood and found."""
    query = parse(sentence)
    lines = [sentence, *(f"  {line}" for line in query.explain())]
    for found in search(records, wish(query), limit=3):
        lines.append(f"  {found.score:.2f}  shot {found.record.shot.number}: {describe(found.record.labels)}")
        lines += [f"        {part.score:.2f}  {part.name}: {part.why}" for part in found.parts]
    return "\n".join(lines)


def main() -> None:
    """Search a folder that was indexed, or the invented shots."""
    if len(sys.argv) > 2:
        from melies.footage.catalogue import Catalogue

        with Catalogue.open(sys.argv[1]) as catalogue:
            print(show(sys.argv[2], list(catalogue.records())))
        return
    records = [invented(number, pairs) for number, pairs in enumerate(SHOTS, 1)]
    sentences = ("close-up of somebody smiling", "drinking coffee", "a metropolis, no cars", "ECU")
    text = "\n\n".join(show(sentence, records) for sentence in sentences)
    print(text)
    Path("out").mkdir(exist_ok=True)
    Path("out/found.txt").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
