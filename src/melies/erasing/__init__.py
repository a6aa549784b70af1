"""Taking things out of a film: where they are, what is behind them, and how to invent what was never seen.

1. `track` follows a rectangle through a shot; `where` turns rectangles, pictures and people into holes.
2. `membrane` and `motion` say how the background moves, in the hole too, where only the thing to be erased is seen.
3. `refs` follows every pixel of a hole to the nearest earlier and later frames that show what is behind it.
4. `exemplar` invents what no frame shows, out of patches of the same picture.
5. `filler` puts these together, frame by frame.
"""
