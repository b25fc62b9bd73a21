"""Writes crates/genrescope/tests/audio/: one synthesised sound as mp3, ogg vorbis and flac.

    apt-get install lame ffmpeg flac           # lame 3.100, ffmpeg 5.1 with libvorbis 1.3.7, flac 1.4.2
    pip install -r reference/requirements.txt && python reference/make_audio.py
"""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from synthesis import sound

AUDIO = Path(__file__).parent.parent / "crates/genrescope/tests/audio"
SECONDS = 1.5
NOISE_LEVEL = 0.001
VORBIS = ["ffmpeg", "-y", "-loglevel", "error", "-i", "IN", "-c:a", "libvorbis", "-q:a", "4",
          "-page_duration", "200000", "-bitexact", "OUT"]
#   file                     rate    channels  encoder
FILES = [
    ("stereo_44100.mp3",     44_100, 2, ["lame", "--quiet", "-b", "128", "IN", "OUT"]),
    ("mono_22050_vbr.mp3",   22_050, 1, ["lame", "--quiet", "-V", "3", "IN", "OUT"]),
    ("no_tag_44100_vbr.mp3", 44_100, 1, ["lame", "--quiet", "-t", "-V", "3", "IN", "OUT"]),
    ("stereo_44100.ogg",     44_100, 2, VORBIS),
    ("mono_22050.ogg",       22_050, 1, VORBIS),
    ("mono_22050.flac",      22_050, 1, ["flac", "-s", "-f", "-8", "--no-padding", "--no-seektable", "IN", "-o", "OUT"]),
]

AUDIO.mkdir(parents=True, exist_ok=True)
for name, rate, channels, encoder in FILES:
    samples = sound(rate, int(rate * SECONDS), NOISE_LEVEL)
    with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
        soundfile.write(wav.name, np.stack([samples] * channels, axis=1), rate, subtype="PCM_16")
        names = {"IN": wav.name, "OUT": str(AUDIO / name)}
        subprocess.run([names.get(word, word) for word in encoder], check=True)
