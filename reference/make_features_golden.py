"""Writes crates/genrescope/tests/golden/features.json: librosa's audio features of synthesised sound, function by function.

    pip install -r reference/requirements.txt && python reference/make_features_golden.py

Constant padding is librosa's default of today. Reflecting padding is that of librosa <= 0.8, whose harmonic and percussive
parts end with the last whole hop.
"""

import librosa
import numpy as np

from golden_file import sampled, write
from synthesis import music, sound

RATE_HZ = 22_050
#        name                samples  silent from
CASES = [("music", 110_250, None), ("music", 30_001, 20_000), ("sound", 66_149, None)]


def signal(name: str, samples: int, silent_from: int | None) -> np.ndarray:
    y = music(RATE_HZ, samples) if name == "music" else sound(RATE_HZ, samples, 0.05)
    y[samples if silent_from is None else silent_from:] = 0
    return y


def parts(y: np.ndarray, padding: str) -> tuple[np.ndarray, np.ndarray]:
    if padding == "constant":
        return librosa.effects.hpss(y)
    separated = librosa.decompose.hpss(librosa.stft(y, pad_mode=padding))
    return tuple(librosa.util.fix_length(librosa.istft(part), size=len(y)) for part in separated)


def table_values(features: dict) -> list[float]:
    """Mean and variance of each, the tempo behind the first eight pairs: the columns of GTZAN's published table."""
    pairs = [(float(np.mean(v)), float(np.var(v))) for v in features.values()]
    return [x for pair in pairs for x in pair]


def case(name: str, samples: int, silent_from: int | None, padding: str) -> dict:
    y = signal(name, samples, silent_from)
    magnitude = np.abs(librosa.stft(y, pad_mode=padding))
    harmonic, percussive = parts(y, padding)
    kept_harmonic, kept_percussive = librosa.decompose.hpss(magnitude)
    db = librosa.power_to_db(librosa.feature.melspectrogram(S=magnitude**2, sr=RATE_HZ))
    onsets = librosa.onset.onset_strength(S=db, sr=RATE_HZ, aggregate=np.median)
    window = int(librosa.time_to_frames(8.0, sr=RATE_HZ, hop_length=512))
    tempo = float(np.atleast_1d(librosa.beat.beat_track(onset_envelope=onsets, sr=RATE_HZ)[0])[0])
    mfcc = librosa.feature.mfcc(S=db, n_mfcc=20)
    features = {
        "chroma_stft": librosa.feature.chroma_stft(S=magnitude**2, sr=RATE_HZ).T,
        "rms": librosa.feature.rms(y=y, pad_mode=padding),
        "spectral_centroid": librosa.feature.spectral_centroid(S=magnitude, sr=RATE_HZ),
        "spectral_bandwidth": librosa.feature.spectral_bandwidth(S=magnitude, sr=RATE_HZ),
        "spectral_rolloff": librosa.feature.spectral_rolloff(S=magnitude, sr=RATE_HZ),
        "zero_crossing_rate": librosa.feature.zero_crossing_rate(y),
        "harmonic": harmonic,
        "percussive": percussive,
    }
    return {
        "name": name, "samples": samples, "silent_from": silent_from, "padding": padding,
        "frames": magnitude.shape[1],
        "tuning": float(librosa.estimate_tuning(S=magnitude**2, sr=RATE_HZ)),
        "tempo": tempo,
        "magnitude": sampled(magnitude.T),
        "harmonic_magnitude": sampled(kept_harmonic.T),
        "percussive_magnitude": sampled(kept_percussive.T),
        **{key: sampled(value) for key, value in features.items()},
        "onset_strength": sampled(onsets),
        "tempogram": sampled(librosa.feature.tempogram(onset_envelope=onsets, sr=RATE_HZ, win_length=window).T),
        "mfcc": sampled(mfcc.T),
        "table": table_values(features) + [tempo] + table_values(dict(enumerate(mfcc))),
    }


write("features.json", __file__, [case(*c, padding) for c in CASES for padding in ("constant", "reflect")])
