"""Evaluations under experiments/, as other scripts here read them, and tests between two of them."""

import json
import math
import random

MISSING = "not run"
DRAWS = 2000


class Run:
    """One evaluation: what its protocol measures, and who was right on what. `only` is the one fold that counts."""

    def __init__(self, folder, only=None):
        self.folder, self.only = folder, only
        path = folder / "result.json"
        self.result = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def __bool__(self):
        return self.result is not None

    @property
    def of_segments(self):
        return self.result["protocol"] == "segment"

    @property
    def measured(self):
        return self.result["segments" if self.of_segments else "pooled"]

    @property
    def accuracy(self):
        if not self:
            return None
        if self.only is None:
            return self.measured["accuracy_percent"]
        right = self.right().values()
        return 100 * sum(right) / len(right)

    @property
    def folds(self):
        """Number of each that is run, and its accuracy."""
        return {path.stem.removeprefix("fold-"): fold_accuracy(self.judged(path)) for path in self.paths()} if self else {}

    @property
    def validation(self):
        values = [fold.get("valid_accuracy_percent") for fold in self.result["folds"]]
        return mean(values) if values and None not in values else None

    def paths(self):
        return sorted(self.folder.glob("fold-*.json" if self.only is None else f"fold-{self.only}.json"))

    def judged(self, path):
        fold = json.loads(path.read_text(encoding="utf-8"))
        return {
            one["id"]: bool(one["scores"]) and one["scores"].index(max(one["scores"])) == one["genre"]
            for one in fold["segments" if self.of_segments else "tracks"]
        }

    def right(self):
        """Name of every measured thing, and whether it is judged rightly."""
        return {name: right for path in self.paths() for name, right in self.judged(path).items()}

    def __str__(self):
        if not self:
            return MISSING
        low, high = self.measured["interval_percent"]
        folds = f"; {len(self.folds)} folds" if len(self.folds) > 1 else ""
        return f"{self.accuracy:.1f} ({low:.1f} to {high:.1f}{folds})"


def fold_accuracy(judged):
    return 100 * sum(judged.values()) / len(judged)


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def mcnemar(first, second):
    """Exact and two-sided, on what both have measured: p, only first right, only second right."""
    if not (first and second):
        return None
    a, b = first.right(), second.right()
    both = a.keys() & b.keys()
    only = [sum(a[i] and not b[i] for i in both), sum(b[i] and not a[i] for i in both)]
    tosses = sum(only)
    tail = sum(math.comb(tosses, k) for k in range(min(only) + 1))
    return (min(1.0, 2 * tail / 2**tosses), *only) if both else None


def drawn_difference(first, second):
    """Accuracy of the first over that of the second on what both measured, points: value, 95 % interval, two-sided p; songs
    are drawn with replacement, for segments of one are not independent."""
    if not (first and second):
        return None
    a, b = first.right(), second.right()
    songs = {}
    for name in sorted(a.keys() & b.keys()):
        gained, count = songs.get(name.split("#")[0], (0, 0))
        songs[name.split("#")[0]] = (gained + a[name] - b[name], count + 1)
    rng, songs = random.Random(1), list(songs.values())
    found = []
    for _ in range(DRAWS):
        drawn = rng.choices(songs, k=len(songs))
        found.append(100 * sum(gained for gained, _ in drawn) / sum(count for _, count in drawn))
    found.sort()
    p = 2 * min(sum(d <= 0 for d in found), sum(d >= 0 for d in found)) / DRAWS
    value = 100 * sum(gained for gained, _ in songs) / sum(count for _, count in songs)
    return value, found[DRAWS // 40], found[-DRAWS // 40], min(1.0, max(p, 1 / DRAWS))


def corrected_t(first, second, test_over_train):
    """The corrected resampled t-test (Nadeau and Bengio 2003) of three folds: mean difference in points and p."""
    pairs = [first.folds[fold] - second.folds[fold] for fold in first.folds.keys() & second.folds.keys()]
    if len(pairs) != 3:
        return None
    middle = mean(pairs)
    variance = sum((one - middle) ** 2 for one in pairs) / 2
    t = middle / math.sqrt((1 / 3 + test_over_train) * variance)
    return middle, 1 - abs(t) / math.sqrt(2 + t * t)    # Student's t of two degrees of freedom


def holm(tests):
    order = sorted(tests, key=tests.get)
    highest, raised = 0.0, {}
    for rank, name in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * tests[name]))
        raised[name] = highest
    return raised
