"""Writes crates/genrescope/tests/golden/musicnn.json: what the package musicnn says of synthesised sound at 16 kHz.

    pip install -r reference/requirements-musicnn.txt && pip install --no-deps musicnn==0.1.0
    python reference/make_musicnn_golden.py
"""

import tempfile
from pathlib import Path

import numpy as np
import soundfile

np.complex, np.float = complex, float  # librosa 0.8 asks for the names of old
from musicnn.extractor import extractor  # noqa: E402

from golden_file import write
from synthesis import music, sound

RATE_HZ = 16_000
SAMPLES = 5 * RATE_HZ
HOP_FRAMES = 61  # what the package makes of a second


def case(name: str, samples: np.ndarray) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.wav"
        soundfile.write(path, samples, RATE_HZ, subtype="FLOAT")
        taggram, tags, features = extractor(str(path), model="MSD_musicnn", input_length=3, input_overlap=1)
    rounded = lambda values: [[float(f"{v:.7g}") for v in row] for row in values]
    return {"name": name, "sample_rate_hz": RATE_HZ, "samples": SAMPLES, "hop_frames": HOP_FRAMES, "tags": tags,
            "scores": rounded(taggram), "embedding": rounded(features["penultimate"][:1])[0]}


if __name__ == "__main__":
    quiet = 0.02 * music(RATE_HZ, SAMPLES)
    cases = [("sound", sound(RATE_HZ, SAMPLES, 0.05)), ("music", music(RATE_HZ, SAMPLES)), ("quiet_music", quiet)]
    write("musicnn.json", __file__, [case(name, samples) for name, samples in cases])
