"""librosa's names give librosa's numbers: the goldens are those of the Rust tests, made by librosa."""

import inspect
import json

import numpy as np
import pytest
from conftest import RATE_HZ, REPOSITORY, music

from genrescope import effects, feature

CASES = json.loads((REPOSITORY / "crates/genrescope/tests/golden/features.json").read_text())["cases"]
CASE = next(case for case in CASES if case["name"] == "music" and case["padding"] == "constant")


@pytest.fixture(scope="module")
def y():
    return music(RATE_HZ, CASE["samples"])


def assert_golden(found, golden):
    flat = found.T.ravel()
    expected = np.array(golden["value"])
    np.testing.assert_allclose(flat[golden["index"]], expected, rtol=1e-4, atol=1e-5 * abs(golden["maximum"]))


@pytest.mark.parametrize(
    "name",
    ["chroma_stft", "rms", "zero_crossing_rate", "spectral_centroid", "spectral_bandwidth", "spectral_rolloff", "mfcc"],
)
def test_features_are_those_of_librosa(y, name):
    found = getattr(feature, name)(y=y)
    rows = {"chroma_stft": 12, "mfcc": 20}.get(name, 1)
    assert found.shape == (rows, CASE["frames"]) and found.dtype == np.float32
    assert_golden(found, CASE[name])


def test_tempo_and_both_parts_are_those_of_librosa(y):
    np.testing.assert_allclose(feature.tempo(y=y), [CASE["tempo"]], rtol=1e-6)
    for part, name in zip(effects.hpss(y), ["harmonic", "percussive"], strict=True):
        assert_golden(part, CASE[name])


def test_float64_is_taken_and_stereo_is_not(y):
    np.testing.assert_allclose(feature.rms(y=y.astype(np.float64)), feature.rms(y=y))
    with pytest.raises(TypeError, match="mono"):
        feature.rms(y=np.zeros((2, 100), np.float32))


def test_signatures_have_librosas_names_and_defaults():
    parameters = inspect.signature(feature.melspectrogram).parameters
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    defaults.pop("pad_mode")
    assert defaults == {"y": inspect.Parameter.empty, "sr": 22_050, "n_fft": 2048, "hop_length": 512, "n_mels": 128}
