"""librosa's features by its names; arrays are ``[bands, frames]``, float32."""

from ._genrescope import (
    chroma_stft,
    melspectrogram,
    mfcc,
    rms,
    spectral_bandwidth,
    spectral_centroid,
    spectral_rolloff,
    tempo,
    zero_crossing_rate,
)

__all__ = [
    "chroma_stft",
    "melspectrogram",
    "mfcc",
    "rms",
    "spectral_bandwidth",
    "spectral_centroid",
    "spectral_rolloff",
    "tempo",
    "zero_crossing_rate",
]
