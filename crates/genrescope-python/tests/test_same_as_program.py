"""The package and the command line give the same answers."""

import csv
import io

import numpy as np
import pytest

import genrescope


@pytest.fixture(scope="module")
def classifier():
    return genrescope.Classifier()


def scores_of(record):
    by_genre = {score["genre"]: score["score"] for score in record["scores"]}
    return [by_genre.get(genre, np.nan) for genre in record["genres"]]


def test_genres_and_scores_are_those_of_classify(classifier, songs, silence, records):
    paths = [*songs, silence]
    assert list(classifier.classes_) == records[0]["genres"]
    assert (classifier.name, classifier.hash) == tuple(records[0]["model"].values())
    assert list(classifier.predict(paths)) == [record["genre"] for record in records]
    scores = classifier.predict_proba(paths)
    assert scores.shape == (4, len(classifier.classes_)) and scores.dtype == np.float32
    np.testing.assert_allclose(scores, [scores_of(record) for record in records], atol=1e-6)
    assert np.isnan(scores[3]).all() and classifier.predict(silence) is None


def test_the_timeline_is_that_of_classify(classifier, songs, silence, records):
    for path, record in zip([*songs, silence], records, strict=True):
        timeline = classifier.timeline(path)
        found = [(s.genre, s.reason, round(s.start_s, 3), round(s.end_s, 3)) for s in timeline]
        expected = [(s["genre"], s.get("reason"), s["start_s"], s["end_s"]) for s in record["segments"]]
        assert found == expected
        for segment, said in zip(timeline, record["segments"], strict=True):
            np.testing.assert_allclose(segment.scores, said["scores"], atol=1e-6)


def test_a_path_its_bytes_and_its_samples_are_one_recording(classifier, songs):
    path = songs[0]
    with open(path, "rb") as file:
        content = file.read()
    of_path = classifier.predict_proba(path)
    np.testing.assert_array_equal(classifier.predict_proba(content), of_path)
    np.testing.assert_allclose(classifier.predict_proba(genrescope.load(path)), of_path, atol=1e-6)
    assert of_path.shape == (len(classifier.classes_),)


def test_one_thread_and_many_give_the_same(songs):
    one, many = (genrescope.Classifier(threads=threads).predict_proba(songs) for threads in (1, 4))
    np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize("name", ["gtzan57", "mfcc", "embedding"])
def test_vectors_are_those_of_features(program, songs, name):
    table = list(csv.reader(io.StringIO(program("features", "--set", name, *songs))))
    expected = np.array([row[4:] for row in table[1:]], dtype=float)
    heads = pytest.importorskip("genrescope.heads")
    vectors = heads.FeatureVectors(name)
    np.testing.assert_allclose(vectors.fit_transform(songs), expected, rtol=1e-6, atol=1e-9)
    assert list(vectors.get_feature_names_out()) == table[0][4:]


def test_rows_of_a_batch_are_those_of_analyze(program, classifier, songs, silence, broken, tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    paths = [*songs, silence, broken, str(tmp_path / "absent.wav")]
    manifest = tmp_path / "tracks.txt"
    manifest.write_text("\n".join(paths))
    found = classifier.analyze_batch(pa.RecordBatch.from_pydict({"path": paths}))
    help_text = program("analyze", "--help")
    assert "--manifest" in help_text
    try:
        program("analyze", "--manifest", manifest, "--out", tmp_path / "out")
    except AssertionError as refusal:
        assert "--features parquet" in str(refusal)
        pytest.skip("the program was built without Parquet")
    expected = pq.read_table(tmp_path / "out" / "part-00000-of-00001.parquet")
    assert pa.Table.from_batches([found]).equals(expected, check_metadata=True)
