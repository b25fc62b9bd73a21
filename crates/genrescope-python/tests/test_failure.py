"""What goes wrong is an exception, never the end of the process."""

import numpy as np
import pytest

import genrescope
from genrescope import _genrescope


def test_a_panic_is_an_exception():
    with pytest.raises(genrescope.GenrescopeError, match="internal error: on purpose"):
        _genrescope._panic_for_tests()


def test_errors_are_of_pythons_kinds_and_say_why(broken, tmp_path):
    classifier = genrescope.Classifier()
    with pytest.raises(genrescope.GenrescopeError, match="broken.mp3") as failure:
        classifier.predict([broken])
    assert failure.value.kind == "unsupported_format"
    with pytest.raises(FileNotFoundError, match="absent.wav"):
        genrescope.load(tmp_path / "absent.wav")
    with pytest.raises(OSError, match="is a folder"):
        genrescope.load(tmp_path)
    with pytest.raises(genrescope.GenrescopeError, match="no model is called"):
        genrescope.Classifier("none")
    with pytest.raises(ValueError, match="tags"):
        genrescope.Classifier("musicnn")
    with pytest.raises(TypeError, match="expected a path"):
        classifier.predict(17 * [None])
    with pytest.raises(ValueError, match="hop"):
        genrescope.feature.rms(y=np.zeros(10, np.float32), hop_length=0)


@pytest.mark.parametrize("samples", [0, 1, 100])
def test_little_audio_is_no_panic(samples):
    y = np.ones(samples, np.float32)
    assert genrescope.effects.hpss(y)[0].shape == (samples,)
    for feature in genrescope.feature.__all__:
        result = getattr(genrescope.feature, feature)(y=y)
        assert np.isfinite(result).all(), feature
    with pytest.raises(genrescope.GenrescopeError) as failure:
        genrescope.Classifier().predict((y, 22_050))
    assert failure.value.kind == "too_short"
