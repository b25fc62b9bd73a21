"""experiments/README.md from the results beside it: what the claims of both sources come to, one by one.

    python3 reference/make_experiments_readme.py target/release/genrescope experiments > experiments/README.md

Every number comes from a result.json, fold-K.json, transposition.csv, speed.csv or published.csv of that folder; what was
not run says so. The words about what numbers cannot decide are here.
"""

import csv
import json
import math
import subprocess
import sys
from pathlib import Path

BINARY, ROOT = sys.argv[1], Path(sys.argv[2])
MISSING = "not run"
MODES = {
    "audio A": [f"audio-a{n}" for n in "1234"],
    "audio B": [f"audio-b{n}" for n in "1234"],
    "vision": [f"vision-{n}" for n in "edcba"],
    "two-way A": [f"two-way-a{n}" for n in "1234"],
    "two-way B": [f"two-way-b{n}" for n in "1234"],
}
ALL = [name for names in MODES.values() for name in names]
SHALLOW = ["v-kernel", "v-kernel-l2", "crnn", "bicrnn"]


def rows(path):
    return list(csv.DictReader(path.open(encoding="utf-8"))) if path.exists() else []


class Run:
    """One evaluation: what its protocol measures, and who was right on what."""

    def __init__(self, name):
        self.folder = ROOT / name
        path = self.folder / "result.json"
        self.result = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def __bool__(self):
        return self.result is not None

    @property
    def measured(self):
        segments = self.result["protocol"] == "segment"
        return self.result["segments"] if segments else self.result["pooled"]

    @property
    def accuracy(self):
        return self.measured["accuracy_percent"] if self else None

    @property
    def folds(self):
        return [fold["accuracy_percent"] for fold in self.result["folds"]] if self else []

    @property
    def validation(self):
        values = [fold.get("valid_accuracy_percent") for fold in self.result["folds"]]
        return mean(values) if values and None not in values else None

    def right(self):
        """Name of every measured thing, and whether it is judged rightly."""
        said = {}
        for path in sorted(self.folder.glob("fold-*.json")):
            fold = json.loads(path.read_text(encoding="utf-8"))
            for one in fold.get("segments" if self.result["protocol"] == "segment" else "tracks", []):
                scores = one["scores"]
                said[one["id"]] = bool(scores) and scores.index(max(scores)) == one["genre"]
        return said

    def __str__(self):
        if not self:
            return MISSING
        low, high = self.measured["interval_percent"]
        return f"{self.accuracy:.1f} ({low:.1f} to {high:.1f})"


def mean(values):
    return sum(values) / len(values)


def number(value, form=".2f"):
    return MISSING if value is None else format(value, form)


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


def holm(tests):
    order = sorted(tests, key=tests.get)
    highest, raised = 0.0, {}
    for rank, name in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * tests[name]))
        raised[name] = highest
    return raised


def chance(test):
    return "" if test is None else f"{test[0]:.3f} ({test[1]} to {test[2]})"


