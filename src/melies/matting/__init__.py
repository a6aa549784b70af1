"""Cutting things out: from a network's rough map to a clean, steady matte and true foreground colours.

The pieces are used in this order, each on small pictures but for the last:

1. `people` and `nets` turn a frame into a map of probabilities.
2. `clean` drops islands and fills holes, `steady` calms what did not move.
3. `guided` fits the map to the picture's own edges, up to full size.
4. `colour` takes the old background out of the edge's colours and lays the result over a new one.
"""
