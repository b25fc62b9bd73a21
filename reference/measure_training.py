"""A training step of ours against PyTorch's, in turn, on one and on two threads.

    pip install -r reference/requirements-nn.txt
    cargo bench -p genrescope --bench training --no-run       # prints where the BENCH binary is

usage: measure_training.py BENCH OUT.json COMMIT [NAMES...] [--turns N] [--steps N] [--threads N...] [--prefix "CMD"]
                           [--bench-avx2 BENCH]

Of each network and number of threads, every turn runs one process of ours, one of PyTorch with channels_last, and one
of the same with glibc's allocator tuned not to give memory back; a row keeps the fastest step of all turns. `ratio` is
the fastest row of PyTorch over ours. Rows of NAMES replace those in OUT.json, all others stay if they are of the same
commit. A `--prefix` stands before every timed process, such as `taskset -c 0,1`.

`m1-avx2` is M1 on AVX2 alone. PyTorch is held to it by its environment; `gemm`, which our dense and recurrent layers
use, has no such switch and is built without its AVX-512 kernels:

    cargo bench -p genrescope --bench training --no-default-features --no-run
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import torch

from measure_process import processor

PEER = Path(__file__).with_name("networks_torch.py")
TUNED = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "8589934592"}
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
# Name in OUT.json: arguments of both sides.
RACES = {
    "m1": ["m1"], "m2": ["m2"], "m3": ["m3"],
    "mlfi-benchmark-130": ["mlfi-benchmark", "--frames", "130"],
    "mlfi-benchmark-38": ["mlfi-benchmark", "--frames", "38"],
    "v-kernel": ["v-kernel"], "bicrnn": ["bicrnn"], "bbnn": ["bbnn", "--batch", "8"],
}
AVX2_RACE = "m1-avx2"


class Side:
    """One way to run a network, and the best of its runs."""

    def __init__(self, command, environment):
        self.command, self.environment, self.runs = command, environment, []

    def run(self, options):
        settings = os.environ | self.environment | {"OMP_NUM_THREADS": options[options.index("--threads") + 1]}
        done = subprocess.run([*self.command, *options], env=settings, check=True, stdout=subprocess.PIPE, text=True)
        self.runs.append(json.loads(done.stdout.splitlines()[-1]))

    def best(self):
        return {
            "min_ms": min(run["min_ms"] for run in self.runs),
            "median_ms": min(run["median_ms"] for run in self.runs),
            "peak_mb": max(run["peak_mb"] for run in self.runs),
            "path": self.runs[0]["path"],
        }


def sides(name, arguments):
    """Ours and PyTorch's two; the keys are those of OUT.json."""
    prefix = shlex.split(arguments.prefix)
    avx2 = name == AVX2_RACE
    race = ["m1"] if avx2 else RACES[name]
    ours = [arguments.bench_avx2, *race, "--path", "avx2"] if avx2 else [arguments.bench, *race]
    peer, held = [sys.executable, str(PEER), *race], AVX2 if avx2 else {}
    return {
        "genrescope": Side([*prefix, *ours], {}),
        "torch": Side([*prefix, *peer], held),
        "torch_tuned": Side([*prefix, *peer], held | TUNED),
    }


def race(name, threads, arguments):
    """One row: every side in turn, so that a slow minute of the machine strikes all of them."""
    measured = sides(name, arguments)
    for _ in range(arguments.turns):
        for side in measured.values():
            side.run(["--threads", str(threads), "--steps", str(arguments.steps)])
    ours, theirs = (measured[side].runs[0] for side in ("genrescope", "torch"))
    check_same_network(name, ours, theirs)
    rows = {side: runs.best() for side, runs in measured.items()}
    fastest = min(rows["torch"]["min_ms"], rows["torch_tuned"]["min_ms"])
    shared = {key: ours[key] for key in ("network", "batch", "frames", "trainable")}
    turns = {"turns": arguments.turns, "steps": arguments.steps}
    return {"race": name, "threads": threads, **shared, **turns, **rows, "ratio": round(fastest / rows["genrescope"]["min_ms"], 2)}


def check_same_network(name, ours, theirs):
    """The same extents and trained parameters; PyTorch's LSTM has a second bias that adds nothing."""
    assert theirs["trainable"] - theirs["second_biases"] == ours["trainable"], f"{name}: {ours} is not {theirs}"
    assert all(ours[key] == theirs[key] for key in ("batch", "frames", "threads")), f"{name}: {ours} is not {theirs}"


def earlier_rows(arguments):
    """Rows of other races in OUT.json, of the same commit and versions."""
    out = Path(arguments.out)
    kept = json.loads(out.read_text()) if out.exists() else {"rows": []}
    same = {"commit": arguments.commit, "processor": processor(), "torch": torch.__version__}
    return kept["rows"] if all(kept.get(key) == value for key, value in same.items()) else []


def write(arguments, rows):
    order = [*RACES, AVX2_RACE]
    rows = sorted(rows, key=lambda row: (order.index(row["race"]), row["threads"]))
    result = {
        "what": "ms of a training step, Adam, dropout on; fastest step of all turns. torch: channels_last; torch_tuned: "
                "the same with " + " ".join(f"{key}={value}" for key, value in TUNED.items()),
        "commit": arguments.commit,
        "processor": processor(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "rows": rows,
    }
    Path(arguments.out).write_text(json.dumps(result, indent=2) + "\n")


def parsed():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("out")
    parser.add_argument("commit")
    parser.add_argument("names", nargs="*", help=f"of {', '.join([*RACES, AVX2_RACE])}; none: all that can be run")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--prefix", default="")
    parser.add_argument("--bench-avx2")
    arguments = parser.parse_intermixed_args()
    unknown = set(arguments.names) - {*RACES, AVX2_RACE}
    if unknown:
        parser.error(f"no race is called {', '.join(sorted(unknown))}")
    if AVX2_RACE in arguments.names and not arguments.bench_avx2:
        parser.error(f"{AVX2_RACE} needs --bench-avx2")
    return arguments


def main():
    arguments = parsed()
    names = arguments.names or [*RACES, *([AVX2_RACE] if arguments.bench_avx2 else [])]
    for name in names:
        for threads in arguments.threads:
            row = race(name, threads, arguments)
            others = [old for old in earlier_rows(arguments) if (old["race"], old["threads"]) != (name, threads)]
            write(arguments, [*others, row])
            print(name, threads, "threads:", row["genrescope"]["min_ms"], "ms,", row["ratio"], "x", flush=True)


if __name__ == "__main__":
    main()
