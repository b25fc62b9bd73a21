"""Judges the tracks of a CSV file by Daft on Ray: python on_daft.py tracks.csv genres (pip install genrescope[arrow] 'daft[ray]<0.8')."""

import sys

import daft
import pyarrow as pa
from daft import DataType

import genrescope


@daft.udf(return_dtype=DataType.string(), concurrency=2)
class Genre:
    def __init__(self):
        self.classifier = genrescope.Classifier(threads=1)

    def __call__(self, path):
        batch = pa.RecordBatch.from_pydict({"path": path.to_arrow()})
        return self.classifier.analyze_batch(batch)["genre"]


if __name__ == "__main__":
    daft.set_runner_ray()
    daft.read_csv(sys.argv[1]).with_column("genre", Genre(daft.col("path"))).write_parquet(sys.argv[2], write_mode="overwrite")
