"""The mean spectrum of music as musicnn's front end has it, by which windows without upper bands are filled
(features/bandwidth.rs); puts it into the head in crates/genrescope/models/musicnn.safetensors:

    pip install -r reference/requirements-musicnn.txt
    python reference/mean_spectrum.py ../shared/data

Of the spectrograms of the training part of the fault-filtered split, interpolated between their 128 bands, behind
musicnn's low pass.
"""

import csv
import sys
from pathlib import Path

import numpy as np

from model_header import changed

MODEL = Path(__file__).parent.parent / "crates/genrescope/models/musicnn.safetensors"
MEAN_POWER = 0.4  # that windows are scaled to before their tags are judged; music mastered as usual has about that
LEAST = 1e-5  # what lies under it has no logarithm of its own
WINDOW_FRAMES = 38  # of 77.5 ms: musicnn's 3 s


def edges(bands: int, rate_hz: int) -> np.ndarray:
    """Mels at which bands begin, peak and end; Slaney's, half the rate is above 1 kHz."""
    return (15 + 27 * np.log(rate_hz / 2000) / np.log(6.4)) / (bands + 1) * np.arange(bands + 2)


def low_pass() -> np.ndarray:
    """Log10 of the share of power in each band of musicnn that resampy's `kaiser_best` lets through (features/low_pass.rs)."""
    zeros, rolloff, beta = 64, 0.9475937167399596, 14.769656459379492
    time = np.linspace(-zeros, zeros, 128 * zeros + 1)
    kernel = rolloff * np.sinc(rolloff * time) * np.kaiser(len(time), beta) / 64
    mel = edges(96, 16_000)
    within = np.linspace(mel[:-2], mel[2:], 41)[1:-1]
    hz = np.where(within < 15, within * 200 / 3, 1000 * 6.4 ** ((within - 15) / 27))
    passed = (np.cos(np.pi / 8000 * hz[..., None] * time) @ kernel) ** 2
    return np.log10((passed * np.bartlett(41)[1:-1, None]).sum(axis=0) / np.bartlett(41).sum())


def mean_spectrum(data: Path, without_artists: set = frozenset()) -> list:
    """Mean log10 power of each of 96 bands."""
    sums, frames, ours, theirs = np.zeros(96), 0, edges(96, 16_000)[1:-1], edges(128, 22_050)[1:-1]
    for row in csv.DictReader((data / "gtzan-mel/tracks.csv").open()):
        if row["filtered_split"] != "train" or (row["artist"] or row["clip"]) in without_artists:
            continue
        levels = (np.load(data / "gtzan-mel" / row["path"]) + 0.5 - 256) * float(row["db_step"]) / 10
        power = 10 ** np.apply_along_axis(lambda frame: np.interp(ours, theirs, frame), 0, levels)
        for start in range(0, power.shape[1] - WINDOW_FRAMES + 1, WINDOW_FRAMES):
            window = power[:, start:start + WINDOW_FRAMES]
            sums += np.log10(np.maximum(window * MEAN_POWER / window.mean(), LEAST)).sum(axis=1)
            frames += WINDOW_FRAMES
    return [round(float(level), 3) for level in sums / frames + low_pass()]


if __name__ == "__main__":
    with changed(MODEL) as header:
        header["head"]["mean_spectrum"] = mean_spectrum(Path(sys.argv[1]))
