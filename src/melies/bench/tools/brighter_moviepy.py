"""A trivial effect with moviepy.

brighter_moviepy.py CRF IN OUT
"""

import sys

from moviepy import VideoFileClip
from moviepy.video.fx import MultiplyColor

crf, source, target = sys.argv[1:]
clip = VideoFileClip(source).with_effects([MultiplyColor(1.2)])
clip.write_videofile(target, codec="libx264", preset="medium", ffmpeg_params=["-crf", crf], audio=False, logger=None)
