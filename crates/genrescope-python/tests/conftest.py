"""What the tests share: synthesised recordings, and the program that answers have to equal."""

import json
import os
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(REPOSITORY / "reference"))

from synthesis import music  # noqa: E402

RATE_HZ = 22_050


def write_wav(path, y, rate_hz=RATE_HZ):
    """16-bit mono."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate_hz, 0, "NONE", ""))
        file.writeframes((np.clip(y, -1, 1) * 32_767).astype("<i2").tobytes())
    return str(path)


@pytest.fixture(scope="session")
def songs(tmp_path_factory):
    """Three recordings that sound different, of 6 to 12 s."""
    folder = tmp_path_factory.mktemp("songs")
    y = music(RATE_HZ, 12 * RATE_HZ)
    noise = np.random.default_rng(1).normal(0, 0.1, 6 * RATE_HZ)
    tone = 0.3 * np.sin(2 * np.pi * 220 * np.arange(8 * RATE_HZ) / RATE_HZ)
    sounds = {"chords": y, "noise": noise, "tone": tone}
    return [write_wav(folder / f"{name}.wav", sound) for name, sound in sounds.items()]


@pytest.fixture(scope="session")
def silence(tmp_path_factory):
    return write_wav(tmp_path_factory.mktemp("silence") / "silence.wav", np.zeros(5 * RATE_HZ))


@pytest.fixture(scope="session")
def broken(tmp_path_factory):
    path = tmp_path_factory.mktemp("broken") / "broken.mp3"
    path.write_bytes(b"these are only words " * 50)
    return str(path)


@pytest.fixture(scope="session")
def program():
    """Runs `genrescope …`: (stdout, exit code)."""
    binary = os.environ.get("GENRESCOPE_BINARY")
    if not binary:
        pytest.skip("GENRESCOPE_BINARY names no program to compare with")

    def run(*arguments):
        done = subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def records(program, songs, silence):
    """What `genrescope classify` says of the songs and of silence."""
    return json.loads(program("classify", "--format", "json", "--timeline", *songs, silence))
