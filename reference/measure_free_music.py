"""What `genrescope classify` makes of free music, by package; writes experiments/free-music/result.json and answers.csv.

    pip install -r reference/requirements-music-gate.txt
    python reference/measure_free_music.py BINARY COMMIT PACKAGES

PACKAGES is a folder with Debian packages unpacked, each below its name (apt-get download NAME; dpkg -x NAME.deb PACKAGES/NAME).
Where the genres of the music are among the ten, the share of answers that are one of them is counted.
"""

import csv
import json
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import soundfile

ROOT = Path(__file__).parent.parent
OUT = ROOT / "experiments/free-music"
MODELS = ["fast", "best"]
SHORTEST_S = 20  # shorter files of games are effects
PACKAGES = {  # what it is, and which of the ten genres fit
    "fretsonfire-songs-muldjord": ("metal", ["metal"]),
    "fretsonfire-songs-sectoid": ("metal and hard rock", ["metal", "rock"]),
    "wesnoth-1.16-music": ("orchestra, mostly of samplers", ["classical"]),
    "nexuiz-music": ("electronic, industrial", []),
    "warzone2100-music": ("electronic, ambient", []),
    "singularity-music": ("electronic, ambient", []),
    "hyperrogue-music": ("ambient of many kinds", []),
    "planetblupi-music-ogg": ("a synthesiser's folk and light music", []),
    "extremetuxracer-data": ("electronic, pop", []),
    "frozen-bubble-data": ("electronic", []),
}


def gather(package: Path, folder: Path) -> None:
    """The recordings of a package in one folder; songs that come as two tracks are mixed."""
    folder.mkdir()
    for archive in package.rglob("*.pk3"):
        with zipfile.ZipFile(archive) as files:
            for name in files.namelist():
                if name.endswith(".ogg"):
                    (folder / Path(name).name).write_bytes(files.read(name))
    for path in sorted(package.rglob("*.o[gp][gu]*")):
        guitar = path.with_name("guitar.ogg")
        if not guitar.exists():
            (folder / path.name).symlink_to(path)
        elif path.name == "song.ogg":
            (song, rate_hz), (solo, _) = (soundfile.read(track, always_2d=True) for track in (path, guitar))
            length = min(len(song), len(solo))
            soundfile.write(folder / f"{path.parent.name}.wav", 0.5 * (song[:length] + solo[:length]), rate_hz)


def judged(binary: str, folder: Path, model: str) -> dict:
    """Answers by recording; what is too short is left out."""
    run = subprocess.run([binary, "classify", folder, "--model", model, "--format", "jsonl"], capture_output=True, text=True)
    records = [record for record in map(json.loads, run.stdout.splitlines()) if "error" not in record]
    return {Path(record["path"]).name: record for record in records if record["duration_s"] >= SHORTEST_S}


def of_package(answers: dict, genres: list) -> dict:
    words = Counter(record["genre"] or record["reason"] for record in answers.values())
    fitting = {"fitting_percent": round(100 * sum(words[genre] for genre in genres) / len(answers), 1)} if genres else {}
    return {"recordings": len(answers), **fitting, "answers": dict(words.most_common())}


def main() -> None:
    binary, commit, packages = sys.argv[1], sys.argv[2], Path(sys.argv[3]).resolve()
    rows, found = [], {}
    with TemporaryDirectory() as folder:
        for name, (what, genres) in PACKAGES.items():
            gather(packages / name, Path(folder, name))
            answers = {model: judged(binary, Path(folder, name), model) for model in MODELS}
            found[name] = {"what": what, "genres": genres,
                           **{model: of_package(answers[model], genres) for model in MODELS}}
            for recording in sorted(answers["fast"].keys() & answers["best"].keys()):
                both = [answers[model][recording] for model in MODELS]
                rows.append([name, recording, round(both[0]["duration_s"])]
                            + [value for r in both for value in (r["genre"], r["reason"], r["scores"][0]["score"] if r["scores"] else "")])
    OUT.mkdir(exist_ok=True)
    result = {"schema": "genrescope.free-music/1", "made_by": "reference/measure_free_music.py", "commit": commit, "packages": found}
    (OUT / "result.json").write_text(json.dumps(result, indent=2) + "\n")
    with (OUT / "answers.csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["package", "recording", "seconds", *(f"{model} {field}" for model in MODELS for field in ("genre", "reason", "score"))])
        table.writerows(rows)


if __name__ == "__main__":
    main()
