"""Many recordings on Ray: whoever is killed, in the end there is one row a track."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import RATE_HZ, write_wav

import genrescope

pa = pytest.importorskip("pyarrow")
ray = pytest.importorskip("ray")
cluster_utils = pytest.importorskip("ray.cluster_utils")

os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")

import pyarrow.fs  # noqa: E402
import pyarrow.parquet  # noqa: E402

from genrescope import ray as on_ray  # noqa: E402


@pytest.fixture(scope="module")
def cluster():
    """A head that computes nothing and two machines with two CPUs each."""
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    machines = [cluster.add_node(num_cpus=2) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster, machines
    ray.shutdown()
    cluster.shutdown()


def make_manifest(folder, count):
    """Short sounds, one that is broken and one that is missing."""
    rng = np.random.default_rng(3)
    for number in range(count):
        write_wav(folder / f"{number}.wav", rng.normal(0, 0.1, RATE_HZ))
    (folder / "broken.wav").write_bytes(b"only words " * 50)
    names = [f"{number}.wav" for number in range(count)] + ["broken.wav", "missing.wav"]
    (folder / "tracks.txt").write_text("\n".join(names) + "\n")
    return names


def rows(output):
    """By path; each track once."""
    tables = [pa.parquet.read_table(path) for path in Path(output).glob("*.parquet")]
    found = pa.concat_tables(tables).to_pylist()
    assert len({row["track_id"] for row in found}) == len(found)
    return {row["path"]: row for row in found}


def test_every_track_is_a_row_as_the_classifier_says_and_the_second_call_has_nothing_to_do(cluster, tmp_path):
    names = make_manifest(tmp_path, 30)
    summary = on_ray.analyze(tmp_path / "tracks.txt", tmp_path / "out", rows_per_file=8)
    assert summary == on_ray.Summary(tracks=32, before=0, judged=32, failed=2)
    found = rows(tmp_path / "out")
    assert sorted(found) == sorted(names)
    alone = genrescope.Classifier().analyze_batch(pa.RecordBatch.from_pydict({"path": [str(tmp_path / "7.wav")]})).to_pylist()
    assert found["7.wav"] == alone[0] | {"path": "7.wav", "track_id": genrescope._genrescope.track_id("7.wav")}
    assert {name: found[name]["error"] for name in names[-2:]} == {"broken.wav": "unsupported_format", "missing.wav": "not_found"}
    again = on_ray.analyze(tmp_path / "tracks.txt", tmp_path / "out", rows_per_file=8)
    assert again == on_ray.Summary(tracks=32, before=32, judged=0, failed=0)


def reader_of(pipe):
    """Who has the pipe open, and is not this process."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if int(process.name) != os.getpid() and any(os.readlink(fd) == str(pipe) for fd in (process / "fd").iterdir()):
                return int(process.name)
        except OSError:
            pass
    return None


def killing_readers(pipe, killed, over):
    """Whoever opens the pipe to read is killed: a recording that takes its actor down."""
    while not over.is_set():
        try:
            end = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads
            time.sleep(0.05)
            continue
        reader = reader_of(pipe)
        if reader:
            os.kill(reader, signal.SIGKILL)
            killed.append(reader)
        os.close(end)


def test_a_recording_that_kills_is_quarantined_and_the_rest_is_judged(cluster, tmp_path):
    names = make_manifest(tmp_path, 6)
    os.mkfifo(tmp_path / "poison.wav")
    with open(tmp_path / "tracks.txt", "a") as tracks:
        tracks.write("poison.wav\n")
    killed, over = [], threading.Event()
    thread = threading.Thread(target=killing_readers, args=(tmp_path / "poison.wav", killed, over))
    thread.start()
    try:
        summary = on_ray.analyze(tmp_path / "tracks.txt", tmp_path / "out", max_attempts=2, rows_per_file=20)
    finally:
        over.set()
        thread.join()
    assert summary.judged == 9 and len(killed) >= 2
    found = rows(tmp_path / "out")
    assert sorted(found) == sorted([*names, "poison.wav"])
    assert found["poison.wav"]["error"] == "quarantined" and "2 times" in found["poison.wav"]["error_message"]
    assert [name for name, row in found.items() if row["error"]] == [name for name in found if name in ("poison.wav", "broken.wav", "missing.wav")]


