"""Decoding and mel spectrogram of a 30-s MP3: genrescope against librosa, in turn, one thread each; needs ffmpeg.

    pip install -r reference/requirements.txt

Both take the file to mono samples at 22,050 Hz and then every STFT frame (2048, hop 512) to 128 mel bands. Each side's
figure is the fastest of its runs inside a process; librosa's is CPU time, its strongest.

usage: measure_librosa.py BINARY OUT.json COMMIT
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

import librosa  # noqa: E402

from measure_process import processor  # noqa: E402

DEMO = Path(__file__).parent.parent / "demo" / "demo.ogg"
TURNS, RUNS, SECONDS = 5, 5, 30


def fastest_ms(work) -> float:
    """CPU milliseconds of the fastest run."""
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        work()
        times.append(1000 * (time.process_time() - start))
    return min(times)


def librosa_ms(recording: Path) -> dict[str, float]:
    samples, rate = librosa.load(recording, sr=22_050)
    mel = lambda: librosa.feature.melspectrogram(y=samples, sr=rate, n_fft=2048, hop_length=512, n_mels=128)
    return {"decode": fastest_ms(lambda: librosa.load(recording, sr=22_050)), "mel": fastest_ms(mel)}


def genrescope_ms(binary: str, recording: Path) -> dict[str, float]:
    command = [binary, "bench", str(recording), "--threads", "1", "--runs", str(RUNS)]
    stages = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["stages"]
    return {"decode": stages["decode"]["wall_ms"], "mel": stages["mel_every_frame"]["wall_ms"]}


def main() -> None:
    binary, out, commit = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        recording = Path(name) / "thirty.mp3"
        encode = ["-ar", "44100", "-ac", "2", "-t", str(SECONDS), "-b:a", "192k", str(recording)]
        subprocess.run(["ffmpeg", "-loglevel", "error", "-stream_loop", "-1", "-i", str(DEMO), *encode], check=True)
        turns = [(genrescope_ms(binary, recording), librosa_ms(recording)) for _ in range(TURNS)]
    ours, theirs = ({stage: round(min(side[stage] for side in sides), 2) for stage in ("decode", "mel")}
                    for sides in zip(*turns))
    result = {
        "what": "ms of one thread for 30 s of MP3, 44.1 kHz stereo, 192 kbit/s; fastest of all runs",
        "commit": commit,
        "processor": processor(),
        "genrescope": ours,
        f"librosa {librosa.__version__}": theirs,
        "ratio": round(sum(theirs.values()) / sum(ours.values()), 2),
    }
    Path(out).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
