"""Writes crates/genrescope/tests/audio/: one synthesised sound in the containers and codecs of the field.

    apt-get install lame ffmpeg flac opus-tools     # lame 3.100, ffmpeg 5.1 with libvorbis 1.3.7, flac 1.4.2, opusenc 0.2
    pip install -r reference/requirements.txt && python reference/make_audio.py
"""

import random
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
def ffmpeg(*options: str) -> list[str]:
    return ["ffmpeg", "-y", "-loglevel", "error", "-i", "IN", *options, "-bitexact", "OUT"]


#   file                     rate    channels  encoder
FILES = [
    ("stereo_44100.mp3",     44_100, 2, ["lame", "--quiet", "-b", "128", "IN", "OUT"]),
    ("mono_22050_vbr.mp3",   22_050, 1, ["lame", "--quiet", "-V", "3", "IN", "OUT"]),
    ("no_tag_44100_vbr.mp3", 44_100, 1, ["lame", "--quiet", "-t", "-V", "3", "IN", "OUT"]),
    ("stereo_44100.ogg",     44_100, 2, VORBIS),
    ("mono_22050.ogg",       22_050, 1, VORBIS),
    ("mono_22050.flac",      22_050, 1, ["flac", "-s", "-f", "-8", "--no-padding", "--no-seektable", "IN", "-o", "OUT"]),
    ("stereo_44100.m4a",     44_100, 2, ffmpeg("-c:a", "aac", "-b:a", "128k")),
    ("mono_22050_alac.m4a",  22_050, 1, ffmpeg("-c:a", "alac")),
    ("mono_22050_alac.caf",  22_050, 1, ffmpeg("-c:a", "alac")),
    ("stereo_44100.aac",     44_100, 2, ffmpeg("-c:a", "aac", "-b:a", "128k")),
    ("mono_48000.opus",      48_000, 1, ["opusenc", "--quiet", "--max-delay", "200", "--bitrate", "64", "--serial", "1", "IN", "OUT"]),
    ("stereo_48000.webm",    48_000, 2, ffmpeg("-c:a", "libopus", "-b:a", "96k")),
    ("six_48000.opus",       48_000, 6, ["opusenc", "--quiet", "--max-delay", "200", "--bitrate", "256", "--framesize", "60",
                                         "--serial", "1", "IN", "OUT"]),
    ("stereo_44100.mkv",     44_100, 2, ffmpeg("-c:a", "libvorbis", "-q:a", "4")),
    ("mono_22050.mp2",       22_050, 1, ffmpeg("-c:a", "mp2", "-b:a", "96k")),
    ("mono_22050.aiff",      22_050, 1, ffmpeg("-c:a", "pcm_s16be")),
    ("mono_22050_ima.wav",   22_050, 1, ffmpeg("-c:a", "adpcm_ima_wav")),
    ("mono_22050_ms.wav",    22_050, 1, ffmpeg("-c:a", "adpcm_ms")),
    ("mono_22050_rf64.wav",  22_050, 1, ffmpeg("-rf64", "always", "-c:a", "pcm_u8")),
]

AUDIO.mkdir(parents=True, exist_ok=True)
for name, rate, channels, encoder in FILES:
    samples = sound(rate, int(rate * SECONDS), NOISE_LEVEL)
    with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
        soundfile.write(wav.name, np.stack([samples] * channels, axis=1), rate, subtype="PCM_16")
        names = {"IN": wav.name, "OUT": str(AUDIO / name)}
        subprocess.run([names.get(word, word) for word in encoder], check=True)

def layer_1_frame(rng: random.Random) -> bytes:
    """MPEG-1 layer I, 48 kHz, mono, 96 kbit/s, no checksum: noise in the lowest eight bands. ISO 11172-3, 2.4.1.5."""
    bands, sample_bits, samples = 8, 4, 12
    fields = [(0xFFFF, 16), (0b0011_0100, 8), (0b1100_0000, 8)]
    fields += [(sample_bits - 1 if band < bands else 0, 4) for band in range(32)]
    fields += [(rng.randrange(14, 20), 6) for _ in range(bands)]
    fields += [(rng.randrange(2**sample_bits - 1), sample_bits) for _ in range(samples * bands)]
    bits = "".join(f"{value:0{length}b}" for value, length in fields)
    return int(bits.ljust(96 * 8, "0"), 2).to_bytes(96, "big")


rng = random.Random(1)
(AUDIO / "noise_48000.mp1").write_bytes(b"".join(layer_1_frame(rng) for _ in range(63)))  # no encoder makes layer I now
decoded = ["ffmpeg", "-y", "-loglevel", "error", "-i", AUDIO / "noise_48000.mp1", AUDIO / "noise_48000_ffmpeg.flac"]
subprocess.run(decoded, check=True)

# What the reference decoder makes of the Opus recording: its first half second.
with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
    subprocess.run(["opusdec", "--quiet", "--float", "--force-wav", AUDIO / "mono_48000.opus", wav.name], check=True)
    decoded, rate = soundfile.read(wav.name)
    soundfile.write(AUDIO / "mono_48000_opusdec.flac", decoded[: rate // 2], rate, subtype="PCM_16")
