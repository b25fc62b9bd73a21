"""Writes crates/genrescope/tests/golden/mel_*.json: librosa's numbers for synthesised sound.

    pip install -r reference/requirements.txt && python reference/make_golden.py
"""

import librosa
import numpy as np

from golden_file import sampled, write
from synthesis import sound

NOISE_LEVEL = 0.05

#        name                     rate    n_fft hop   bands padding     samples
CASES = [
    ("constant_hop_512",          22_050, 2048, 512,  128, "constant", 33_075),
    ("reflect_hop_512",           22_050, 2048, 512,  128, "reflect",  33_075),
    ("constant_hop_1708",         22_050, 2048, 1708, 128, "constant", 66_150),
    ("constant_hop_1024",         22_050, 2048, 1024, 128, "constant", 40_001),
    ("constant_16_khz",           16_000, 2048, 512,  128, "constant", 32_000),
    ("reflect_16_khz_n_fft_512",  16_000, 512,  160,  40,  "reflect",  16_000),
    ("hop_longer_than_window",    22_050, 512,  1024, 64,  "reflect",  22_050),
    ("odd_window",                22_050, 1023, 300,  64,  "constant", 11_025),
    ("reflect_shorter_than_half", 22_050, 2048, 512,  128, "reflect",  700),
    ("constant_one_sample",       22_050, 2048, 512,  128, "constant", 1),
]


def mel_case(name, rate, n_fft, hop, bands, padding, samples) -> dict:
    power = librosa.feature.melspectrogram(
        y=sound(rate, samples, NOISE_LEVEL), sr=rate, n_fft=n_fft, hop_length=hop, n_mels=bands, power=2.0,
        pad_mode=padding,
    ).T
    return {
        "name": name, "sample_rate_hz": rate, "n_fft": n_fft, "hop_samples": hop, "mel_bands": bands,
        "padding": padding, "samples": samples, "noise_level": NOISE_LEVEL, "frames": power.shape[0],
        "power": sampled(power),
        "db_of_maximum_top_80": sampled(librosa.power_to_db(power, ref=np.max, amin=1e-10, top_db=80)),
        "db_of_one_top_30": sampled(librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=30)),
        "db_of_one_top_none": sampled(librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None)),
    }


def filter_bank_case(rate, n_fft, bands) -> dict:
    weights = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=bands)
    return {"sample_rate_hz": rate, "n_fft": n_fft, "mel_bands": bands, "bins": weights.shape[1],
            "band_sum": [float(f"{v:.9g}") for v in weights.sum(axis=1, dtype=np.float64)],
            "first_bin": [int(np.argmax(row > 0)) for row in weights],
            "last_bin": [int(len(row) - 1 - np.argmax(row[::-1] > 0)) for row in weights],
            "peak": [float(f"{v:.9g}") for v in weights.max(axis=1)]}


write("mel_spectrogram.json", __file__, [mel_case(*case) for case in CASES])
write("mel_filter_bank.json", __file__, [filter_bank_case(*c) for c in [(22_050, 2048, 128), (16_000, 512, 40), (44_100, 1023, 64)]])
hz = [0.0, 60.0, 440.0, 999.9, 1000.0, 1000.1, 3000.0, 6400.0, 11_025.0, 22_050.0]
write("mel_scale.json", __file__, [{"hz": f, "mel": float(librosa.hz_to_mel(f))} for f in hz])
