"""Writes crates/genrescope/tests/golden/statistics.json: numbers of scikit-learn, scipy and statsmodels.

    pip install -r reference/requirements-statistics.txt && python reference/make_statistics_golden.py
"""

import json
import platform
from pathlib import Path

import numpy as np
import scipy
import scipy.stats
import sklearn
import statsmodels
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, confusion_matrix, log_loss, precision_recall_fscore_support
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

OUT = Path(__file__).parent.parent / "crates/genrescope/tests/golden/statistics.json"
SEED = 6
BINS = 10

random = np.random.default_rng(SEED)


def answers(name: str, count: int, genres: int, skill: float) -> dict:
    """Made-up scores that find the true genre better the more skill there is, and what they come to."""
    truth = random.integers(genres, size=count)
    logits = random.normal(size=(count, genres))
    logits[np.arange(count), truth] += skill
    scores = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    scores = scores.round(5).astype(np.float32)
    scores[:, 0] += 1 - scores.sum(1)
    exact = scores.astype(np.float64)
    predicted, confidence = scores.argmax(1), exact.max(1)
    right = predicted == truth
    labels = list(range(genres))
    precision, recall, f1, support = precision_recall_fscore_support(truth, predicted, labels=labels, zero_division=0)
    accuracies, confidences = calibration_curve(right, confidence, n_bins=BINS, strategy="uniform")
    occupied = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], confidence)
    counts = np.bincount(occupied, minlength=BINS)
    filled = np.flatnonzero(counts)
    return {
        "name": name,
        "truth": truth.tolist(),
        "scores": [[float(f"{v:.8g}") for v in row] for row in scores],
        "confusion": confusion_matrix(truth, predicted, labels=labels).tolist(),
        "precision": precision.tolist(), "recall": recall.tolist(), "f1": f1.tolist(), "support": support.tolist(),
        "bins": filled.tolist(), "confidences": confidences.tolist(), "accuracies": accuracies.tolist(),
        "counts": counts[filled].tolist(),
        "expected_error": float((counts[filled] * abs(confidences - accuracies)).sum() / count),
        "brier": float(brier_score_loss(truth, exact, labels=labels, scale_by_half=False)),
        "log_loss": float(log_loss(truth, exact, labels=labels)),
    }


def paired(name: str, differences: list, test_over_train: float) -> dict:
    """The paired t of scipy, its variance scaled as Nadeau and Bengio (2003) say."""
    count = len(differences)
    t = scipy.stats.ttest_1samp(differences, 0).statistic / np.sqrt(1 + count * test_over_train)
    p = 2 * scipy.stats.t.sf(abs(t), count - 1)
    return {"name": name, "differences": differences, "test_over_train": test_over_train, "t": float(t), "p": float(p)}


def discordant(only_first: int, only_second: int) -> dict:
    test = mcnemar([[10, only_first], [only_second, 10]], exact=True)
    return {"only_first": only_first, "only_second": only_second, "p": float(test.pvalue)}


def family(p: list) -> dict:
    return {"p": p, "corrected": multipletests(p, method="holm")[1].tolist()}


golden = {
    "generated_by": f"reference/{Path(__file__).name}",
    "versions": {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__,
                 "scikit-learn": sklearn.__version__, "statsmodels": statsmodels.__version__},
    "seed": SEED,
    "answers": [answers("ten genres", 120, 10, 2.0), answers("three genres, nothing learnt", 30, 3, 0.0)],
    "paired": [paired(f"{count} folds", random.normal(0.6, 0.9, count).round(3).tolist(), ratio)
               for count, ratio in [(2, 0.5), (3, 1 / 7), (4, 0.5), (10, 1 / 7), (30, 1 / 9)]],
    "mcnemar": [discordant(*pair) for pair in [(0, 0), (1, 0), (3, 9), (12, 12), (41, 68), (700, 500)]],
    "holm": [family([0.01, 0.04, 0.03, 0.005]), family([0.9, 0.8, 0.02]), family([0.001] * 3), family([0.2])],
}
OUT.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
