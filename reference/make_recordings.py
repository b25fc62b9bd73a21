"""Makes other recordings of clips, a folder a change, for `genrescope evaluate ... --perturb audio=OUT`.

    apt-get install ffmpeg
    python reference/make_recordings.py ../shared/data/gtzan-mini OUT

What other people's music goes through: levels, codecs, sample rates, mastering, tempo, key, a telephone in a room. Then, in
small steps, gentle equalisers and stretches until the answer flips (Sturm 2014: A simple method to determine if a music
information retrieval system is a "horse"), and without the lowest bands, which may tell recordings and not genres apart.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Early echoes of a small room, then what a telephone's microphone passes.
PHONE = "aecho=0.8:0.7:7|13|23|37|59:0.5|0.4|0.35|0.25|0.2,highpass=f=250:p=2,lowpass=f=5500:p=2,acompressor=threshold=0.1:ratio=3"
NOISE = "anoisesrc=color=pink:amplitude=0.02:sample_rate=22050"
MASTERED = "acompressor=threshold=0.06:ratio=6:attack=5:release=80:makeup=4,alimiter=limit=0.9:level=true"

FILTERED = {
    "level -20 dB": "volume=-20dB", "level -40 dB": "volume=-40dB", "level +12 dB, clipped": "volume=12dB",
    "mastered loud": MASTERED,
    "tempo -3 %": "atempo=0.97", "tempo +3 %": "atempo=1.03",
    "key -2": "rubberband=pitch=0.8909", "key -1": "rubberband=pitch=0.9439", "key +1": "rubberband=pitch=1.0595", "key +2": "rubberband=pitch=1.1225",
    **{f"horse: bass {gain:+d} dB": f"bass=g={gain}:f=150" for gain in (-6, -3, -1, 1, 3, 6)},
    **{f"horse: treble {gain:+d} dB": f"treble=g={gain}:f=3000" for gain in (-6, -3, -1, 1, 3, 6)},
    **{f"horse: stretch {percent:+d} %": f"atempo={1 / (1 + percent / 100):.4f}" for percent in (-10, -5, -2, -1, 1, 2, 5, 10)},
    **{f"without bands below {f} Hz": f"highpass=f={f}:p=2,highpass=f={f}:p=2,highpass=f={f}:p=2" for f in (30, 60)},
}
RATES_HZ = [8000, 11025, 16000, 44100, 48000]
ENCODED = {"mp3 64 kbit a second": ("mp3", ["-c:a", "libmp3lame", "-b:a", "64k"]), "opus 32 kbit a second": ("opus", ["-c:a", "libopus", "-b:a", "32k"]),
           "aac 64 kbit a second": ("m4a", ["-c:a", "aac", "-b:a", "64k"])}


def changes() -> dict:
    """Name → ending, arguments for ffmpeg behind its input."""
    flac = ["-c:a", "flac"]
    found = {name: ("flac", ["-af", graph, *flac]) for name, graph in FILTERED.items()}
    found |= {f"{rate} Hz": ("flac", ["-ar", str(rate), *flac]) for rate in RATES_HZ}
    found |= {"stereo": ("flac", ["-af", "pan=stereo|c0=c0|c1=0.7*c0", *flac])}
    found |= ENCODED
    graph = f"[0:a]{PHONE}[a];{NOISE}[n];[a][n]amix=inputs=2:duration=first:normalize=0"
    return found | {"phone in a room": ("flac", ["-filter_complex", graph, *flac])}


def make(clip: Path, place: Path, arguments: list) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", clip, *arguments, place], check=True)


def main() -> None:
    clips, out = Path(sys.argv[1]), Path(sys.argv[2])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = [pool.submit(make, clip, (out / name / clip.parent.name / clip.stem).with_name(f"{clip.stem}.{ending}"), arguments)
                for name, (ending, arguments) in changes().items() for clip in sorted(clips.glob("*/*.*"))]
    [one.result() for one in made]


if __name__ == "__main__":
    main()
