"""Sounds that are no music, each from a seed: what the music gate learns from, and others that it is measured on.

Every maker takes a random generator and a number of samples at 22,050 Hz.
"""

import random
import re
import subprocess
from pathlib import Path

import numpy as np
import scipy.signal as signal

RATE = 22050  # espeak-ng's as well
WAV_HEADER_BYTES = 44
SECONDS = 12
LICENCES = Path("/usr/share/common-licenses")  # texts to be read aloud, on every Debian
LANGUAGES = ["en-us", "en-gb", "de", "fr-fr", "es", "it", "pt", "nl", "pl", "ru", "sv", "tr", "el", "cs", "fi", "hu", "ro",
             "da", "hi", "cmn", "ja", "ar", "ko", "vi", "id", "sw"]
VOICES = ["f1", "f2", "f3", "f4", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "Alicia", "Andy", "Annie",
          "belinda", "benjamin", "david", "Denis", "ed", "Gene", "Jacky", "john", "linda", "marcelo", "max", "Michael",
          "quincy", "rob", "steph", "zac", "anika", "grandpa", "grandma", "klatt", "klatt4", "croak", "whisper", "whisperf"]


def power(rng, low, high):
    return 10 ** rng.uniform(low, high)


def band_pass(x, low, high):
    return signal.sosfilt(signal.butter(2, [low, min(high, 10500)], "band", fs=RATE, output="sos"), x)


def coloured(rng, n, slope):
    """Noise whose power rises with frequency to `slope`: 0 white, -1 pink, -2 brown."""
    spectrum, f = np.fft.rfft(rng.standard_normal(n)), np.fft.rfftfreq(n, 1 / RATE)
    spectrum[0] = 0
    spectrum[1:] *= (f[1:] / 1000) ** (slope / 2)
    x = np.fft.irfft(spectrum, n)
    return x / x.std()


def swell(rng, n, rate_hz):
    """0 to 1, a new random height `rate_hz` times a second."""
    heights = rng.uniform(0, 1, int(n / RATE * rate_hz) + 3)
    return np.interp(np.arange(n) / RATE * rate_hz, np.arange(len(heights)), heights)


def room(rng, x, seconds):
    echo = rng.standard_normal(int(RATE * seconds)) * np.exp(-np.linspace(0, 7, int(RATE * seconds)))
    echo[0] = 3
    y = signal.fftconvolve(x, echo)[:len(x)]
    return y / (y.std() + 1e-9)


def noise(rng, n):
    x = coloured(rng, n, rng.uniform(-2.5, 1))
    if rng.random() < 0.5:
        low = power(rng, 1.7, 3.3)
        x = band_pass(x, low, low * 2 ** rng.uniform(0.5, 6))
    return x * swell(rng, n, power(rng, -0.5, 1)) if rng.random() < 0.4 else x


def sweep(rng, n):
    period = n / RATE / rng.integers(1, 9)
    x = signal.chirp(np.arange(n) / RATE % period, power(rng, 1.5, 4), period, power(rng, 1.5, 4), rng.choice(["linear", "logarithmic"]))
    return x + power(rng, -4, -1) * rng.standard_normal(n)


def tones(rng, n):
    t = np.arange(n) / RATE
    x = sum(rng.uniform(0.2, 1) * np.sin(2 * np.pi * power(rng, 1.6, 3.9) * t) for _ in range(rng.integers(1, 4)))
    x = x * (swell(rng, n, rng.uniform(1, 8)) > 0.5) if rng.random() < 0.4 else x
    return x + power(rng, -4, -1.5) * rng.standard_normal(n)


def hum(rng, n):
    t, f = np.arange(n) / RATE, rng.choice([50, 60, 100, 120, 400])
    x = sum(rng.uniform(0, 1) / k * np.sin(2 * np.pi * f * k * t) for k in range(1, rng.integers(2, 30)))
    return x + power(rng, -3, 0) * coloured(rng, n, -1)


