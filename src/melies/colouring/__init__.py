"""Colouring black-and-white film from pictures that show what colours things have, without any trained weights.

The pieces are used in this order, all on small pictures but for the last:

1. `describe` says what the surroundings of every point look like in brightness alone.
2. `palette` and `vote` find for every point of a key frame the colours that such surroundings have in the references.
3. `spread` carries colours over what looks the same (strokes to whole things), as Levin, Lischinski and Weiss do it.
4. `carry` moves the colours of key frames along the optical flow to the frames between them, from both sides.
5. `chroma` fits them to the full-size brightness and puts both together.
"""