def table(head, lines):
    print("| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
    for line in lines:
        print("| " + " | ".join(str(cell) for cell in line) + " |")
    print()


def section(title, *words):
    print(f"## {title}\n")
    for one in words:
        print(one + "\n")


def behind(runs):
    counts = sorted({len(run.folds) for run in runs if run})
    seeds = sorted({run.result["seed"] for run in runs if run})
    if not counts:
        return "Nothing of it is run."
    folds = " or ".join(str(count) for count in counts)
    return f"Behind each number: folds {folds}, seed {', '.join(map(str, seeds))}."


def source_1(published):
    networks = {name: Run(f"mlfi/segment/mlfi-{name}") for name in ["benchmark", *ALL]}
    benchmark = networks["benchmark"]

    two = ["mlfi-benchmark", "mlfi-two-way-b2"]
    kinds = ["none", "mel", "features", "both"]
    runs = {(n, k): Run(f"normalisation/segment/{n}-{k}") for n in two for k in kinds}
    section(
        "Source 1, claim 0: normalising the inputs made the difference",
        "Published: 93.65 of the paper, which normalised nothing, against 95.26. Random segments, which leak. "
        + behind(runs.values()),
    )
    table(
        ["network", *kinds, "both against none: p, McNemar"],
        [[n, *(runs[n, k] for k in kinds), chance(mcnemar(runs[n, "both"], runs[n, "none"]))] for n in two],
    )
    print("It cannot say what else differed between the paper and source 1, nor by which statistics source 1 normalised.\n")

    section("Source 1: the 22 networks", "Random segments, which leak. " + behind(networks.values()))
    tests = {name: mcnemar(networks[name], benchmark) for name in ALL}
    raised = holm({name: test[0] for name, test in tests.items() if test})
    track, filtered = (
        {name: Run(f"mlfi/{protocol}/mlfi-{name}") for name in networks} for protocol in ("track", "filtered")
    )
    table(
        ["network", "published", "ours: segment", "against the benchmark: p, McNemar", "Holm", "ours: track", "ours: filtered"],
        [
            [name, number(published.get(name)), run, chance(tests.get(name)), number(raised.get(name), ".3f"), track[name], filtered[name]]
            for name, run in networks.items()
        ],
    )

    def mean_of(names, ours):
        values = [networks[n].accuracy if ours else published.get(n) for n in names]
        return None if None in values else mean(values)

    print("**(a) In audio mode places 1 and 4 beat 2 and 3**\n")
    pairs = {"1 and 4": "14", "2 and 3": "23"}
    names = {places: [f"audio-{m}{n}" for m in "ab" for n in of] for places, of in pairs.items()}
    table(["mean of", "published", "ours"], [[p, number(mean_of(n, False)), number(mean_of(n, True))] for p, n in names.items()])
    print("**(b) No such pattern in vision or two-way**\n")
    by_place = [("vision", ["vision-" + n]) for n in "edcba"] + [("two-way", [f"two-way-{m}{n}" for m in "ab"]) for n in "1234"]
    table(
        ["mode", "place", "published", "ours"],
        [[mode, n[0][-1], number(mean_of(n, False)), number(mean_of(n, True))] for mode, n in by_place],
    )
    print("**(c) Two-way has the best mean**\n")
    table(["mode", "published", "ours"], [[m, number(mean_of(n, False)), number(mean_of(n, True))] for m, n in MODES.items()])
    above = [n for n in ALL if networks[n] and benchmark and networks[n].accuracy > benchmark.accuracy]
    lasting = [n for n in above if raised.get(n, 1.0) < 0.05]
    done = sum(bool(networks[n]) for n in ALL)
    print(
        f"**(d) All 21 beat the benchmark**: of {done} that are run {len(above)} do, {len(lasting)} by more than chance "
        "after Holm's correction.\n"
    )
    seeds = [run for run in [benchmark] + [Run(f"mlfi/seed-{n}/mlfi-benchmark") for n in (2, 3)] if run]
    noise = [run.accuracy for run in seeds]
    gaps = [
        abs(networks[f"{mode}-a{n}"].accuracy - networks[f"{mode}-b{n}"].accuracy)
        for mode in ("audio", "two-way")
        for n in "1234"
        if networks[f"{mode}-a{n}"] and networks[f"{mode}-b{n}"]
    ]
    print(
        f"**(e) A against B may be chance**: mean difference of A and B at the same place {number(mean(gaps) if gaps else None)} "
        f"points; the benchmark with {len(noise)} seeds spreads over "
        f"{number(max(noise) - min(noise) if len(noise) > 1 else None)} points.\n"
    )
    print(
        "McNemar's test takes segments for independent, which segments of one song are not: its p are too small. Folds "
        "and the corrected resampled t-test are in `genrescope report`; with one fold there is none.\n"
    )


def source_2(parameters, milliseconds):
    runs = {(n, k): Run(f"shallow/filtered/{n}-{k}") for n in SHALLOW for k in ("C", "C_ps")}
    rivals = {
        **{n: runs[n, "C"] for n in SHALLOW},
        **{n: Run(f"shallow/filtered/{n}-C") for n in ("mlfi-benchmark", "bbnn", "residual")},
        "mlfi-benchmark, as source 1 trains it": Run("mlfi/filtered/mlfi-benchmark"),
        "bbnn, as its authors train it": Run("bbnn/filtered"),
    }
    section("Source 2, Q1: simple networks against deep ones", "Protocol filtered. " + behind(rivals.values()))
    table(
        ["network", "accuracy", "trained numbers", "ms a patch as published, one thread"],
        [[n, run, parameters.get(n.split(",")[0], ""), milliseconds.get(n.split(",")[0], MISSING)] for n, run in rivals.items()],
    )
    print(
        "One split, and one recipe for all but the last two, which see 2.9 s and whole clips: it does not show what each "
        "network could do with a recipe of its own.\n"
    )
    section("Source 2, Q2: what L2 normalisation does", "Claim: at most harmless.")
    table(
        ["learned from", "v-kernel", "v-kernel-l2", "p, McNemar"],
        [[k, runs["v-kernel", k], runs["v-kernel-l2", k], chance(mcnemar(runs["v-kernel", k], runs["v-kernel-l2", k]))] for k in ("C", "C_ps")],
    )
    section("Source 2, Q3: does learning a semitone higher as well help, and against transposition?", behind(runs.values()))
    table(
        ["network", "C", "C_ps", "p, McNemar"],
        [[n, runs[n, "C"], runs[n, "C_ps"], chance(mcnemar(runs[n, "C"], runs[n, "C_ps"]))] for n in SHALLOW],
    )
    print("The same clips in other keys, by their spectrograms, accuracy in percent:\n")
    keys = {key: {float(r["semitones"]): float(r["accuracy_percent"]) for r in rows(run.folder / "transposition.csv")} for key, run in runs.items()}
    steps = sorted({step for curve in keys.values() for step in curve})
    table(
        ["network", *(f"{step:+g}" for step in steps)],
        [[f"{n}, {k}", *(number(curve.get(step), ".1f") for step in steps)] for (n, k), curve in keys.items() if curve],
    )
    print("290 clips tell about five points apart: see the intervals in `transposition.csv`.\n")
    pretrained = {n: [runs[n, "C"], Run(f"pretraining/{n}")] for n in SHALLOW}
    section("Source 2, Q4: does pretraining on a simple data set help?")
    table(["network", "fresh", "pretrained"], [[n, *pair] for n, pair in pretrained.items()])


def leaks():
    pairs = {
        "segment": "random segments",
        "track": "random tracks",
        "filtered_random": "random tracks, sizes of filtered",
        "filtered": "filtered",
        "artist_random": "random tracks, sizes of artist",
        "artist": "artist",
    }
    kinds = {"crnn": "leak", "SVM, 46 features": "baselines/svm", "logistic regression, 46 features": "baselines/logistic",
             "SVM, 55 of clips": "baselines/svm-55", "logistic regression, 55 of clips": "baselines/logistic-55"}
    section("What each leak is worth", "Tracks right, percent; of random segments, segments.")
    table(["protocol", *kinds], [[words, *(Run(f"{folder}/{name}") for folder in kinds.values())] for name, words in pairs.items()])
    runs = {name: Run(f"bbnn/{name}") for name in ("splits", "filtered")}
    section("BBNN: validation and test side by side", "Published: 93.7, which is the validation mean of its authors' logs; their tests 91.1 and 91.3.")
    table(["protocol", "validation", "test"], [[n, number(run.validation if run else None, ".1f"), run] for n, run in runs.items()])


# Patches and tracks of gtzan-mel that a fold of `segment` learns from, and batches of them an epoch.
SEGMENTS, BATCH, EPOCHS, FOLDS, NETWORKS = 6993, 64, 50, 10, 22


def cost():
    races = json.loads((ROOT / "engine/training.json").read_text())
    steps = SEGMENTS // BATCH * EPOCHS * FOLDS * NETWORKS
    hours = lambda side: min(row["min_ms"] for name, row in race.items() if name.startswith(side)) * steps / 3.6e6
    lines = []
    for race in races["rows"]:
        if race["network"] == "mlfi-benchmark" and race["threads"] == 2:
            lines.append([race["frames"], f"{hours('genrescope'):.0f} hours", f"{hours('torch'):.0f} hours"])
    section("What 22 networks, 10 folds, 50 epochs take", f"As if each cost what `mlfi-benchmark` does, on two threads of {races['processor'].split('model name ')[1]}.")
    table(["frames of a patch", "here", "PyTorch " + races["torch"].split("+")[0]], lines)
    print(
        f"Extrapolated: {steps:,} steps of {BATCH} patches, each as long as its fastest (`engine/training.json`); "
        f"validation and measuring come on top. Making a batch takes {loading()} of the time of its step on one thread (`engine/loading.jsonl`).\n"
    )


def loading():
    """What making a batch costs beside the step that takes it: a line of the step, then one of each way of varying patches."""
    lines, shares = [json.loads(line) for line in (ROOT / "engine/loading.jsonl").read_text().splitlines()], {}
    for line in lines:
        step = line if "network" in line else step
        if "augment" in line:
            shares.setdefault(step["network"], []).append(f"{100 * line['ms'] / step['min_ms']:.1f} % ({line['augment']})")
    return "; ".join(f"of {network} {', '.join(found)}" for network, found in shares.items())


def main():
    published = {r["what"].removeprefix("mlfi-"): float(r["accuracy"]) for r in rows(ROOT / "published.csv") if r["what"].startswith("mlfi-")}
    milliseconds = {r["network"]: r["milliseconds"] for r in rows(ROOT / "speed/speed.csv")}
    listed = json.loads(subprocess.run([BINARY, "models", "--json"], capture_output=True, check=True).stdout)
    parameters = {model["name"]: f"{model['trainable']:,}" for model in listed}
    print("# What the claims of the sources come to\n")
    print(
        "Made by `reference/make_experiments_readme.py` from the results in this folder. Accuracy in percent with its 95 % "
        "interval by drawing artists (where artists are on both sides anyway: tracks) with replacement. Settings stand at "
        "the head of each `settings.toml`; the page of all figures is made by `genrescope report experiments`. Every "
        "reading of a test part is a row of `test-readings.csv`.\n"
    )
    source_1(published)
    source_2(parameters, milliseconds)
    leaks()
    cost()


main()
