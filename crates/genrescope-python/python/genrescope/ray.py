"""Many recordings on the machines of a Ray cluster: ``pip install genrescope[ray]``.

An actor judges a block of tracks and writes them as one Parquet file, whole or not at all, named by what is in it. So an
actor, a machine or the driver may be killed at any moment: the same call goes on with the tracks that no file holds.
"""

import datetime
import hashlib
import json
import os
from collections import Counter
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet

import ray
import ray.data

from ._genrescope import Classifier, fold_count, track_id
from ._genrescope import evaluate as _evaluate

__all__ = ["Summary", "analyze", "evaluate"]

#: Tracks that one call judges: their threads are busy at once, and so many are under suspicion when it crashes.
TOGETHER = 16
#: Folder below the output with what was being judged when an actor was lost.
ATTEMPTS = "_attempts"


@dataclass(frozen=True)
class Summary:
    """What a call of :func:`analyze` did."""

    #: Tracks of the manifest, each counted once.
    tracks: int
    #: Those that files held already.
    before: int
    #: Those judged now, with ``failed`` among them.
    judged: int
    #: Rows with an error.
    failed: int


def read_manifest(manifest) -> pa.Table:
    """``track_id`` (int64), ``path`` and the ``file`` it means, of every track, the first of equal ones.

    ``manifest`` is a table, or the path of a ``.parquet`` or ``.csv`` file with a column ``path`` (and, if it likes, an
    int64 ``track_id``), or of a text file with a path a line. Without numbers a track's number is
    :func:`genrescope.track_id` of its path. Paths are relative to the manifest's folder.
    """
    folder = None
    if isinstance(manifest, (str, os.PathLike)):
        folder, name = os.path.dirname(os.path.abspath(manifest)), os.fspath(manifest)
        if name.endswith(".parquet"):
            manifest = pyarrow.parquet.read_table(name)
        elif name.endswith(".csv"):
            manifest = pyarrow.csv.read_csv(name)
        else:
            with open(name, encoding="utf-8") as lines:
                manifest = pa.table({"path": [line.rstrip("\n") for line in lines if line.strip()]})
    if "path" not in manifest.column_names:
        raise ValueError("the manifest has no column `path`")
    paths = manifest["path"].cast(pa.string()).combine_chunks()
    if "track_id" in manifest.column_names:
        numbers = manifest["track_id"].cast(pa.int64())
    else:
        numbers = pa.array([track_id(path) for path in paths.to_pylist()], pa.int64())
    places = pa.array([os.path.join(folder, path) for path in paths.to_pylist()], pa.string()) if folder else paths
    table = pa.table({"track_id": numbers, "path": paths, "file": places})
    first = table.append_column("row", pa.array(range(len(table)))).group_by("track_id").aggregate([("row", "min")])
    return table.take(first["row_min"].combine_chunks().sort())


def analyze(
    manifest,
    output,
    *,
    model=None,
    patch_hop=None,
    actors=None,
    threads=1,
    rows_per_file=500,
    max_attempts=3,
    _judge=None,
) -> Summary:
    """Judges the tracks of a manifest into Parquet files with the columns of ``genrescope analyze``.

    ``manifest``: see :func:`read_manifest`. ``output``: a folder that every machine sees, or the URI of one. ``actors``
    judge at once (all CPUs of the cluster unless given), with ``threads`` each; each file has ``rows_per_file`` tracks, the
    work that is lost with an actor. A recording that took its actor down ``max_attempts`` times becomes a row with the
    error ``quarantined``; one that cannot be read is a row with its error at once.

    Tracks that files in ``output`` hold are left as they are: the same call goes on where it was killed.
    """
    if not ray.is_initialized():
        ray.init()
    files, folder = pyarrow.fs.FileSystem.from_uri(_uri(output))
    files.create_dir(f"{folder}/{ATTEMPTS}", recursive=True)
    table = read_manifest(manifest)
    known = _known(files, folder)
    todo = table.filter(pc.invert(pc.is_in(table["track_id"], value_set=known)))
    judged = failed = 0
    if len(todo):
        count = actors or max(1, int(ray.cluster_resources().get("CPU", 1)) // threads)
        settings = dict(model=model, patch_hop=patch_hop, threads=threads)
        # One block a file, cut here: Ray makes one block of a small manifest, and to cut it needs a CPU that actors may have.
        starts = range(0, len(todo), rows_per_file)
        blocks = ray.data.from_arrow([todo.slice(start, rows_per_file) for start in starts])
        found = blocks.map_batches(
            _judge or _Judge,
            fn_constructor_args=(_uri(output), settings, max_attempts, _tries(files, folder)),
            batch_size=None,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=min(count, len(starts))),
            num_cpus=threads,
            max_restarts=-1,
            # Ray's own number is without end. A block crashes once with its batch, then with each suspect in turn.
            max_task_retries=(max_attempts + 1) * TOGETHER,
        )
        for batch in found.iter_batches(batch_size=None, batch_format="pyarrow"):
            judged += pc.sum(batch["tracks"]).as_py()
            failed += pc.sum(batch["failed"]).as_py()
    files.delete_dir(f"{folder}/{ATTEMPTS}")
    return Summary(len(table), len(table) - len(todo), judged, failed)


