"""How well the timeline finds where one piece ends and the next begins; needs ffmpeg.

Tracks are spliced from clips of known genres, neighbours of different ones, each 12 to 30 s long. A boundary is found when
`genrescope classify --format audacity` has one within the tolerance; each counts once. Precision, recall and F are over the
boundaries of all tracks. `delay_s`: quartiles of found minus true, over boundaries found within 3 s.

usage: measure_changes.py BINARY FOLDER_OF_GENRE_FOLDERS OUT.json COMMIT [TRACKS]
"""

import json
import random
import statistics
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

RATE_HZ, CLIPS, SEED = 22_050, 6, 7
LENGTHS_S = (12, 30)
TOLERANCES_S = (0.5, 3.0)
SETTINGS = [
    ("patch hop a quarter of the patch", []),
    ("patch hop 1 s", ["--patch-hop", "1"]),
    ("patch hop 0.5 s", ["--patch-hop", "0.5"]),
    ("patch hop 0.5 s, smoothing 5 s", ["--patch-hop", "0.5", "--smoothing", "5"]),
    ("patch 5 s, hop 0.5 s", ["--patch", "4.96", "--patch-hop", "0.5"]),
    ("patch 5 s, hop 0.5 s, smoothing 5 s", ["--patch", "4.96", "--patch-hop", "0.5", "--smoothing", "5"]),
]


def samples(path, seconds):
    command = ["ffmpeg", "-v", "error", "-i", path, "-t", str(seconds), "-ac", "1", "-ar", str(RATE_HZ), "-f", "s16le", "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def spliced(genres, draw, out):
    """Writes a track; the seconds at which its pieces change."""
    boundaries, at_samples, last = [], 0, None
    with wave.open(str(out), "wb") as track:
        track.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        for _ in range(CLIPS):
            last = draw.choice([genre for genre in genres if genre != last])
            sound = samples(draw.choice(genres[last]), round(draw.uniform(*LENGTHS_S), 2))
            track.writeframes(sound)
            at_samples += len(sound) // 2
            boundaries.append(at_samples / RATE_HZ)
    return boundaries[:-1]


def found(binary, track, options):
    command = [binary, "classify", "--format", "audacity", *options, track]
    labels = subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
    return [float(line.split("\t")[0]) for line in labels[1:]]


def matched(true, guessed, tolerance_s):
    """Found minus true, s, of as many pairs as can be made within the tolerance: both are in order, the first that fits."""
    delays, free = [], list(guessed)
    for boundary in true:
        fits = next((guess for guess in free if abs(guess - boundary) <= tolerance_s), None)
        if fits is not None:
            free.remove(fits)
            delays.append(fits - boundary)
    return delays


def measured(tracks, binary, options):
    guesses = [found(binary, path, options) for path, _ in tracks]
    true_count, guess_count = sum(len(true) for _, true in tracks), sum(map(len, guesses))
    row = {"boundaries": true_count, "found": guess_count}
    for tolerance_s in TOLERANCES_S:
        delays = [delay for (_, true), guess in zip(tracks, guesses) for delay in matched(true, guess, tolerance_s)]
        precision, recall = len(delays) / max(guess_count, 1), len(delays) / true_count
        f = 2 * precision * recall / max(precision + recall, 1e-9)
        row[f"within_{tolerance_s}_s"] = {"precision": round(precision, 3), "recall": round(recall, 3), "f": round(f, 3)}
    row["delay_s"] = [round(quartile, 2) for quartile in statistics.quantiles(delays, n=4)]
    return row


def main(binary, folder, out, commit, count="20"):
    folders = sorted(path for path in Path(folder).iterdir() if path.is_dir())
    genres = {path.name: sorted(path.iterdir()) for path in folders}
    draw = random.Random(SEED)
    with tempfile.TemporaryDirectory() as scratch:
        tracks = [(Path(scratch) / f"{number}.wav",) for number in range(int(count))]
        tracks = [(path, spliced(genres, draw, path)) for (path,) in tracks]
        rows = {name: measured(tracks, binary, options) for name, options in SETTINGS}
    result = {
        "schema": "genrescope.changes/1",
        "data": Path(folder).resolve().name,
        "commit": commit,
        "tracks": int(count),
        "clips_a_track": CLIPS,
        "lengths_s": LENGTHS_S,
        "seed": SEED,
        "note": "the model learned from most of these clips: their genres, not where they are spliced",
        "settings": rows,
    }
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    Path(out).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
