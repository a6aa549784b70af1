"""An installation: a generator, films or a camera, and effects, played without end and without anybody to mind it."""
