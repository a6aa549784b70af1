"""Cut people out the way that frame-by-frame tools do: one picture after another, nothing in parallel.

frame_by_frame.py FFMPEG IN OUT
"""

import subprocess
import sys

import cv2
import numpy as np

from melies import models

program, source, target = sys.argv[1:]
session = models.load("selfie")
(name, tensor), *_ = session.inputs.items()
height, width = tensor.shape[1:3]
video = cv2.VideoCapture(source)
size = int(video.get(cv2.CAP_PROP_FRAME_WIDTH)), int(video.get(cv2.CAP_PROP_FRAME_HEIGHT))
raw = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{size[0]}x{size[1]}", "-r", str(video.get(cv2.CAP_PROP_FPS))]
encode = ["-c:v", "libx264", "-preset", "medium", "-crf", "20", "-pix_fmt", "yuv420p"]
encoder = subprocess.Popen([program, "-v", "error", "-y", *raw, "-i", "-", *encode, target], stdin=subprocess.PIPE)
assert encoder.stdin is not None
green = np.array([0, 128, 0], np.float32)
while True:
    good, frame = video.read()
    if not good:
        break
    small = cv2.cvtColor(cv2.resize(frame, (width, height)), cv2.COLOR_BGR2RGB).astype(np.float32) / 255
    mask = np.squeeze(next(iter(session.run({name: small[None]}).values())))
    alpha = cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR)[..., None]
    encoder.stdin.write((frame * alpha + green * (1 - alpha)).astype(np.uint8).tobytes())
encoder.stdin.close()
sys.exit(encoder.wait())
