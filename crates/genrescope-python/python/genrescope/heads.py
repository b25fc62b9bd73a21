"""Classifiers of your own genres, after scikit-learn's conventions: ``pip install genrescope[learn]``.

>>> head = make_pipeline(FeatureVectors("gtzan57"), GenreHead()).fit(paths, genres)
>>> head.predict(["song.mp3"])
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ._genrescope import embedding, feature_names, features

__all__ = ["FeatureVectors", "GenreHead"]

# Numbers of `embedding`.
_EMBEDDING = 200


class FeatureVectors(TransformerMixin, BaseEstimator):
    """Recordings to feature vectors: a list of n recordings becomes float64 ``[n, columns]``.

    Parameters
    ----------
    set : {"embedding", "gtzan57", "gtzan55", "mel46", "mfcc", "mel"}
        Which numbers: musicnn's embedding, or audio features.
    threads : int, optional
        How many recordings are decoded at once; all cores unless given.
    """

    def __init__(self, set="embedding", threads=None):
        self.set = set
        self.threads = threads

    def fit(self, X, y=None):
        """Learns nothing."""
        return self

    def __sklearn_is_fitted__(self):
        return True

    def transform(self, X):
        """Decodes and computes, several recordings at once; the first that fails raises its error."""
        one = embedding if self.set == "embedding" else lambda recording: features(recording, set=self.set)
        with ThreadPoolExecutor(self.threads or os.cpu_count()) as pool:
            rows = list(pool.map(one, X))
        return np.array(rows).reshape(len(rows), len(self.get_feature_names_out()))

    def get_feature_names_out(self, input_features=None):
        """Names of the columns."""
        if self.set == "embedding":
            return np.array([f"embedding_{n}" for n in range(1, _EMBEDDING + 1)], dtype=object)
        return np.array(feature_names(self.set), dtype=object)


class GenreHead(ClassifierMixin, BaseEstimator):
    """scikit-learn's logistic regression on standardised vectors, as small as what stands on musicnn's tags in ``best``.

    Parameters
    ----------
    C : float
        Inverse strength of the penalty on weights.
    balanced : bool
        Whether every genre counts the same, however many examples it has.
    max_iter : int
        Most steps of its solver.

    Attributes
    ----------
    classes_ : genres in the order of the scores, ``[genres]``
    n_iter_ : steps that were taken
    regression_ : the fitted pipeline of StandardScaler and LogisticRegression
    """

    def __init__(self, C=1.0, balanced=False, max_iter=1000):
        self.C = C
        self.balanced = balanced
        self.max_iter = max_iter

    def fit(self, X, y):
        """Learns from vectors ``[n, columns]`` and their genres ``[n]``."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        weights = "balanced" if self.balanced else None
        regression = LogisticRegression(C=self.C, class_weight=weights, max_iter=self.max_iter, tol=1e-8)
        self.regression_ = make_pipeline(StandardScaler(), regression).fit(X, y)
        self.classes_, self.n_iter_ = regression.classes_, int(regression.n_iter_.max())
        return self

    def _checked(self, X):
        check_is_fitted(self)
        return validate_data(self, X, dtype=np.float64, reset=False)

    def decision_function(self, X):
        """Logits, ``[n, genres]``; of two classes the difference, ``[n]``."""
        X = self._checked(X)
        return self.regression_.decision_function(X)

    def predict_proba(self, X):
        """Scores, ``[n, genres]``, rows sum to 1."""
        X = self._checked(X)
        return self.regression_.predict_proba(X)

    def predict(self, X):
        """Genres, ``[n]``."""
        X = self._checked(X)
        return self.regression_.predict(X)
