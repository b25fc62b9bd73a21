"""Trains the head of ten genres on the mean tags of musicnn, puts it into crates/genrescope/models/musicnn.safetensors
and writes experiments/tags/result.json.

    pip install -r reference/requirements-musicnn.txt
    python reference/train_tags_head.py ../shared/data COMMIT FOLDS SETTINGS BINARY

It learns from the published taggrams of the training part of the fault-filtered split; feature and penalty are chosen by
cross-validation in folds that share no artist. FOLDS is what `genrescope evaluate SETTINGS --out FOLDS` wrote, with the
settings by which the network inside was chosen (experiments/choice): with its judgements of the tracks that each fold's
network did not hear, the head's share of the joined answers is chosen and they are cross-validated in the same folds, each
with the share that the other folds choose; BINARY fits to them what their scores mean. No test part is read.
"""

import csv
import json
import subprocess
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.preprocessing import StandardScaler

from mean_spectrum import MEAN_POWER, MODEL, mean_spectrum
from model_header import changed

ROOT = Path(__file__).parent.parent
GENRES = ["blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock"]
TRANSFORMS = {"none": lambda x: x, "root": np.sqrt, "log": lambda x: np.log(x + 1e-3)}
PENALTIES = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0]  # scikit-learn's C: larger is weaker
SEEDS = [0, 1, 2]  # of the folds
SHARES = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8]  # of the head beside the network
POWERS = np.linspace(0.5, 2.5, 21)  # one over the temperature, while a share is chosen
LEAST_SCORE = 1e-7  # as in model/joined.rs
FOREIGN = "electronic"  # music of this tag is none of the genres
LOST = 0.02  # of the tracks that it learns from may be taken for it


def tracks(data: Path) -> list:
    """(clip, genre, artist, mean tags) of the 443 clips; one without a known artist is an artist of its own."""
    rows = {row["clip"]: row for row in csv.DictReader((data / "gtzan-mel/tracks.csv").open())}
    taggrams = np.load(data / "musicnn-taggram/training_data_GTZAN_MSDmusicnn_taggram.npz")
    windows, genres, clips = taggrams["X"], taggrams["Y"], taggrams["IDS"]
    found = []
    for identity in sorted(set(clips.tolist())):
        chosen, clip = clips == identity, identity.split("/")[1].removesuffix(".au")
        artist = rows[clip]["artist"] if clip in rows else ""
        found.append((clip, int(genres[chosen][0]), artist or clip, windows[chosen].mean(axis=0, dtype=np.float64)))
    return found


def fit(features, genres, penalty):
    """Weights [genres, tags] and biases on tags as they are: the scaling is multiplied in."""
    scaler = StandardScaler().fit(features)
    warnings.simplefilter("error", ConvergenceWarning)
    regression = LogisticRegression(C=penalty, max_iter=5000).fit(scaler.transform(features), genres)
    weights = regression.coef_ / scaler.scale_
    return weights, regression.intercept_ - weights @ scaler.mean_


def scores(head, features):
    logits = features @ head[0].T + head[1]
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def joined(network, head, share, power=1.0):
    logs = power * ((1 - share) * np.log(np.maximum(network, LEAST_SCORE)) + share * np.log(np.maximum(head, LEAST_SCORE)))
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def log_loss(out, genres):
    return float(-np.log(np.maximum(out[np.arange(len(genres)), genres], LEAST_SCORE)).mean())


def best_share(network, head, genres):
    """The share with the least log-loss, at the temperature that suits it."""
    return min(SHARES, key=lambda share: min(log_loss(joined(network, head, share, power), genres) for power in POWERS))


def cross_validated(features, genres, artists, penalty, seed):
    out = np.zeros((len(genres), len(GENRES)))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    for learn, test in folds.split(features, genres, artists):
        out[test] = scores(fit(features[learn], genres[learn], penalty), features[test])
    return out


def interval(right, artists) -> list:
    """95 % of draws of artists, percent."""
    groups = [right[artists == name] for name in sorted(set(artists))]
    random = np.random.default_rng(1)
    draws = [np.concatenate([groups[i] for i in random.integers(len(groups), size=len(groups))]).mean()
             for _ in range(2000)]
    return [round(100 * bound, 2) for bound in np.percentile(draws, [2.5, 97.5])]


def figures(out, genres, artists) -> dict:
    right = out.argmax(axis=1) == genres
    return {
        "tracks": len(genres), "artists": len(set(artists)), "accuracy_percent": round(100 * right.mean(), 2),
        "interval_percent": interval(right, artists),
        "log_loss": round(log_loss(out, genres), 4),
        "recall_percent": {name: round(100 * right[genres == g].mean(), 2) for g, name in enumerate(GENRES)},
    }


def choose(tags, genres, artists):
    """Accuracy, percent, of every feature and penalty, the mean over seeds; and the best."""
    table = []
    for name, transform in TRANSFORMS.items():
        for penalty in PENALTIES:
            rights = [cross_validated(transform(tags), genres, artists, penalty, seed).argmax(axis=1) == genres
                      for seed in SEEDS]
            table.append({"transform": name, "c": penalty, "accuracy_percent": round(100 * np.mean(rights), 2)})
    return table, max(table, key=lambda row: row["accuracy_percent"])


