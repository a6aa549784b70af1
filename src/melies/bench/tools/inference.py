"""Seconds that the fast matting model alone needs for a number of frames."""

import sys
import time

import numpy as np

from melies import models

session = models.load("selfie")
(name, tensor), *_ = session.inputs.items()
image = np.random.default_rng(0).random([side or 1 for side in tensor.shape], np.float32)
session.run({name: image})
began = time.perf_counter()
for _ in range(int(sys.argv[1])):
    session.run({name: image})
print(time.perf_counter() - began)
