"""Heads keep scikit-learn's conventions, and learn."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from genrescope.heads import FeatureVectors, GenreHead


@parametrize_with_checks([GenreHead(), GenreHead(balanced=True)])
def test_the_head_passes_scikit_learns_checks(estimator, check):
    check(estimator)


def vectors(n=200, columns=7):
    random = np.random.default_rng(3)
    genres = np.array(["blues", "jazz", "rock"])[random.integers(0, 3, n)]
    centres = {"blues": 0.0, "jazz": 0.7, "rock": -0.7}
    X = random.normal(0, 1, (n, columns)) * 10 ** np.arange(columns) + 5
    X[:, 0] += [centres[genre] for genre in genres]
    return X, genres


@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
def test_the_minimum_is_that_of_scikit_learns_logistic_regression(C):
    X, genres = vectors()
    theirs = make_pipeline(StandardScaler(), LogisticRegression(C=C, tol=1e-8, max_iter=2000)).fit(X, genres)
    ours = GenreHead(C=C).fit(X, genres)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4)


def test_a_pipeline_learns_genres_from_recordings(songs):
    genres = ["chords", "noise", "tone"]
    for name in ("mfcc", "embedding"):
        pipeline = make_pipeline(FeatureVectors(name), GenreHead()).fit(songs, genres)
        assert list(pipeline.predict(songs)) == genres
        assert pipeline.predict_proba(songs[:1]).shape == (1, 3)
        assert list(pipeline.classes_) == sorted(genres)
