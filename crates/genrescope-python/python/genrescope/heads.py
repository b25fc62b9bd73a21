"""Classifiers of your own genres, after scikit-learn's conventions: ``pip install genrescope[learn]``.

>>> head = make_pipeline(FeatureVectors("gtzan57"), GenreHead()).fit(paths, genres)
>>> head.predict(["song.mp3"])
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
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
    """A softmax on standardised vectors, as small as what stands on musicnn's tags in the model ``best``.

    Columns are standardised by the mean and deviation of what it is fitted on; a column that never changes counts
    nothing. The loss is the mean cross-entropy plus ``|weights|² / (2 · C · n)``; every fit ends in its one minimum.

    Parameters
    ----------
    C : float
        Inverse strength of the penalty on weights.
    balanced : bool
        Whether every genre counts the same, however many examples it has.
    max_iter : int
        Most steps of L-BFGS.

    Attributes
    ----------
    classes_ : genres in the order of the scores, ``[genres]``
    coef_, intercept_ : of the standardised columns, ``[genres, columns]`` and ``[genres]``
    mean_, scale_ : of the columns, ``[columns]``
    n_iter_ : steps that were taken
    """

    def __init__(self, C=1.0, balanced=False, max_iter=1000):
        self.C = C
        self.balanced = balanced
        self.max_iter = max_iter

    def fit(self, X, y):
        """Learns from vectors ``[n, columns]`` and their genres ``[n]``."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"only one class is there, {self.classes_[0]}; give examples of two genres or more")
        self.mean_, deviation = X.mean(axis=0), X.std(axis=0)
        self.scale_ = np.where(deviation > 1e-12 * (1 + np.abs(self.mean_)), deviation, np.inf)
        counts = np.bincount(numbers)
        weights = 1 / counts[numbers] if self.balanced else np.ones(len(y))
        targets = np.eye(len(counts))[numbers] * (weights / weights.sum())[:, None]
        self._minimise(self._standardised(X), targets)
        return self

    def _minimise(self, X, targets):
        genres, columns = targets.shape[1], X.shape[1]
        shares = targets.sum(axis=1, keepdims=True)
        penalty = 1 / (self.C * len(X))

        def loss(parameters):
            coef, intercept = self._parts(parameters, genres, columns)
            logits = X @ coef.T + intercept
            value = -(targets * log_softmax(logits, axis=1)).sum() + penalty / 2 * (coef**2).sum()
            slope = softmax(logits, axis=1) * shares - targets
            return value, np.concatenate([(slope.T @ X + penalty * coef).ravel(), slope.sum(axis=0)])

        start = np.zeros(genres * (columns + 1))
        options = {"maxiter": self.max_iter, "gtol": 1e-8, "ftol": 1e-14}
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
        self.coef_, self.intercept_ = self._parts(found.x, genres, columns)
        self.n_iter_ = max(found.nit, 1)

    @staticmethod
    def _parts(parameters, genres, columns):
        return parameters[: genres * columns].reshape(genres, columns), parameters[genres * columns :]

    def _standardised(self, X):
        return (X - self.mean_) / self.scale_

    def decision_function(self, X):
        """Logits, ``[n, genres]``; of two classes the difference, ``[n]``."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        logits = self._standardised(X) @ self.coef_.T + self.intercept_
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X):
        """Scores, ``[n, genres]``, rows sum to 1."""
        logits = self.decision_function(X)
        return softmax(np.stack([0 * logits, logits], axis=1) if logits.ndim == 1 else logits, axis=1)

    def predict(self, X):
        """Genres, ``[n]``."""
        logits = self.decision_function(X)
        numbers = (logits > 0).astype(int) if logits.ndim == 1 else logits.argmax(axis=1)
        return self.classes_[numbers]
