"""Batches of Arrow."""

import numpy as np
import pytest

import genrescope

pa = pytest.importorskip("pyarrow")


@pytest.fixture(scope="module")
def classifier():
    return genrescope.Classifier()


def test_a_bad_file_is_a_row_with_its_error_and_the_others_are_judged(classifier, songs, broken):
    batch = pa.RecordBatch.from_pydict({"path": [songs[0], broken, "absent.wav", songs[1], None]})
    rows = classifier.analyze_batch(batch).to_pylist()
    assert [row["error"] for row in rows] == [None, "unsupported_format", "not_found", None, "bad_manifest"]
    assert [row["path"] or None for row in rows] == batch["path"].to_pylist()
    assert "absent.wav" in rows[2]["error_message"] and rows[1]["scores"] is None
    np.testing.assert_array_equal(
        np.float32([rows[0]["scores"], rows[3]["scores"]]), classifier.predict_proba([songs[0], songs[1]])
    )


def test_bytes_are_judged_like_their_file_and_numbers_of_tracks_are_kept(classifier, songs):
    audio = [open(path, "rb").read() for path in songs]
    for kind in (pa.binary(), pa.large_binary()):
        batch = pa.RecordBatch.from_pydict({"audio": pa.array(audio, kind), "track_id": [5, -6, 7]})
        rows = classifier.analyze_batch(batch).to_pylist()
        assert [row["track_id"] for row in rows] == [5, -6, 7]
        assert [row["genre"] for row in rows] == list(classifier.predict(songs))


def test_an_empty_batch_has_the_columns_and_a_batch_without_recordings_is_refused(classifier, songs):
    empty = classifier.analyze_batch(pa.RecordBatch.from_pydict({"path": pa.array([], pa.string())}))
    full = classifier.analyze_batch(pa.RecordBatch.from_pydict({"path": pa.array(songs[:1], pa.large_string())}))
    assert empty.num_rows == 0 and empty.schema.equals(full.schema, check_metadata=True)
    with pytest.raises(ValueError, match="neither a column `path` nor"):
        classifier.analyze_batch(pa.RecordBatch.from_pydict({"file": songs}))
    with pytest.raises(ValueError, match="column path is Int64"):
        classifier.analyze_batch(pa.RecordBatch.from_pydict({"path": [1]}))
