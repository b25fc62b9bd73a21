"""Judges the tracks of a CSV file on Spark: spark-submit on_spark.py tracks.csv genres (pip install genrescope[arrow] pyspark)."""

import sys

from pyspark.sql import SparkSession

SEGMENT = "struct<start_s:double,end_s:double,genre:string,reason:string>"
# Scores are a list of any length, which is what Spark reads.
SCHEMA = f"""track_id long, path string, duration_s double, genre string, unknown boolean, reason string, scores array<float>,
    segments array<{SEGMENT}>, warnings array<string>, error string, error_message string, model string, model_hash string"""


def judge(batches):
    import genrescope

    classifier = genrescope.Classifier(threads=1)
    yield from map(classifier.analyze_batch, batches)


if __name__ == "__main__":
    spark = SparkSession.builder.getOrCreate()
    tracks = spark.read.csv(sys.argv[1], header=True).repartition(spark.sparkContext.defaultParallelism)
    tracks.mapInArrow(judge, SCHEMA).write.mode("overwrite").parquet(sys.argv[2])
