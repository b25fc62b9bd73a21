"""The sound that goldens and test recordings are made of; `tests/support/mod.rs` has the same formula."""

import numpy as np

SEED = 20_220


def noise(samples: int, seed: int = SEED) -> np.ndarray:
    """Uniform in [-1, 1) by the generator x <- 1664525 x + 1013904223 mod 2^32 (Numerical Recipes)."""
    state, out = seed, np.empty(samples)
    for n in range(samples):
        state = (1_664_525 * state + 1_013_904_223) % 2**32
        out[n] = state / 2**31 - 1
    return out


def sound(rate_hz: int, samples: int, noise_level: float) -> np.ndarray:
    """Two sines, a chirp from 100 Hz to 7 kHz and noise, float32."""
    t = np.arange(samples) / rate_hz
    duration_s = samples / rate_hz
    chirp = np.sin(2 * np.pi * (100 * t + (7000 - 100) * t * t / (2 * duration_s)))
    sines = 0.4 * np.sin(2 * np.pi * 440 * t) + 0.2 * np.sin(2 * np.pi * 1318.51 * t)
    return (sines + 0.2 * chirp + noise_level * noise(samples)).astype(np.float32)


def music(rate_hz: int, samples: int) -> np.ndarray:
    """Chords of decaying notes, 0.237 semitones sharp, and a stroke of noise twice a second; float32."""
    t = np.arange(samples) / rate_hz
    beat = np.floor(t / 0.5)
    since = t - 0.5 * beat
    root = np.array([0, 5, 7, 3])[beat.astype(int) % 4]
    chord = sum(np.sin(2 * np.pi * 440 * 2 ** ((root + note - 12 + 0.237) / 12) * t) for note in (0, 4, 7))
    white = noise(samples)
    return (0.2 * np.exp(-3 * since) * chord + (0.3 * np.exp(-40 * since) + 0.002) * white).astype(np.float32)
