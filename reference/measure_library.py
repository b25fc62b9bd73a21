"""What a music library costs: `genrescope scan` on recordings made by repeating the demo clip; needs ffmpeg.

Processor seconds and peak memory for three-minute MP3 files of 44.1 kHz stereo at 192 kbit/s, for many short ones, and
for looking again at an unchanged library of many entries (links to the short ones).

usage: measure_library.py BINARY OUT.json COMMIT [LONG SHORT ENTRIES]
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DEMO = Path(__file__).parent.parent / "demo" / "demo.ogg"
LINKS_A_FOLDER = 1000


def encoded(out: Path, offset_s: float, seconds: float) -> None:
    """A stretch of the demo clip over and over, from an offset on: no two are one recording."""
    cut = ["-stream_loop", "-1", "-i", str(DEMO), "-ss", f"{offset_s:.4f}", "-t", str(seconds)]
    subprocess.run(["ffmpeg", "-y", "-loglevel", "error", *cut, "-ar", "44100", "-ac", "2", "-b:a", "192k", str(out)], check=True)


def varied(folder: Path, count: int, seconds: float) -> None:
    """Copies of eight encodings with one byte of sound changed each: other recordings at the cost of a copy."""
    folder.mkdir()
    sources = []
    for index in range(min(8, count)):
        sources.append(folder / f"{index:05}.mp3")
        encoded(sources[-1], 3.0 * index, seconds)
    contents = [source.read_bytes() for source in sources]
    for index in range(len(sources), count):
        content = bytearray(contents[index % len(contents)])
        at = 3000 + index % (len(content) // 2)
        content[at] ^= 1 + index % 255
        (folder / f"{index:05}.mp3").write_bytes(content)


def scanned(binary: str, folder: Path, database: Path) -> dict:
    """One scan: what it said, wall and processor seconds, peak megabytes."""
    command = [binary, "scan", str(folder), "--db", str(database), "-q"]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said = process.stdout.read().strip()
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 1), f"{command} failed"
    return {
        "said": said,
        "wall_s": round(time.perf_counter() - start, 2),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mb": round(usage.ru_maxrss / 1024, 1),
    }


def linked(folder: Path, sources: Path, count: int) -> None:
    """Hard links under other names, a thousand a folder."""
    names = sorted(sources.iterdir())
    for index in range(count):
        place = folder / f"{index // LINKS_A_FOLDER:04}"
        place.mkdir(parents=True, exist_ok=True)
        os.link(names[index % len(names)], place / f"{index:06}.mp3")


def main() -> None:
    binary, out, commit = sys.argv[1:4]
    long, short, entries = (int(number) for number in sys.argv[4:7]) if len(sys.argv) > 4 else (300, 10_000, 100_000)
    result = {"commit": commit, "machine": platform.processor() or platform.machine(), "cores": os.cpu_count()}

    def keep(part: str, measured: dict) -> None:
        """Each part is written as soon as it is measured: all of them take a quarter of an hour."""
        result[part] = measured
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        Path(out).write_text(json.dumps(result, indent=1) + "\n")

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        varied(folder / "long", long, 180.0)
        measured = scanned(binary, folder / "long", folder / "long.db")
        keep("three_minutes", {"files": long, **measured, "cpu_s_a_file": round(measured["cpu_s"] / long, 3)})
        shutil.rmtree(folder / "long")
        varied(folder / "short", short, 1.0)
        keep("short", {"files": short, **scanned(binary, folder / "short", folder / "short.db")})
        keep("short_again", scanned(binary, folder / "short", folder / "short.db"))
        linked(folder / "many", folder / "short", entries)
        keep("many", {"files": entries, **scanned(binary, folder / "many", folder / "many.db")})
        keep("many_again", scanned(binary, folder / "many", folder / "many.db"))


if __name__ == "__main__":
    main()