def clicks(rng, n):
    rate = power(rng, -0.3, 1.5)
    steps = rng.exponential(RATE / rate, int(rate * n / RATE * 2) + 5) if rng.random() < 0.6 else np.full(n // 100, RATE / rate)
    at = np.cumsum(steps).astype(int)
    at = at[at < n]
    x = np.zeros(n)
    x[at] = rng.uniform(0.2, 1, len(at))
    click = rng.standard_normal(int(RATE * power(rng, -3.5, -1.5)) + 2)
    x = signal.fftconvolve(x, click * np.exp(-np.linspace(0, 6, len(click))))[:n]
    return x / (x.std() + 1e-9) + power(rng, -4, -1) * coloured(rng, n, -1)


def applause(rng, n):
    x = np.zeros(n)
    for _ in range(rng.integers(8, 120)):
        period, k = rng.uniform(0.18, 0.35), np.arange(int(0.02 * RATE))
        f = rng.uniform(700, 2600)
        clap = band_pass(np.exp(-k / (RATE * rng.uniform(0.002, 0.006))) * rng.standard_normal(len(k)), f * 0.6, f * 1.7)
        time = rng.uniform(0, period)
        while time < n / RATE - 0.03:
            x[int(time * RATE):int(time * RATE) + len(k)] += rng.uniform(0.1, 1) * clap
            time += period * rng.uniform(0.9, 1.1)
    return room(rng, x / x.std(), rng.uniform(0.2, 1.2)) * (0.3 + 0.7 * swell(rng, n, 0.3))


def rain(rng, n):
    drops = (rng.random(n) < rng.uniform(0.001, 0.03)) * rng.exponential(1, n)
    drop = rng.standard_normal(60) * np.exp(-np.linspace(0, 5, 60))
    return signal.fftconvolve(drops, drop)[:n] + power(rng, -2, 0) * coloured(rng, n, rng.uniform(-1, 0))


def engine(rng, n):
    phase = np.cumsum(rng.uniform(20, 120) * (1 + 0.3 * (swell(rng, n, 0.7) - 0.5))) / RATE
    x = sum(rng.uniform(0.2, 1) / k**0.7 * np.sin(2 * np.pi * k * phase) for k in range(1, 25))
    return x / x.std() + rng.uniform(0.05, 1) * coloured(rng, n, -1)


def siren(rng, n):
    period, t = rng.uniform(0.6, 5), np.arange(n) / RATE
    f = rng.uniform(500, 900) * 2 ** (rng.uniform(0.3, 1) * signal.sawtooth(2 * np.pi * t / period, rng.choice([0.5, 1])))
    return np.tanh(3 * np.sin(2 * np.pi * np.cumsum(f) / RATE)) + power(rng, -3, -0.7) * coloured(rng, n, -1)


def surf(rng, n):
    return coloured(rng, n, rng.uniform(-1.5, -0.5)) * (0.05 + swell(rng, n, rng.uniform(0.15, 0.4)) ** 2)


def dialling(rng, n):
    x, t = np.zeros(n), np.arange(int(0.12 * RATE)) / RATE
    for start in range(0, n - len(t), int(RATE * rng.uniform(0.18, 0.5))):
        x[start:start + len(t)] = sum(np.sin(2 * np.pi * f * t) for f in (rng.choice([697, 770, 852, 941]), rng.choice([1209, 1336, 1477])))
    return x + power(rng, -4, -1.5) * rng.standard_normal(n)


def morse(rng, n):
    unit = int(RATE * rng.uniform(0.04, 0.1))
    keys = np.repeat(np.concatenate([[1] * rng.choice([1, 3]) + [0] * rng.choice([1, 3]) for _ in range(n // unit)]), unit)[:n]
    return keys * np.sin(2 * np.pi * rng.uniform(400, 1200) * np.arange(n) / RATE) + power(rng, -3, -1) * rng.standard_normal(n)


def footsteps(rng, n):
    x, k = np.zeros(n), np.arange(int(0.15 * RATE))
    for start in range(0, n - len(k), int(RATE * rng.uniform(0.4, 0.8))):
        at = start + rng.integers(0, 800)
        step = band_pass(rng.standard_normal(len(k)), rng.uniform(60, 300), rng.uniform(900, 5000)) * np.exp(-k / (RATE * 0.03))
        x[at:at + len(k)] += (rng.uniform(0.5, 1) * step)[:n - at]
    return room(rng, x / x.std(), rng.uniform(0.1, 0.6)) + power(rng, -3, -1) * coloured(rng, n, -1)


def birds(rng, n):
    x = np.zeros(n)
    for _ in range(rng.integers(5, 60)):
        k = np.arange(int(RATE * rng.uniform(0.04, 0.25)))
        f = rng.uniform(2000, 6000) * 2 ** (rng.uniform(-0.6, 0.6) * k / len(k) + 0.1 * np.sin(2 * np.pi * rng.uniform(10, 50) * k / RATE))
        at = rng.integers(0, n - len(k))
        x[at:at + len(k)] += rng.uniform(0.1, 1) * np.hanning(len(k)) * np.sin(2 * np.pi * np.cumsum(f) / RATE)
    return x / x.std() + power(rng, -2.5, -0.5) * coloured(rng, n, -1)


LEARNT = {maker.__name__: maker for maker in (noise, sweep, tones, hum, clicks, applause, rain, engine)}
UNHEARD = {maker.__name__: maker for maker in (siren, surf, dialling, morse, footsteps, birds)}


def levelled(rng, x):
    """Peak between -30 and -0.5 dB of full scale."""
    return (x / (np.abs(x).max() + 1e-9) * power(rng, -1.5, -0.025)).astype(np.float32)


def made(maker, seed):
    rng = np.random.default_rng(seed)
    return levelled(rng, maker(rng, SECONDS * RATE))


def sentences():
    text = "".join((LICENCES / name).read_text() for name in ("GPL-3", "Artistic", "Apache-2.0"))
    return re.findall(r"[A-Z][^.!?\n]{30,200}[.!?]", text)


def recorded(x, seed):
    """Speech as it may be recorded: repeated to length, a room, noise, a telephone, another tone colour."""
    rng, n = np.random.default_rng(seed), SECONDS * RATE
    x = np.tile(x, -(-n // len(x)))[:n]
    x = x / (x.std() + 1e-9)
    if rng.random() < 0.4:
        x = 0.5 * x + 0.5 * room(rng, x, rng.uniform(0.1, 1.5))
    if rng.random() < 0.5:
        low = power(rng, 1.8, 3.5)
        x = x + rng.uniform(-0.7, 3) * band_pass(x, low, low * 2 ** rng.uniform(0.5, 3))
    if rng.random() < 0.25:
        x = band_pass(x, 300, 3400)
    if rng.random() < 0.6:
        x = x + x.std() * power(rng, -3, -0.7) * coloured(rng, n, rng.uniform(-2, 0))
    return levelled(rng, x)


def espeak(seed):
    chosen = random.Random(seed)
    while True:
        voice = f"{chosen.choice(LANGUAGES)}+{chosen.choice(VOICES)}"
        speed, pitch, liveliness = chosen.randint(110, 220), chosen.randint(15, 85), chosen.randint(20, 99)
        text = f'<prosody range="{liveliness}">' + " ".join(chosen.sample(sentences(), 4)) + "</prosody>"
        command = ["espeak-ng", "-m", "-v", voice, "-s", str(speed), "-p", str(pitch), "--stdout", text]
        spoken = subprocess.run(command, capture_output=True)
        if spoken.returncode == 0:  # a few pairs of language and voice crash it
            break
    x = np.frombuffer(spoken.stdout[WAV_HEADER_BYTES:], "<i2") / 32768
    # Spoken faster and higher, or slower and lower: longer and shorter throats.
    return recorded(signal.resample_poly(x, 10, chosen.choice([9, 10, 11, 12])), seed)
