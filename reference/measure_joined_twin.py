"""How the joined model judges music that neither of its parts learned from, as audio and in other recordings; writes
experiments/twin/joined.csv.

    pip install -r reference/requirements-musicnn.txt
    cargo build --release --example joined
    python reference/measure_joined_twin.py target/release/examples/joined TWIN ../shared/data RECORDINGS

TWIN is the folder of the network that learned from nothing of the artists of gtzan-mini (experiments/default-model), with
its model.safetensors; RECORDINGS is of reference/make_recordings.py. The head is fitted anew without those artists; its
penalty and share are the shipped ones. Answers are kept in TWIN/joined: what is there is not heard again.
"""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from mean_spectrum import mean_spectrum
from model_header import changed
from train_tags_head import GENRES, MODEL, ROOT, fit, interval, tracks


def heard(command: list, folder: Path, kept: Path) -> dict:
    """Scores of the genres, by clip."""
    if not kept.exists():
        lines = subprocess.run([*command, folder], capture_output=True, check=True, text=True).stdout
        kept.write_text(lines)
    return {Path(record["path"]).stem: record["scores"] for record in map(json.loads, kept.read_text().splitlines())}


def tags_of_twin(data: Path, artists: set, path: Path) -> Path:
    """musicnn with a head that learned from nothing of these artists."""
    learned = [track for track in tracks(data) if track[2] not in artists]
    shutil.copy(MODEL, path)
    with changed(path) as header:
        penalty = float(header["head"]["trained_on"]["settings"].split(",")[0].removeprefix("C = "))
        weights, bias = fit(np.array([t[3] for t in learned]), np.array([t[1] for t in learned]), penalty)
        header["head"] |= {"weights": weights.tolist(), "bias": bias.tolist(), "mean_spectrum": mean_spectrum(data, artists)}
    return path


def main() -> None:
    binary, (twin, data, recordings) = sys.argv[1], map(Path, sys.argv[2:5])
    rows = {row["clip"]: row for row in csv.DictReader((data / "gtzan-mel/tracks.csv").open())}
    clips = sorted(path.stem for path in (data / "gtzan-mini").rglob("*.flac"))
    artists = np.array([rows[clip]["artist"] or clip for clip in clips])
    truth = np.array([GENRES.index(clip.split(".")[0]) for clip in clips])
    kept = twin / "joined"
    kept.mkdir(exist_ok=True)
    command = [binary, twin / "model.safetensors", tags_of_twin(data, set(artists), kept / "tags.safetensors")]
    folders = {"as they are": data / "gtzan-mini"} | {path.name: path for path in sorted(recordings.iterdir()) if path.is_dir()}
    with (ROOT / "experiments/twin/joined.csv").open("w", newline="") as file:
        table, plain = csv.writer(file, lineterminator="\n"), None
        table.writerow(["recordings", "tracks", "accuracy_percent", "low", "high", "kept_percent"])
        for name, folder in folders.items():
            answers = heard(command, folder, kept / f"{name}.jsonl")
            found = np.array([np.argmax(answers[clip]) if answers[clip] else -1 for clip in clips])
            plain = found if plain is None else plain
            right = found == truth
            table.writerow([name, len(clips), round(100 * right.mean(), 2), *interval(right, artists), round(100 * (found == plain).mean(), 2)])


if __name__ == "__main__":
    main()
