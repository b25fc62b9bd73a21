"""How well `genrescope classify` tells music from other sound; writes experiments/music-gate/result.json.

    pip install -r reference/requirements-music-gate.txt; apt-get install flite
    python reference/measure_music_gate.py BINARY COMMIT ../shared/data/gtzan-mini PACKAGES

PACKAGES is a folder with Debian packages unpacked, each below its name (apt-get download NAME; dpkg -x NAME.deb PACKAGES/NAME):
people who speak letters and syllables (klettres-data) and sentences (pocketsphinx-testdata), and music of games.
Kinds of sound that the gate learnt from are made from other seeds; the speech it learnt from was espeak-ng's alone.
"""

import json
import random
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import scipy.signal as signal
import soundfile

import not_music
from not_music import RATE, SECONDS

ROOT = Path(__file__).parent.parent
OF_EACH = 40
FIRST_SEED = 100_000  # none of those that the gate learnt from
FLITE_VOICES = ["slt", "awb", "rms", "kal16"]
MUSIC = ["asc-music", "hyperrogue-music", "planetblupi-music-ogg", "singularity-music", "warzone2100-music", "frozen-bubble-data"]
SOUNDS = (".ogg", ".mp3", ".opus", ".wav")
SHORTEST_MUSIC_S = 20  # shorter files of games are effects


def make_sounds(folder: Path) -> None:
    for name, maker in {**not_music.LEARNT, **not_music.UNHEARD}.items():
        (folder / name).mkdir()
        for seed in range(FIRST_SEED, FIRST_SEED + OF_EACH):
            soundfile.write(folder / name / f"{seed}.wav", not_music.made(maker, seed), RATE)


def speak(folder: Path) -> None:
    """flite: four voices, made from recordings of people."""
    folder.mkdir()
    for seed in range(OF_EACH):
        chosen = random.Random(seed)
        text = " ".join(chosen.sample(not_music.sentences(), 3))
        voice = FLITE_VOICES[seed % len(FLITE_VOICES)]
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", folder / f"{voice}-{seed}.wav"], check=True)


def spell(package: Path, folder: Path) -> None:
    """People of one language one after the other, as they were recorded, 12 s each."""
    folder.mkdir()
    of_language = defaultdict(list)
    for path in sorted(package.glob("usr/share/**/klettres/*/**/*.ogg")):
        of_language[path.parts[path.parts.index("klettres") + 1]].append(path)
    for seed in range(OF_EACH):
        chosen, parts = random.Random(seed), []
        language = chosen.choice(sorted(of_language))
        while sum(map(len, parts)) < SECONDS * RATE:
            samples, rate_hz = soundfile.read(chosen.choice(of_language[language]), always_2d=True)
            parts.append(signal.resample_poly(samples.mean(axis=1), RATE, rate_hz))
        soundfile.write(folder / f"{language}-{seed}.wav", np.concatenate(parts), RATE)


def read_aloud(package: Path, folder: Path) -> None:
    """Sentences as people read them."""
    folder.mkdir()
    for path in sorted([*package.glob("**/*.wav"), *package.glob("**/*.raw")]):
        samples = np.frombuffer(path.read_bytes(), "<i2")[22 if path.suffix == ".wav" else 0:]
        soundfile.write(folder / f"{path.stem}.wav", samples, 16000)


def judged(binary: str, folder: Path):
    """Records by the first folder of their paths; failures stop the measurement."""
    run = subprocess.run([binary, "classify", folder, "--format", "jsonl"], capture_output=True, text=True)
    by_kind = defaultdict(list)
    for record in map(json.loads, run.stdout.splitlines()):
        if "error" in record:
            assert record["error"]["kind"] == "too_short", record
            continue
        by_kind[Path(record["path"]).relative_to(folder).parts[0]].append(record)
    return by_kind


def share(records, reasons):
    found = [record for record in records if record["reason"] in reasons]
    return {"recordings": len(records), "percent": round(100 * len(found) / max(len(records), 1), 1)}


def lost(records):
    named = sorted(Path(record["path"]).name for record in records if record["reason"] == "not_music")
    return {**share(records, ["not_music"]), "lost": named}


def main() -> None:
    binary, commit, clips, packages = sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
    with TemporaryDirectory() as folder:
        sounds = Path(folder)
        make_sounds(sounds)
        speak(sounds / "speech_flite")
        spell(packages / "klettres-data", sounds / "speech_letters")
        read_aloud(packages / "pocketsphinx-testdata", sounds / "speech_sentences")
        others = judged(binary, sounds)
    of_clips = judged(binary, clips)
    of_games = {}
    for name in MUSIC:
        records = [record for found in judged(binary, packages / name).values() for record in found]
        of_games[name] = lost([record for record in records if record["duration_s"] >= SHORTEST_MUSIC_S])
    caught = {kind: share(records, ["not_music", "silence"]) for kind, records in sorted(others.items())}
    everything = [record for records in others.values() for record in records]
    speech = [record for kind, records in others.items() if kind.startswith("speech") for record in records]
    games = sum(found["recordings"] for found in of_games.values())
    result = {
        "schema": "genrescope.music-gate/1", "made_by": "reference/measure_music_gate.py", "commit": commit,
        "model": everything[0]["model"],
        "caught": {"all": share(everything, ["not_music", "silence"]), "speech": share(speech, ["not_music", "silence"]),
                   "never_heard_kinds": share([r for kind in not_music.UNHEARD for r in others[kind]], ["not_music", "silence"]),
                   "by_kind": caught},
        "music_lost": {"gtzan-mini, most of it learnt from": lost([r for records in of_clips.values() for r in records]),
                       "gtzan-mini, hip-hop": lost(of_clips["hiphop"]),
                       "games": {"recordings": games, "percent": round(100 * sum(len(found["lost"]) for found in of_games.values()) / games, 1)},
                       "by_game": of_games},
    }
    (ROOT / "experiments/music-gate/result.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
