"""Trains what tells music from other sound and puts it into crates/genrescope/models/fast.safetensors.

    pip install -r reference/requirements-music-gate.txt; apt-get install espeak-ng
    python reference/train_music_gate.py BINARY ../shared/data COMMIT

Music are the training and validation parts of the fault-filtered split, in other keys and with empty bands as well; what is
no music is made by not_music.py, speech by espeak-ng. The strength of the regression is chosen by leaving kinds of sound
and fifths of the artists out. No test part is read.
"""

import csv
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import not_music
from model_header import changed

ROOT = Path(__file__).parent.parent
MODEL = ROOT / "crates/genrescope/models/fast.safetensors"
PATCH, FLOOR_DB = 128, -60.0
EMBEDDING, BANDS = 256, 128
SHORTEST = 13  # frames: one second
OF_EACH_KIND, OF_SPEECH = 100, 800
PENALTIES = [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1]  # scikit-learn's C: larger is weaker


class Network:
    """The model as two ONNX files: samples → levels, levels → embedding."""

    def __init__(self, binary: str, folder: Path):
        self.levels = self.session(binary, folder / "samples.onnx", ["--with-front-end"], "mel.prepared2")
        self.embedding = self.session(binary, folder / "levels.onnx", [], "scores.read")
        self.samples = self.levels.get_inputs()[0].shape[1]

    @staticmethod
    def session(binary, path, options, output):
        subprocess.run([binary, "export", "fast", "-o", path, *options], check=True)
        model = onnx.load(path)
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(output))
        return onnxruntime.InferenceSession(model.SerializeToString())

    def patch(self, samples):
        """[bands, frames], dB under the loudest cell."""
        return self.levels.run(["mel.prepared2"], {"samples": samples[None, :self.samples]})[0][0]

    def values(self, levels):
        """What the gate reads of a patch: as in model/music.rs."""
        embedding = self.embedding.run(["scores.read"], {"mel": levels[None]})[0][0]
        changes = np.abs(np.diff(levels, axis=1)).mean(axis=1)
        return np.concatenate([embedding, levels.mean(axis=1), levels.std(axis=1), changes])


def rereferenced(levels):
    return np.maximum(levels - levels.max(), FLOOR_DB).astype(np.float32)


def shortened(rng, levels):
    """Half of the patches are shorter, down to a second."""
    if rng.random() < 0.5:
        return levels
    frames = rng.integers(SHORTEST, PATCH)
    start = rng.integers(0, levels.shape[1] - frames + 1)
    return rereferenced(levels[:, start:start + frames])


def varied(rng, levels):
    """In other keys, tilted, without its upper bands: no two readings of a clip are the same."""
    levels = np.roll(levels, shift := rng.integers(-3, 4), axis=0)
    levels[:max(shift, 0)] = levels[128 + min(shift, 0):] = FLOOR_DB
    levels = levels + np.linspace(0, rng.uniform(-10, 10), 128)[:, None]
    if rng.random() < 0.25:
        levels[rng.integers(84, 128):] = -200
    return rereferenced(levels)


def music(data: Path, network: Network):
    """Rows and the artist of each: three stretches of every clip, each as it is and varied."""
    rng, rows, artists = np.random.default_rng(1), [], []
    for track in csv.DictReader((data / "gtzan-mel/tracks.csv").open()):
        if track["filtered_split"] not in ("train", "valid"):
            continue
        quantised = np.load(data / "gtzan-mel" / track["path"]).astype(np.float32)
        levels = (quantised + 0.5 - 256) * float(track["db_step"])
        for start in (0, 129, 258):
            patch = rereferenced(levels[:, start:start + PATCH])
            for one in (shortened(rng, patch), shortened(rng, varied(rng, patch.copy()))):
                rows.append(network.values(one))
                artists.append(track["artist"] or track["clip"])
    return np.array(rows), np.array(artists)


def other_sound(network: Network):
    """Rows and the kind of each; each as it is and, like music, varied: empty bands alone say nothing."""
    rng, rows, kinds = np.random.default_rng(2), [], []
    made = [(name, not_music.made(maker, seed)) for name, maker in not_music.LEARNT.items() for seed in range(OF_EACH_KIND)]
    spoken = (("speech", not_music.espeak(seed)) for seed in range(OF_SPEECH))
    for kind, samples in [*made, *spoken]:
        patch = network.patch(samples)
        for one in (shortened(rng, patch), shortened(rng, varied(rng, patch.copy()))):
            rows.append(network.values(one))
            kinds.append(kind)
    return np.array(rows), np.array(kinds)


def fit(music, other, kinds, penalty):
    """Weights and bias on values as they are; music weighs as much as speech and all other kinds together."""
    rows = np.concatenate([music, other])
    truth = np.concatenate([np.ones(len(music)), np.zeros(len(other))])
    speech = np.concatenate([np.zeros(len(music), bool), kinds == "speech"])
    groups = [truth == 1, (truth == 0) & speech, (truth == 0) & ~speech]
    weights = sum(group * share * len(rows) / max(group.sum(), 1) for group, share in zip(groups, (0.5, 0.25, 0.25)))
    scaler = StandardScaler().fit(rows)
    regression = LogisticRegression(C=penalty, max_iter=5000).fit(scaler.transform(rows), truth, weights)
    coefficients = regression.coef_[0] / scaler.scale_
    return coefficients, float(regression.intercept_[0] - coefficients @ scaler.mean_)


def left_out(music, artists, other, kinds, penalty):
    """Shares: of unheard artists that are lost, of each unheard kind that is caught."""
    names = np.unique(artists)
    np.random.default_rng(0).shuffle(names)
    lost = []
    for part in np.array_split(names, 5):
        out = np.isin(artists, part)
        weights, bias = fit(music[~out], other, kinds, penalty)
        lost.extend(music[out] @ weights + bias < 0)
    caught = {}
    for kind in np.unique(kinds):
        weights, bias = fit(music, other[kinds != kind], kinds[kinds != kind], penalty)
        caught[str(kind)] = round(100 * float(np.mean(other[kinds == kind] @ weights + bias < 0)), 1)
    return {"c": penalty, "lost_percent": round(100 * float(np.mean(lost)), 2), "caught_percent_of_kind_left_out": caught}


def put_in(weights, bias, trained_on):
    single = lambda value: float(np.float32(f"{value:.6g}"))
    with changed(MODEL) as header:
        header["music"] = {"weights": [single(w) for w in weights], "bias": single(bias), "trained_on": trained_on}


def main() -> None:
    binary, data, commit = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    with TemporaryDirectory() as folder:
        network = Network(binary, Path(folder))
        (heard, artists), (other, kinds) = music(data, network), other_sound(network)
    table = [left_out(heard, artists, other, kinds, penalty) for penalty in PENALTIES]
    score = lambda row: np.mean(list(row["caught_percent_of_kind_left_out"].values())) - 5 * row["lost_percent"]
    best = max(table, key=score)
    weights, bias = fit(heard, other, kinds, best["c"])
    assert len(weights) == EMBEDDING + 3 * BANDS, "a channel of the embedding is dead, and was not exported"
    trained_on = f"{len(heard)} stretches of gtzan-mel (filtered, train+valid); {len(other)} of noise, tones, applause and espeak-ng"
    put_in(weights, bias, trained_on)
    result = {"schema": "genrescope.music-gate-training/1", "made_by": "reference/train_music_gate.py", "commit": commit,
              "data": trained_on, "chosen": best["c"], "choices": table}
    out = ROOT / "experiments/music-gate/training.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