def joined_figures(folder: Path, settings: str, binary: str, found: list, penalty: float) -> dict:
    """The head and the network of each fold, both ignorant of its tracks, alone and joined."""
    index = {clip: i for i, (clip, _, _, _) in enumerate(found)}
    tags, genres = np.array([t[3] for t in found]), np.array([t[1] for t in found])
    network, head, folds = np.zeros((len(found), 10)), np.zeros((len(found), 10)), np.full(len(found), -1)
    for fold, path in enumerate(sorted(folder.glob("fold-*.json"))):
        judged = {index[track["id"]]: track["scores"] for track in json.loads(path.read_text())["tracks"]
                  if track["id"] in index}
        test = np.array(sorted(judged))
        learn = np.setdiff1d(np.arange(len(found)), test)
        assert not {found[i][2] for i in test} & {found[i][2] for i in learn}, "an artist on both sides"
        network[test] = [judged[i] for i in test]
        head[test] = scores(fit(tags[learn], genres[learn], penalty), tags[test])
        folds[test] = fold
    seen, artists, together = folds >= 0, np.array([t[2] for t in found]), np.zeros_like(head)
    for fold in set(folds[seen]):
        test, others = folds == fold, seen & (folds != fold)
        share = best_share(network[others], head[others], genres[others])
        together[test] = joined(network[test], head[test], share)
    of = lambda out: figures(out[seen], genres[seen], artists[seen])
    certainty = fitted(folder, settings, binary, {clip: together[i] for clip, i in index.items() if seen[i]})
    shares = {str(share): of(joined(network, head, share))["accuracy_percent"] for share in SHARES}
    return {"network": of(network), "head": of(head), "joined": of(together), "certainty": certainty,
            "share": best_share(network[seen], head[seen], genres[seen]), "accuracy_percent_by_share": shares}


def fitted(folder: Path, settings: str, binary: str, answers: dict) -> dict:
    """What the scores of joined answers mean, as `genrescope evaluate` fits it to the folds that they are of."""
    with TemporaryDirectory() as out:
        for path in folder.glob("fold-*.json"):
            fold = json.loads(path.read_text())
            fold["tracks"] = [{**track, "scores": [float(f"{score:.3e}") for score in answers[track["id"]]]}
                              for track in fold["tracks"] if track["id"] in answers]
            fold.pop("segment_answers", None)
            Path(out, path.name).write_text(json.dumps(fold))
        subprocess.run([binary, "evaluate", settings, "--out", out, "--collect"], check=True, capture_output=True)
        return json.loads(Path(out, "result.json").read_text())["certainty"]


def foreign_music(tags: np.ndarray, genres: np.ndarray) -> dict:
    """Above which score of its tag a recording is taken for music that is none of the genres, and what that loses."""
    with changed(MODEL) as header:
        scores = tags[:, header["genres"].index(FOREIGN)]
    above = float(np.float32(f"{np.quantile(scores, 1 - LOST):.4g}"))
    lost = {genre: round(100 * float((scores[genres == i] > above).mean()), 1) for i, genre in enumerate(GENRES)}
    return {"tag": FOREIGN, "unsure_above": above, "lost_percent": round(100 * float((scores > above).mean()), 1),
            "lost_percent_by_genre": lost}


def put_in(head, share: float, spectrum: list, trained_on: dict, results: list, certainty: dict, foreign: dict) -> None:
    single = lambda values: [float(np.float32(f"{v:.7g}")) for v in values]
    fitted_on = f"{LOST:.0%} of {trained_on['tracks']} tracks of the ten genres score higher, {trained_on['data']}"
    with changed(MODEL) as header:
        header["head"] = {"genres": GENRES, "weights": [single(row) for row in head[0]], "bias": single(head[1]),
                          "share": share, "mean_power": MEAN_POWER, "mean_spectrum": spectrum, "trained_on": trained_on, "results": results,
                          "certainty": certainty,
                          "foreign": {key: foreign[key] for key in ("tag", "unsure_above")} | {"fitted_on": fitted_on}}


def main() -> None:
    data, commit, folds, settings, binary = Path(sys.argv[1]), *sys.argv[2:]
    found = tracks(data)
    tags, genres = np.array([t[3] for t in found]), np.array([t[1] for t in found])
    artists = np.array([t[2] for t in found])
    table, best = choose(tags, genres, artists)
    assert best["transform"] == "none", "the program's head takes tags as they are"
    penalty = best["c"]
    result = {
        "schema": "genrescope.tags/1", "data": "gtzan-mel, musicnn-taggram", "commit": commit,
        "protocol": "artist-grouped 5-fold cross-validation inside the training part of filtered",
        "chosen": best, "choices": table,
        "head": figures(cross_validated(tags, genres, artists, penalty, SEEDS[0]), genres, artists),
        "seed": SEEDS[0],
        "joined_with": f"residual, out of fold: {Path(settings).resolve().relative_to(ROOT.resolve())}",
        "foreign": foreign_music(tags, genres),
        "same_folds": joined_figures(Path(folds), settings, binary, found, penalty),
    }
    same_folds = result["same_folds"]
    measured, certainty = same_folds["joined"], same_folds["certainty"]["certainty"]
    certainty["fitted_on"] = f"{measured['tracks']} tracks, joined answers, artist-grouped folds of the training part"
    results = [{
        "protocol": "cross_validation (train)", "accuracy_percent": measured["accuracy_percent"],
        "interval": measured["interval_percent"], "tracks": measured["tracks"],
        "data": "gtzan-mel, musicnn-taggram", "seed": 1}]
    trained_on = {"data": "published taggrams of the training part of filtered, gtzan-mel's artists",
                  "tracks": len(found), "epochs": 0, "seed": 0, "settings": f"C = {penalty}, tags standardised"}
    put_in(fit(tags, genres, penalty), same_folds["share"], mean_spectrum(data), trained_on, results, certainty, result["foreign"])
    out = ROOT / "experiments/tags/result.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({key: result[key] for key in ("chosen", "head", "same_folds")}))


if __name__ == "__main__":
    main()
