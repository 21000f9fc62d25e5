"""Speech in a file to a video of an avatar that speaks it: `python wav_to_mp4.py speech.wav out.mp4`."""

import sys

from livekit_bithuman.render import render_speech

done = render_speech(sys.argv[1], sys.argv[2])
print(f"{done.path}: {done.frames} frames, {done.seconds:.2f} s")
