"""Speed and memory of `genrescope serve` on a recording made by repeating the demo clip; needs ffmpeg.

From start to the page's last file; from the first byte of a 5-minute MP3 (44.1 kHz stereo, 192 kbit/s) that is uploaded to
the whole timeline, in turns with `genrescope classify` of the same file, and what decoding and the network alone take;
twenty of those at once, with the server's peak memory; and the same upload beside 1,000 idle
connections, slow uploads and a body of 2 GB.

usage: measure_serve.py BINARY OUT.json COMMIT [--prefix "CMD"]

A `--prefix` stands before the server, such as `taskset -c 0,1`.
"""

import argparse
import json
import os
import re
import shlex
import socket
import statistics
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from measure_process import cpu_s, memory_mb, processor, repeated

RUNS = 9
AT_ONCE = 20
IDLE = 1000
SLOW = 8
BOUNDARY = "between"


class Server:
    """A running server, its address, and how long it took to be there."""

    def __init__(self, binary: str, prefix: list[str]):
        self.started = time.perf_counter()
        command = [*prefix, binary, "serve", "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.address = urlsplit(self.process.stdout.readline().strip())

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict | None = None) -> tuple[int, bytes]:
        connection = HTTPConnection(self.address.hostname, self.address.port, timeout=120)
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        answer = response.status, response.read()
        connection.close()
        return answer

    def timeline(self, form: bytes) -> dict:
        """The whole that a timeline ends with."""
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        status, body = self.ask("POST", "/api/v1/timeline", form, kind)
        assert status == 200, body[:300]
        *patches, whole = [block for block in body.decode().split("\n\n") if block.startswith("event")]
        assert whole.startswith("event: result") and len(patches) > 100, f"{len(patches)} patches"
        return json.loads(whole.split("data:", 1)[1])

    def connect(self) -> socket.socket:
        return socket.create_connection((self.address.hostname, self.address.port), timeout=60)

    def end(self) -> None:
        self.process.terminate()
        self.process.wait()


def form_of(path: Path) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'
    return head.encode() + path.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()


def page_s(binary: str, prefix: list[str]) -> float:
    """From start to the last byte of the page, its files and what its script asks for."""
    server = Server(binary, prefix)
    _, html = server.ask("GET", "/")
    scripts = [name for name in re.findall(r'(?:src|href)="(/[^"]+)"', html.decode()) if not name.startswith("/api")]
    waiting, seen = scripts, set()
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            status, content = server.ask("GET", path)
            assert status == 200, path
            waiting += ["/" + name for name in re.findall(r'from "\./([^"]+)"', content.decode())]
    for path in ("/api/v1/health", "/api/v1/models"):
        assert server.ask("GET", path)[0] == 200
    taken = time.perf_counter() - server.started
    server.end()
    return taken


def timed(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def one(binary: str, prefix: list[str], path: Path) -> dict:
    server, form = Server(binary, prefix), form_of(path)
    classify = [*prefix, binary, "classify", "--threads", "2", str(path)]
    server.timeline(form)
    served, classified, cpu = [], [], []
    for _ in range(RUNS):
        before = cpu_s(server.process.pid)
        served.append(timed(lambda: server.timeline(form)))
        cpu.append(cpu_s(server.process.pid) - before)
        classified.append(timed(lambda: subprocess.run(classify, check=True, stdout=subprocess.DEVNULL)))
    bench = subprocess.run([*prefix, binary, "bench", "--threads", "1", str(path)], check=True, capture_output=True)
    stages = json.loads(bench.stdout)["stages"]
    row = {"runs": RUNS, "wall_s_min": round(min(served), 3), "wall_s_median": round(statistics.median(served), 3)}
    row |= {"cpu_s_min": round(min(cpu), 2), "classify_wall_s_min": round(min(classified), 3)}
    row |= {f"{stage}_alone_1_thread_s": round(stages[stage]["wall_ms"] / 1000, 3) for stage in ("decode", "mel", "network")}
    row["peak_mb"] = round(memory_mb(server.process.pid, "VmHWM"), 1)
    server.end()
    return row


def at_once(binary: str, prefix: list[str], form: bytes) -> dict:
    server = Server(binary, prefix)
    expected = server.timeline(form)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        start = time.perf_counter()
        answers = list(pool.map(lambda _: server.timeline(form), range(AT_ONCE)))
        taken = time.perf_counter() - start
    row = {"uploads": AT_ONCE, "right": sum(answer == expected for answer in answers), "wall_s": round(taken, 2)}
    row["peak_mb"] = round(memory_mb(server.process.pid, "VmHWM"), 1)
    server.end()
    return row


def beside(binary: str, prefix: list[str], form: bytes) -> dict:
    """One upload while others hold what they can."""
    server = Server(binary, prefix)
    alone = min(timed(lambda: server.timeline(form)) for _ in range(3))
    idle = [server.connect() for _ in range(IDLE)]
    head = f"POST /api/v1/classify HTTP/1.1\r\nHost: {server.address.netloc}\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
    slow = [server.connect() for _ in range(SLOW)]
    for connection in slow:
        connection.sendall((head + "Content-Length: 1000000\r\n\r\n").encode() + form[:200])
    large = server.connect()
    large.sendall((head + "Content-Length: 2147483648\r\n\r\n").encode())
    refusal_s = timed(lambda: large.recv(12))
    crowded = min(timed(lambda: server.timeline(form)) for _ in range(3))
    for connection in (*idle, *slow, large):
        connection.close()
    time.sleep(1)
    after = min(timed(lambda: server.timeline(form)) for _ in range(3))
    row = {
        "idle_connections": IDLE, "slow_uploads": SLOW, "refusal_of_2_gb_s": round(refusal_s, 3),
        "wall_s_alone": round(alone, 3), "wall_s_beside_them": round(crowded, 3), "wall_s_after": round(after, 3),
        "peak_mb": round(memory_mb(server.process.pid, "VmHWM"), 1),
    }
    server.end()
    return row


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("out", type=Path)
    parser.add_argument("commit")
    parser.add_argument("--prefix", default="")
    given = parser.parse_args()
    prefix = shlex.split(given.prefix)
    with tempfile.TemporaryDirectory() as name:
        path = repeated(Path(name), "five.mp3", 300)
        form, five = form_of(path), one(given.binary, prefix, path)
    starts = [page_s(given.binary, prefix) for _ in range(RUNS)]
    result = {
        "made_by": "reference/measure_serve.py",
        "commit": given.commit,
        "processor": processor(),
        "page_after_start_s": {"runs": RUNS, "median": round(statistics.median(starts), 3), "max": round(max(starts), 3)},
        "five_minutes_mp3": five,
        "twenty_at_once": at_once(given.binary, prefix, form),
        "beside_others": beside(given.binary, prefix, form),
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=2) + "\n")
    print(given.out.read_text())


if __name__ == "__main__":
    main()
