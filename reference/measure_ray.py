"""What Ray costs beside the judging itself; writes experiments/scale/result.json.

    pip install WHEEL[ray]
    python reference/measure_ray.py COMMIT FOLDER [ROWS]

FOLDER holds recordings for the direct call and the same through Ray. Then ROWS (a million unless given) synthetic tracks
go through Ray with answers that are there already: manifest, blocks, actors, markers of attempts, files and the second
call, which finds nothing to do, are real.
"""

import json
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import ray

import genrescope
from genrescope import ray as on_ray

ROOT = Path(__file__).parent.parent
ENDINGS = (".mp3", ".flac", ".ogg", ".wav", ".opus", ".m4a")
COPIES = 4  # of the folder: enough work that Ray's start is small beside it


class Precomputed(on_ray._Judge):
    """Answers with one row for every track, its number and path in place; all else is as it is."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        silence = (np.zeros(44100, np.float32), 22050)
        self.classifier.predict(silence)
        row = pa.RecordBatch.from_pydict({"path": ["missing"]})
        self.template = self.classifier.analyze_batch(row)
        scores = pa.array([np.full(10, 0.1, np.float32)], self.template.schema.field("scores").type)
        self.template = self.template.set_column(self.template.schema.get_field_index("scores"), self.template.schema.field("scores"), scores)

    def judged(self, group, attempts):
        attempts.begin([row["track_id"] for row in group])
        found = self.template.take(pa.array(np.zeros(len(group), np.int64)))
        for name, kind in (("track_id", pa.int64()), ("path", pa.string())):
            at = found.schema.get_field_index(name)
            found = found.set_column(at, found.schema.field(name), pa.array([row[name] for row in group], kind))
        return found


def timed(work):
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def real(files, threads):
    """Seconds of the direct call and through Ray, start of Ray apart."""
    table = pa.table({"path": [str(path) for path in files] * COPIES, "track_id": pa.array(range(len(files) * COPIES), pa.int64())})
    classifier = genrescope.Classifier(threads=threads)
    batches = table.to_batches(max_chunksize=on_ray.TOGETHER)
    direct_s, _ = timed(lambda: [classifier.analyze_batch(batch) for batch in batches])
    start_s, _ = timed(lambda: ray.init(num_cpus=threads + 3, include_dashboard=False, log_to_driver=False))
    with TemporaryDirectory() as out:
        first_s, _ = timed(lambda: on_ray.analyze(table.slice(0, 1), f"{out}/first", actors=1, threads=threads))
        ray_s, _ = timed(lambda: on_ray.analyze(table, f"{out}/all", actors=1, threads=threads, rows_per_file=len(table)))
    return {"tracks": len(table), "direct_s": round(direct_s, 2), "ray_init_s": round(start_s, 2),
            "ray_one_track_s": round(first_s, 2), "ray_s": round(ray_s, 2),
            "beyond_direct_and_one_track_ms_a_track": round(1000 * (ray_s - direct_s - first_s) / len(table), 2)}


def synthetic(rows, rows_per_file):
    table = pa.table({"path": [f"music/{number // 1000}/{number}.mp3" for number in range(rows)]})
    with TemporaryDirectory() as out:
        whole_s, summary = timed(lambda: on_ray.analyze(table, out, rows_per_file=rows_per_file, actors=2, _judge=Precomputed))
        again_s, again = timed(lambda: on_ray.analyze(table, out, rows_per_file=rows_per_file, actors=2, _judge=Precomputed))
        files = list(Path(out).glob("*.parquet"))
        size = sum(path.stat().st_size for path in files)
    assert (summary.judged, again.judged) == (rows, 0)
    return {"rows": rows, "rows_per_file": rows_per_file, "files": len(files), "bytes_a_row": round(size / rows, 1),
            "wall_s": round(whole_s, 1), "ms_a_row": round(1000 * whole_s / rows, 3), "second_call_s": round(again_s, 1)}


def main() -> None:
    commit, folder, rows = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000
    files = sorted(path for path in folder.rglob("*") if path.suffix in ENDINGS)
    result = {"schema": "genrescope.scale/1", "made_by": "reference/measure_ray.py", "commit": commit, "cores": os.cpu_count(),
              "ray": ray.__version__, "real": real(files, threads=os.cpu_count()), "synthetic": synthetic(rows, rows_per_file=2000)}
    out = ROOT / "experiments/scale/result.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
