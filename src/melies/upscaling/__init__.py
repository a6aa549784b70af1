"""What `upscale` is made of: networks run over tiles, enlarging without one, alpha, and steadiness over time."""
