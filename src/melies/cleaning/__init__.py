"""What `denoise`, `sharpen`, `deblur` and `lowlight` are made of.

Pictures here are `H×W×3` float32, 0…1, unless something else is said.
"""
