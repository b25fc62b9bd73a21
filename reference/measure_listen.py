"""Memory, delay and share of a core of `genrescope listen` on the demo clip over and over, as raw samples on its stdin; needs
ffmpeg.

Memory over a day of sound as fast as it is taken; the processor time of an hour with answers twice a second; and in real time,
with a stretch of silence before each onset: from the write of the last sample that a step needs to the arrival of its line, and
from the write of the onset to the first line that is not silent.

usage: measure_listen.py BINARY OUT.json COMMIT [--parts real_time,hour,day] [--hours 24] [--day-hop 5] [--onsets 12]

What OUT.json holds of other parts stays.
"""

import argparse
import json
import os
import statistics
import subprocess
import threading
import time
from pathlib import Path

from measure_process import DEMO, cpu_s, memory_mb, processor

RATE_HZ = 22050
SAMPLE_BYTES = 2
WRITE_S = 0.02
SILENCE_S = 3.0
SOUND_S = 2.0
SECOND = RATE_HZ * SAMPLE_BYTES


class Listener:
    """A running `listen`, the lines that it has written and when they came."""

    def __init__(self, binary: str, hop_s: float):
        raw = ["--raw-format", "s16le", "--rate", str(RATE_HZ), "--format", "jsonl", "--hop", str(hop_s)]
        self.process = subprocess.Popen([binary, "listen", "-", *raw], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.lines: list[tuple[float, dict]] = []
        self.count, self.keep = 0, True
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self) -> None:
        for line in os.fdopen(os.dup(self.process.stdout.fileno()), "rb", buffering=1 << 16):
            self.count += 1
            if self.keep:
                self.lines.append((time.perf_counter(), json.loads(line)))

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self.process.stdin.write(view):]

    def end(self) -> float:
        """Seconds of the processor in all."""
        self.process.stdin.close()
        _, status, usage = os.wait4(self.process.pid, 0)
        self.reader.join()
        assert status == 0
        return usage.ru_utime + usage.ru_stime


def demo() -> bytes:
    decode = ["ffmpeg", "-loglevel", "error", "-i", str(DEMO), "-f", "s16le", "-ar", str(RATE_HZ), "-ac", "1", "-"]
    return subprocess.run(decode, check=True, capture_output=True).stdout


def day(binary: str, clip: bytes, hours: int, hop_s: float) -> dict:
    """Resident memory after each hour of sound."""
    listener = Listener(binary, hop_s)
    listener.keep = False
    resident, written, start = [], 0, time.perf_counter()
    for hour in range(1, hours + 1):
        while written < hour * 3600 * SECOND:
            listener.write(clip)
            written += len(clip)
        resident.append(memory_mb(listener.process.pid, "VmRSS"))
    wall_s = time.perf_counter() - start
    listener.end()
    return {
        "hours": hours, "hop_s": hop_s, "lines": listener.count, "wall_s": round(wall_s, 1),
        "resident_mb_after_1_hour": round(resident[0], 1), "resident_mb_at_the_end": round(resident[-1], 1),
        "resident_mb_max": round(max(resident), 1),
    }


def hour(binary: str, clip: bytes) -> dict:
    """The processor's share with answers twice a second."""
    listener = Listener(binary, 0.5)
    listener.keep = False
    times = 3600 * SECOND // len(clip)
    for _ in range(times):
        listener.write(clip)
    used_s, sound_s = listener.end(), times * len(clip) / SECOND
    return {"hop_s": 0.5, "lines": listener.count, "cpu_s": round(used_s, 1), "share_of_a_core": round(used_s / sound_s, 4)}


def delays(binary: str, clip: bytes, onsets: int) -> dict:
    """In real time: silence, sound, silence, sound."""
    card = json.loads(subprocess.run([binary, "inspect", "--json"], check=True, capture_output=True).stdout)
    front_end = card["front_end"]
    hop_s = front_end["hop_samples"] / front_end["sample_rate_hz"] * front_end["frame_step"]
    # A step's last frame is centred one frame before its end, and reaches half a window behind its centre.
    reach_s = front_end["n_fft"] / 2 / front_end["sample_rate_hz"] - hop_s
    silence = bytes(int(SILENCE_S * RATE_HZ) * SAMPLE_BYTES)
    sound = clip[: int(SOUND_S * RATE_HZ) * SAMPLE_BYTES]
    stream = (silence + sound) * onsets
    listener = Listener(binary, 0.5)
    size = int(WRITE_S * RATE_HZ) * SAMPLE_BYTES
    written, start = [], time.perf_counter()
    for place in range(0, len(stream), size):
        time.sleep(max(0.0, start + place / SECOND - time.perf_counter()))
        written.append(time.perf_counter())
        listener.write(stream[place : place + size])
    share = cpu_s(listener.process.pid) / (time.perf_counter() - start)
    time.sleep(1)
    at = lambda seconds: written[min(int(seconds * SECOND) // size, len(written) - 1)]
    moments = [(came, line) for came, line in listener.lines if line["schema"].startswith("genrescope.moment")]
    listener.end()
    steps = [came - at(line["end_s"] + reach_s) for came, line in moments]
    first = lambda onset_s: next(came for came, line in moments if line["end_s"] > onset_s and line["reason"] is None)
    times = [SILENCE_S + n * (SILENCE_S + SOUND_S) for n in range(1, onsets)]
    heard = [first(onset_s) - at(onset_s) for onset_s in times]
    milliseconds = lambda values: {"count": len(values), "median_ms": round(1000 * statistics.median(values)), "max_ms": round(1000 * max(values))}
    return {"step_to_line": milliseconds(steps), "onset_to_line": milliseconds(heard), "share_of_a_core": round(share, 4)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("out", type=Path)
    parser.add_argument("commit")
    parser.add_argument("--parts", default="real_time,hour,day")
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--day-hop", type=float, default=5.0)
    parser.add_argument("--onsets", type=int, default=12)
    given = parser.parse_args()
    clip = demo()
    parts = {
        "real_time": lambda: delays(given.binary, clip, given.onsets),
        "hour": lambda: hour(given.binary, clip),
        "day": lambda: day(given.binary, clip, given.hours, given.day_hop),
    }
    result = json.loads(given.out.read_text()) if given.out.exists() else {}
    result["made_by"] = "reference/measure_listen.py"
    for part in given.parts.split(","):
        result[part] = {"commit": given.commit, "processor": processor()} | parts[part]()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=2) + "\n")
    print(given.out.read_text())


if __name__ == "__main__":
    main()
