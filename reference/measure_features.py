"""Audio features: genrescope against librosa and sonara, in turn, one thread each; a folder and an hour. Needs ffmpeg.

    pip install -r reference/requirements.txt sonara==0.3.6

The demo clip, repeated to 30 s, at 22,050 Hz mono; decoding is left out. librosa computes the 57 features of GTZAN's table
the way its makers did (harmonic and percussive part each by a separation of their own), and with one separation for both.
Peers' figures are CPU time, the fastest of all runs; ours are wall time, the fastest of all runs.

usage: measure_features.py BINARY OUT.json COMMIT
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[variable] = "1"

from measure_process import measured, processor  # noqa: E402

DEMO = Path(__file__).parent.parent / "demo" / "demo.ogg"
TURNS, RATE_HZ, CLIPS = 3, 22_050, 1000


def encoded(out: Path, seconds: int, *options: str) -> Path:
    """The demo clip over and over."""
    command = ["ffmpeg", "-loglevel", "error", "-stream_loop", "-1", "-i", str(DEMO), "-t", str(seconds), *options, str(out)]
    subprocess.run(command, check=True)
    return out


def cpu_ms(work, runs: int) -> float:
    times = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append(1000 * (time.process_time() - start))
    return min(times)


def table(y, separate) -> None:
    import librosa

    feature = librosa.feature
    for function in (feature.chroma_stft, feature.spectral_centroid, feature.spectral_bandwidth, feature.spectral_rolloff):
        function(y=y, sr=RATE_HZ)
    feature.rms(y=y)
    feature.zero_crossing_rate(y)
    separate(y)
    librosa.beat.beat_track(y=y, sr=RATE_HZ)
    feature.mfcc(y=y, sr=RATE_HZ)


def twice(y):
    import librosa

    return librosa.effects.harmonic(y), librosa.effects.percussive(y)


def peers(clip: Path) -> dict[str, float]:
    import librosa
    import sonara

    y = librosa.load(clip, sr=RATE_HZ)[0]
    mel = {"sr": RATE_HZ, "n_fft": 2048, "hop_length": 512, "n_mels": 128}
    three_s = y[: 3 * RATE_HZ - 1]
    return {
        "features_57": cpu_ms(lambda: table(y, twice), 2),
        "features_57_one_hpss": cpu_ms(lambda: table(y, librosa.effects.hpss), 2),
        "features_57_of_3_s": cpu_ms(lambda: table(three_s, twice), 4),
        "mel": cpu_ms(lambda: librosa.feature.melspectrogram(y=y, **mel), 7),
        "sonara_mel": cpu_ms(lambda: sonara.melspectrogram(y=y, **mel), 7),
    }


def ours(binary: str, clip: Path) -> dict[str, float]:
    command = [binary, "bench", str(clip), "--threads", "1", "--runs", "7"]
    stages = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["stages"]
    return {
        "features_57": stages["features"]["wall_ms"],
        "features_57_of_3_s": stages["features_3_s"]["wall_ms"],
        "mel": stages["mel_every_frame"]["wall_ms"],
    }


def folder(binary: str, clip: Path, place: Path) -> dict:
    """So many clips to one CSV on two threads, all in."""
    clips = place / "clips"
    clips.mkdir()
    for i in range(CLIPS):
        (clips / f"{i:04}.flac").symlink_to(clip)
    out = place / "features.csv"
    result = measured([binary, "features", "-q", str(clips), "--threads", "2", "-o", str(out)], 1)
    return {"clips": len(out.read_text().splitlines()) - 1, "threads": 2, **result}


def main() -> None:
    binary, out, commit = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        clip = encoded(place / "thirty.flac", 30, "-ac", "1", "-ar", str(RATE_HZ))
        hour = encoded(place / "hour.mp3", 3600, "-b:a", "192k")
        # Before librosa is loaded: a child's peak counts what its parent holds.
        thousand = folder(binary, clip, place)
        segments = measured([binary, "features", "-q", str(hour), "--segment", "3", "-o", str(place / "hour.csv")], 1)
        turns = [(ours(binary, clip), peers(clip)) for _ in range(TURNS)]
    mine, theirs = ({key: round(min(side[key] for side in sides), 2) for key in sides[0]} for sides in zip(*turns))
    ratio = lambda key, mine_key: round(theirs[key] / mine[mine_key], 2)
    result = {
        "what": "ms of one thread for 30 s at 22,050 Hz mono, decoding left out; fastest of all runs",
        "commit": commit,
        "processor": processor(),
        "genrescope": mine,
        f"librosa {version('librosa')}": {key: value for key, value in theirs.items() if key != "sonara_mel"},
        f"sonara {version('sonara')}": {"mel": theirs["sonara_mel"]},
        "ratios": {
            "features_57": ratio("features_57", "features_57"),
            "features_57_one_hpss": ratio("features_57_one_hpss", "features_57"),
            "features_57_of_3_s": ratio("features_57_of_3_s", "features_57_of_3_s"),
            "mel": ratio("mel", "mel"),
            "mel_sonara": ratio("sonara_mel", "mel"),
        },
        "thousand_clips_of_30_s_to_csv": thousand,
        "hour_in_segments_of_3_s": segments,
    }
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    Path(out).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
