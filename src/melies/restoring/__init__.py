"""Mending films: interlaced fields, flicker, dust and scratches, and the ageing that they are measured against."""
