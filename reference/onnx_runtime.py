"""Exported networks in onnxruntime: the same outputs as ours, and how long a pass takes, in turn.

    pip install -r reference/requirements-onnx.txt
    cargo bench -p genrescope --bench inference --no-run      # prints where the BENCH binary is

usage: onnx_runtime.py check BENCH BINARY
       onnx_runtime.py race BENCH OUT.csv COMMIT [NAMES...] [--rounds N] [--milliseconds N]

`check` exports every network that `BINARY models` lists and the models inside, with BENCH, and compares outputs to 1e-5
(of the largest output where that is above 1), at batch 1 and 3. `race`: one thread, batch 1 and 32. Each round runs ours
and theirs for `--milliseconds` each, in turn; a row keeps the fastest pass of all rounds and the median of the rounds'
medians. `ratio` is theirs over ours of the fastest passes: above 1 we are faster.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime

from measure_process import processor

TOLERANCE = 1e-5
MODELS = ["fast", "musicnn"]
YARDSTICKS = ["m1", "m2", "m3"]
CHOSEN = ["mlfi-two-way-b2-simple"]  # recurrent layers without gates: ONNX's RNN
RACES = [*YARDSTICKS, "mlfi-benchmark", "mlfi-two-way-b2", "v-kernel", "bicrnn", "fast", "musicnn"]
BATCHES = [1, 32]


class Ours:
    """Our engine in a process of its own, which waits between its rounds."""

    def __init__(self, bench, name, batch, folder):
        self.process = subprocess.Popen([bench, name, str(folder), "--batch", str(batch)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.said = json.loads(self.process.stdout.readline())

    def round(self, milliseconds):
        self.process.stdin.write(f"{milliseconds}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        assert self.process.wait() == 0


class Theirs:
    """The exported file in onnxruntime, one thread, with all of its optimisations."""

    def __init__(self, said, folder):
        name, batch = said["network"], said["batch"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        path = str(folder / f"{name}.onnx")
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.inputs = {}
        for port in self.session.get_inputs():
            values = np.fromfile(folder / f"{name}.{port.name}", np.float32).reshape(batch, -1)
            if len(port.shape) == 3:  # ours are [batch, frames, bands], theirs [batch, bands, frames]
                values = np.ascontiguousarray(values.reshape(batch, said["frames"], -1).swapaxes(1, 2))
            self.inputs[port.name] = values
        self.expected = np.fromfile(folder / f"{name}.output", np.float32).reshape(batch, -1)
        self.found = np.empty_like(self.expected)
        # Where inputs and output lie is said once: Python adds as little as it can to a pass.
        self.binding = self.session.io_binding()
        for port, values in self.inputs.items():
            self.binding.bind_cpu_input(port, values)
        self.binding.bind_output("scores", "cpu", 0, np.float32, self.found.shape, self.found.ctypes.data)

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def difference(self):
        """The largest one, as a share of the largest output where that is above 1."""
        self.found[:] = np.nan
        self.run()
        return float(np.abs(self.found - self.expected).max() / max(1.0, np.abs(self.expected).max()))

    def round(self, milliseconds):
        start, passes = time.perf_counter(), []
        while len(passes) < 3 or time.perf_counter() - start < milliseconds / 1e3:
            begin = time.perf_counter()
            self.run()
            passes.append(1e3 * (time.perf_counter() - begin))
        return {"min_ms": min(passes), "median_ms": statistics.median(passes)}


def check(arguments):
    listed = json.loads(subprocess.run([arguments.binary, "models", "--json"], check=True, stdout=subprocess.PIPE).stdout)
    names = dict.fromkeys([*(row["name"] for row in listed), *YARDSTICKS, *CHOSEN, *MODELS])
    failed = []
    for name in names:
        for batch in (1, 3):
            with tempfile.TemporaryDirectory() as folder:
                ours = Ours(arguments.bench, name, batch, folder)
                ours.end()
                difference = Theirs(ours.said, Path(folder)).difference()
            fine = difference <= TOLERANCE  # not of NaN
            failed += [] if fine else [name]
            print(f"{name:<18} batch {batch}: {difference:.1e}{'' if fine else '  TOO FAR'}", flush=True)
    assert not failed, f"differ by more than {TOLERANCE}: {', '.join(dict.fromkeys(failed))}"
    print(f"{len(names)} networks agree to {TOLERANCE}")


def raced(arguments, name, batch):
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(arguments.bench, name, batch, folder)
        theirs = Theirs(ours.said, Path(folder))
        difference = theirs.difference()
        assert difference <= TOLERANCE, f"{name}: outputs differ by {difference}"
        rounds = [(ours.round(arguments.milliseconds), theirs.round(arguments.milliseconds)) for _ in range(arguments.rounds)]
        ours.end()
    row = {"network": name, "frames": ours.said["frames"], "batch": batch, "threads": 1, "path": ours.said["path"]}
    for side, results in zip(("genrescope", "onnxruntime"), zip(*rounds)):
        row[f"{side}_min_ms"] = round(min(result["min_ms"] for result in results), 4)
        row[f"{side}_median_ms"] = round(statistics.median(result["median_ms"] for result in results), 4)
    row["ratio"] = round(row["onnxruntime_min_ms"] / row["genrescope_min_ms"], 2)
    row["median_ratio"] = round(row["onnxruntime_median_ms"] / row["genrescope_median_ms"], 2)
    return row | {"largest_difference": f"{difference:.1e}"}


def race(arguments):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    about = {"commit": arguments.commit, "onnxruntime": onnxruntime.__version__, "processor": processor()}
    rows = []
    for name in arguments.names or RACES:
        for batch in BATCHES:
            rows.append(raced(arguments, name, batch) | about)
            row = rows[-1]
            print(f"{name:<16} batch {batch:>2}: ours {row['genrescope_min_ms']:8.3f} ms, theirs "
                  f"{row['onnxruntime_min_ms']:8.3f} ms, ratio {row['ratio']:.2f} (medians {row['median_ratio']:.2f})", flush=True)
    with open(arguments.out, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main():
    parser = argparse.ArgumentParser()
    actions = parser.add_subparsers(required=True)
    checking = actions.add_parser("check")
    checking.add_argument("bench")
    checking.add_argument("binary")
    checking.set_defaults(run=check)
    racing = actions.add_parser("race")
    racing.add_argument("bench")
    racing.add_argument("out")
    racing.add_argument("commit")
    racing.add_argument("names", nargs="*")
    racing.add_argument("--rounds", type=int, default=5)
    racing.add_argument("--milliseconds", type=int, default=300)
    racing.set_defaults(run=race)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