def evaluate(settings, out, *, overrides=(), readings=None, what="", num_cpus=1) -> list[dict]:
    """Measures ways of training by a protocol, its folds as tasks of Ray; what ``genrescope evaluate`` writes as result.json.

    ``settings`` is a file that every machine sees, ``out`` a folder that every machine sees; folds that are done there are
    not done again. ``num_cpus`` threads train each fold. ``readings`` and ``what`` record the reading of a test part.
    """
    if not ray.is_initialized():
        ray.init()
    row = (datetime.date.today().isoformat(), what)
    common = dict(overrides=list(overrides), readings=readings, row=row, threads=num_cpus)
    fold = ray.remote(num_cpus=num_cpus)(_fold)
    count = fold_count(settings, overrides=list(overrides))
    ray.get([fold.remote(settings, out, number, common) for number in range(1, count + 1)])
    return json.loads(_evaluate(settings, out, collect=True, **common))


def _fold(settings, out, number, common):
    _evaluate(settings, out, fold=number, **common)


class _Judge:
    """An actor: a block of tracks → one file, and how many rows of it are errors."""

    def __init__(self, output, settings, max_attempts, tries):
        self.files, self.folder = pyarrow.fs.FileSystem.from_uri(output)
        self.classifier = Classifier(settings["model"], threads=settings["threads"], patch_hop=settings["patch_hop"])
        self.max_attempts, self.tries = max_attempts, tries

    def __call__(self, block: pa.Table) -> pa.Table:
        name = hashlib.blake2b(block["track_id"].combine_chunks().to_numpy().tobytes(), digest_size=12).hexdigest()
        attempts = _Attempts(self.files, f"{self.folder}/{ATTEMPTS}/{name}.json", self.tries)
        suspects = [row for row in block.to_pylist() if attempts.tries[row["track_id"]]]
        others = [row for row in block.to_pylist() if not attempts.tries[row["track_id"]]]
        groups = [[row] for row in suspects] + [others[i:i + TOGETHER] for i in range(0, len(others), TOGETHER)]
        rows = [self.judged(group, attempts) for group in groups]
        table = pa.Table.from_batches(rows)
        _put(self.files, f"{self.folder}/{name}.parquet", table)
        attempts.forget()
        return pa.table({"tracks": [len(table)], "failed": [len(table) - table["error"].null_count]})

    def judged(self, group, attempts) -> pa.RecordBatch:
        if len(group) == 1 and attempts.tries[group[0]["track_id"]] >= self.max_attempts:
            return self.quarantined(group[0], attempts.tries[group[0]["track_id"]])
        attempts.begin([row["track_id"] for row in group])
        columns = {"track_id": [row["track_id"] for row in group], "path": [row["file"] for row in group]}
        found = self.classifier.analyze_batch(pa.RecordBatch.from_pydict(columns))
        named = pa.array([row["path"] for row in group], pa.string())
        return found.set_column(found.schema.get_field_index("path"), found.schema.field("path"), named)

    def quarantined(self, row, times) -> pa.RecordBatch:
        """The row of a missing file, with another error."""
        missing = pa.RecordBatch.from_pydict({"track_id": [row["track_id"]], "path": pa.array([None], pa.string())})
        batch = self.classifier.analyze_batch(missing)
        [found] = batch.to_pylist()
        what = f"{row['path']}: whoever judged it was lost, {times} times; it is not tried again"
        found |= {"path": row["path"], "error": "quarantined", "error_message": what}
        return pa.RecordBatch.from_pylist([found], batch.schema)


class _Attempts:
    """What of a block is being judged, kept where it outlives who judges: who was in flight at a crash is a suspect."""

    def __init__(self, files, place, tries):
        self.files, self.place = files, place
        state = _read_json(files, place)
        # What was counted before stands in the file as well as in `tries`: once, not twice.
        self.tries = Counter(tries) | Counter({int(number): count for number, count in state.get("tries", {}).items()})
        self.tries.update(state.get("in_flight", []))

    def begin(self, numbers):
        state = {"in_flight": numbers, "tries": {number: count for number, count in self.tries.items() if count}}
        with self.files.open_output_stream(self.place) as stream:
            stream.write(json.dumps(state).encode())

    def forget(self):
        if self.files.get_file_info(self.place).is_file:
            self.files.delete_file(self.place)


def _read_json(files, place) -> dict:
    if not files.get_file_info(place).is_file:
        return {}
    with files.open_input_stream(place) as stream:
        try:
            return json.loads(stream.read())
        except ValueError:  # killed while it was written
            return {}


def _tries(files, folder) -> dict:
    """How often each track was in flight at a crash of an earlier run."""
    tries = Counter()
    for info in files.get_file_info(pyarrow.fs.FileSelector(f"{folder}/{ATTEMPTS}")):
        tries.update(_Attempts(files, info.path, {}).tries)
        files.delete_file(info.path)
    return dict(tries)


def _known(files, folder) -> pa.Array:
    """Numbers of the tracks that files hold."""
    infos = files.get_file_info(pyarrow.fs.FileSelector(folder))
    places = [info.path for info in infos if info.is_file and info.path.endswith(".parquet")]
    if not places:
        return pa.array([], pa.int64())
    found = pyarrow.dataset.dataset(places, filesystem=files).to_table(columns=["track_id"])
    return found["track_id"].combine_chunks()


def _put(files, place, table) -> None:
    """Beside its place first: nobody reads half a file."""
    draft = f"{place}.{os.getpid()}.part"
    pyarrow.parquet.write_table(table, draft, filesystem=files)
    files.move(draft, place)


def _uri(place) -> str:
    place = os.fspath(place)
    return place if "://" in place else "file://" + os.path.abspath(place)
