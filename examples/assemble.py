"""Read two films, and put their best-looking shots on a timeline with a paper edit."""

import shutil

from _footage import folder, footage

from melies.footage.assembly import paper, plan
from melies.footage.catalogue import Catalogue
from melies.footage.indexer import index
from melies.footage.timeline import export

out = folder()
rushes = out / "rushes"
rushes.mkdir(exist_ok=True)
for name in ("bikes", "carphone_pristine"):
    shutil.copy(footage(name), rushes)

with Catalogue.open(rushes, create=True) as catalogue:
    index(catalogue)
    rough = plan.montage(catalogue.records(), seconds=8)
for entry in rough.entries:
    shot = entry.choice.candidate.record.shot
    print(f"{shot.file.name} {float(entry.part.start):5.2f}–{float(entry.part.end):5.2f} s  {entry.part.why}")
paper.write(rough, out / "montage.md", "Montage", overwrite=True)
print(export(rough.timeline("montage"), out / "montage.edl", overwrite=True))
