"""Runs the examples for Spark and for Daft on Ray and compares them with the direct call; writes experiments/scale/engines.json.

    pip install WHEEL[ray] pyspark 'daft<0.8'; apt-get install default-jre-headless
    python reference/measure_engines.py COMMIT FOLDER
"""

import csv
import json
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

import genrescope

ROOT = Path(__file__).parent.parent
EXAMPLES = {"pyspark": "on_spark.py", "daft": "on_daft.py"}


def run(example: str, tracks: Path, out: Path, direct: dict) -> dict:
    started = time.perf_counter()
    subprocess.run([sys.executable, ROOT / "examples/cluster" / example, tracks, out], check=True)
    seconds = time.perf_counter() - started
    found = {row["path"]: row["genre"] for row in pq.read_table(out).to_pylist()}
    return {"rows": len(found), "genres_equal": found == direct, "wall_s": round(seconds, 1)}


def main() -> None:
    commit, folder = sys.argv[1], Path(sys.argv[2]).resolve()
    paths = sorted(str(path) for path in folder.rglob("*") if path.suffix in (".flac", ".mp3", ".wav", ".ogg"))
    table = genrescope.Classifier().analyze_batch(pa.RecordBatch.from_pydict({"path": paths}))
    direct = dict(zip(paths, table["genre"].to_pylist()))
    result = {"schema": "genrescope.engines/1", "made_by": "reference/measure_engines.py", "commit": commit}
    with TemporaryDirectory() as name:
        place = Path(name)
        with (place / "tracks.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["path"], *([path] for path in paths)])
        pq.write_table(pa.Table.from_batches([table]), place / "rows.parquet")
        result["bytes_a_row"] = round((place / "rows.parquet").stat().st_size / len(paths), 1)
        for engine, example in EXAMPLES.items():
            result[engine] = {"version": version(engine), **run(example, place / "tracks.csv", place / engine, direct)}
    (ROOT / "experiments/scale/engines.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
