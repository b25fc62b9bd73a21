"""Whole-process figures of `genrescope classify` on recordings made by repeating the demo clip; needs ffmpeg.

Wall seconds from start to answer and peak memory of both models inside for 30 seconds on one thread, 5 minutes, an hour and
ten hours of 44.1 kHz stereo MP3 at 192 kbit/s, and a folder of 24 clips on one thread and on all.

usage: measure_process.py BINARY OUT.json COMMIT
"""

import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DEMO = Path(__file__).parent.parent / "demo" / "demo.ogg"
RUNS = 7


def repeated(folder: Path, name: str, seconds: int) -> Path:
    """The demo clip over and over as MP3."""
    out = folder / name
    encode = ["-ar", "44100", "-ac", "2", "-t", str(seconds), "-b:a", "192k", str(out)]
    subprocess.run(["ffmpeg", "-loglevel", "error", "-stream_loop", "-1", "-i", str(DEMO), *encode], check=True)
    return out


def measured(command: list[str], runs: int) -> dict:
    """Wall seconds and peak megabytes of a command's runs."""
    walls, peaks = [], []
    for _ in range(runs):
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        walls.append(time.perf_counter() - start)
        peaks.append(usage.ru_maxrss / 1024)
        assert status == 0, f"{command} failed"
    return {
        "runs": runs,
        "wall_s_min": round(min(walls), 3),
        "wall_s_median": round(statistics.median(walls), 3),
        "peak_mb_max": round(max(peaks), 1),
    }


def processor() -> str:
    """Its name, family and model: the name alone may hide them."""
    said = Path("/proc/cpuinfo")
    fields = dict(re.findall(r"^(model name|cpu family|model)\s*: (.*)$", said.read_text(), re.M)) if said.exists() else {}
    return ", ".join(f"{key} {value}" for key, value in fields.items()) or platform.processor()


def memory_mb(pid: int, field: str) -> float:
    """VmRSS of a running process, or VmHWM, its peak."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{field}:\s+(\d+) kB", status)[1]) / 1024


def cpu_s(pid: int) -> float:
    """Seconds of the processor that a running process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    binary, out, commit = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip, five, hour = (repeated(folder, f"{seconds}.mp3", seconds) for seconds in (30, 300, 3600))
        ten = folder / "ten.mp3"
        with ten.open("wb") as joined:  # in pieces: a child's peak counts what its parent holds
            for _ in range(10):
                with hour.open("rb") as part:
                    shutil.copyfileobj(part, joined)
        clips = folder / "clips"
        clips.mkdir()
        for i in range(24):
            (clips / f"{i:02}.ogg").write_bytes(DEMO.read_bytes())
        what = {
            "clip_1_thread": ([str(clip), "--threads", "1"], RUNS),
            "five_minutes": ([str(five), "--timeline"], RUNS),
            "hour": ([str(hour), "--timeline"], 2),
            "ten_hours": ([str(ten), "--timeline"], 1),
            "folder_1_thread": ([str(clips), "--threads", "1"], RUNS),
            "folder_all_cores": ([str(clips)], RUNS),
        }
        result = {
            "what": "genrescope classify as a process; the demo clip repeated",
            "commit": commit,
            "cores": os.cpu_count(),
            "processor": processor(),
            "best": {},
            "fast": {},
        }
        for name, (arguments, runs) in what.items():
            for model in ("best", "fast"):
                result[model][name] = measured([binary, "classify", "-q", "--model", model, *arguments], runs)
    Path(out).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
