"""One recording in many containers: does the answer stay, and how fast is each decoded; needs ffmpeg.

Every clip is made stereo at 44.1 kHz and written as WAV, the reference, and in the containers, channel counts and
sample rates below. `agreement`: how many clips keep their genre, and by how much a genre's score moves. `speed`: what
`genrescope bench --threads 1` says of five minutes of the first clips.

usage: measure_formats.py BINARY FOLDER_OF_CLIPS OUT.json COMMIT [LEFT OUT…]     variants whose name begins so are left out
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from measure_process import processor

#   name                file ending, options of ffmpeg
REFERENCE = ("wav 44.1 kHz stereo", "wav", [])
CONTAINERS = [
    ("flac", "flac", []),
    ("alac in m4a", "alac.m4a", ["-c:a", "alac"]),
    ("aiff", "aiff", []),
    ("mp3 320 kbit/s", "mp3", ["-b:a", "320k"]),
    ("mp3 128 kbit/s", "128.mp3", ["-b:a", "128k"]),
    ("vorbis in ogg, quality 6", "ogg", ["-c:a", "libvorbis", "-q:a", "6"]),
    ("opus 128 kbit/s", "opus", ["-c:a", "libopus", "-b:a", "128k"]),
    ("opus 128 kbit/s in webm", "webm", ["-c:a", "libopus", "-b:a", "128k"]),
    ("aac in m4a, 192 kbit/s", "m4a", ["-c:a", "aac", "-b:a", "192k"]),
    ("mp2 192 kbit/s", "mp2", ["-b:a", "192k"]),
    ("adpcm in wav", "adpcm.wav", ["-c:a", "adpcm_ms"]),
]
VARIANTS = CONTAINERS + [
    ("mono", "mono.wav", ["-ac", "1"]),
    ("24 bits", "24.wav", ["-c:a", "pcm_s24le"]),
    ("192 kHz", "192.wav", ["-ar", "192000"]),
    ("96 kHz", "96.wav", ["-ar", "96000"]),
    ("48 kHz", "48.wav", ["-ar", "48000"]),
    ("32 kHz", "32.wav", ["-ar", "32000"]),
    ("16 kHz", "16.wav", ["-ar", "16000"]),
    ("8 kHz", "8.wav", ["-ar", "8000"]),
]
SPEED_CLIPS = 11


def ffmpeg(*arguments: object) -> None:
    subprocess.run(["ffmpeg", "-loglevel", "error", "-y", *map(str, arguments)], check=True)


def classified(binary: str, folder: Path) -> dict[str, dict]:
    """The record of each file, by its name without endings."""
    command = [binary, "classify", "-q", "--format", "jsonl", str(folder)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {Path(record["path"]).name.split(".")[0]: record for record in map(json.loads, lines)}


def agreement(binary: str, expected: dict[str, dict], originals: Path, folder: Path, variant: tuple) -> dict:
    name, ending, options = variant
    written = folder / ending
    written.mkdir()
    for original in sorted(originals.iterdir()):
        ffmpeg("-i", original, *options, written / f"{original.name.split('.')[0]}.{ending}")
    records = classified(binary, written)
    moved = []
    for clip, record in expected.items():
        scores = {s["genre"]: s["score"] for s in records[clip]["scores"]}
        moved.append(max(abs(scores[s["genre"]] - s["score"]) for s in record["scores"]))
    return {
        "variant": name,
        "clips": len(expected),
        "same_genre": sum(records[clip]["genre"] == record["genre"] for clip, record in expected.items()),
        "largest_score_change": round(max(moved), 4),
        "median_score_change": round(sorted(moved)[len(moved) // 2], 4),
    }


def speed(binary: str, originals: Path, folder: Path, variant: tuple) -> dict:
    name, ending, options = variant
    listed, recording = folder / "list.txt", folder / f"speed.{ending}"
    clips = sorted(originals.iterdir())[:SPEED_CLIPS]
    listed.write_text("".join(f"file '{clip}'\n" for clip in clips))
    ffmpeg("-f", "concat", "-safe", "0", "-i", listed, "-t", "300", *options, recording)
    command = [binary, "bench", str(recording), "--threads", "1"]
    stages = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["stages"]
    return {
        "container": name,
        "decode_seconds_per_second": round(stages["decode"]["seconds_of_audio_per_second"]),
        "total_seconds_per_second": round(stages["total_1_thread"]["seconds_of_audio_per_second"]),
    }


def main() -> None:
    binary, clips, out, commit, *left_out = sys.argv[1:]
    wanted = lambda variants: [v for v in variants if not v[0].startswith(tuple(left_out))]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        originals = folder / "originals"
        originals.mkdir()
        for clip in sorted(Path(clips).rglob("*.flac")):
            ffmpeg("-i", clip, "-ac", "2", "-ar", "44100", originals / f"{clip.stem.replace('.', '-')}.wav")
        expected = classified(binary, originals)
        result = {
            "what": "one recording in many containers, against WAV of 44.1 kHz, stereo",
            "commit": commit,
            "processor": processor(),
            "left_out": left_out,
            "speed": [speed(binary, originals, folder, variant) for variant in wanted([REFERENCE, *CONTAINERS])],
            "agreement": [agreement(binary, expected, originals, folder, variant) for variant in wanted(VARIANTS)],
        }
    Path(out).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