def test_each_crash_counts_once_whoever_remembers_it(tmp_path):
    files, place = pa.fs.LocalFileSystem(), str(tmp_path / "block.json")
    before = {7: 1}
    attempts = on_ray._Attempts(files, place, before)
    for crashes in (1, 2):
        attempts.begin([7, 8])
        attempts = on_ray._Attempts(files, place, before)  # who began is gone
        assert (attempts.tries[7], attempts.tries[8]) == (1 + crashes, crashes)
    attempts.forget()
    assert on_ray._Attempts(files, place, before).tries[7] == 1


def test_a_machine_that_is_lost_takes_no_track_with_it(cluster, tmp_path):
    names = make_manifest(tmp_path, 40)
    machines, (first, _) = cluster

    def lose():
        while not list((tmp_path / "out").glob("*.parquet")):
            time.sleep(0.02)
        machines.remove_node(first)

    thread = threading.Thread(target=lose)
    thread.start()
    summary = on_ray.analyze(tmp_path / "tracks.txt", tmp_path / "out", rows_per_file=3, actors=4)
    thread.join()
    assert summary.judged == 42
    assert sorted(rows(tmp_path / "out")) == sorted(names)


DRIVER = """
import sys, ray
from genrescope import ray as on_ray
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
print(on_ray.analyze(sys.argv[1], sys.argv[2], rows_per_file=2, actors=1))
"""


def test_a_driver_that_is_killed_goes_on_where_it_stopped(tmp_path):
    names = make_manifest(tmp_path, 60)
    command = [sys.executable, "-c", DRIVER, str(tmp_path / "tracks.txt"), str(tmp_path / "out")]
    environment = {**os.environ, "RAY_ADDRESS": "local"}
    driver = subprocess.Popen(command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(list((tmp_path / "out").glob("*.parquet"))) < 3:
        assert driver.poll() is None, "it ended before it was killed"
        time.sleep(0.02)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    before = len(rows(tmp_path / "out"))
    assert 0 < before < len(names)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "tracks=62" in done.stdout and "before=0" not in done.stdout
    assert sorted(rows(tmp_path / "out")) == sorted(names)


SETTINGS = """
[data]
name = "made up"
path = {data!r}
[features]
mel_bands = 16
[model]
network = "residual"
patch_frames = 24
[train]
epochs = 2
batch_size = 8
[augment]
band_shift = 1
band_mask_width = 2
frame_mask_width = 4
[folds]
protocol = "groups"
k = 3
learn = "train+valid"
"""


def make_spectrograms(folder):
    """Low sounds and high ones, by ten artists."""
    lines = ["path,clip,genre,db_step,filtered_split,artist"]
    for number in range(30):
        genre = ["metal", "classical"][number % 2]
        levels = np.full((16, 40), 100, np.uint8)
        (levels[:8] if genre == "metal" else levels[8:])[:] = 220 + number % 7
        (folder / genre).mkdir(exist_ok=True)
        np.save(folder / genre / f"{number}.npy", levels)
        lines.append(f"{genre}/{number}.npy,c{number},{genre},0.3125,train,{number // 3}")
    (folder / "tracks.csv").write_text("\n".join(lines) + "\n")


def test_folds_as_tasks_come_to_what_one_process_comes_to(cluster, tmp_path):
    (tmp_path / "data").mkdir()
    make_spectrograms(tmp_path / "data")
    settings = tmp_path / "settings.toml"
    settings.write_text(SETTINGS.format(data=str(tmp_path / "data")))
    alone = json.loads(genrescope._genrescope.evaluate(settings, tmp_path / "alone", threads=1))
    tasks = on_ray.evaluate(settings, tmp_path / "tasks")
    assert tasks == alone and len(alone[0]["folds"]) == 3
    assert (tmp_path / "tasks/result.json").read_bytes() == (tmp_path / "alone/result.json").read_bytes()
