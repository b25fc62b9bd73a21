"""Threads run at once: each of them is held inside the package until the other is there too.

If the package kept the interpreter's lock, nobody could feed the pipes and the process would stand still: whoever runs
this sets a limit of time, as `.ci/run` does.
"""

import os
import threading

import numpy as np
import pytest

import genrescope

# A thread that waits for another one that may not run waits for ever: this long is for ever, s.
PATIENCE_S = 120


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_two_threads_are_inside_one_classifier_at_once(songs, tmp_path):
    classifier = genrescope.Classifier(threads=1)
    expected = classifier.predict_proba(songs[:2])
    pipes = [tmp_path / "a", tmp_path / "b"]
    content = [open(path, "rb").read() for path in songs[:2]]
    answers = [None, None]

    def judge(number):
        answers[number] = classifier.predict_proba(str(pipes[number]))

    threads = [threading.Thread(target=judge, args=[number], daemon=True) for number in (0, 1)]
    for pipe in pipes:
        os.mkfifo(pipe)
    for thread in threads:
        thread.start()

    def feed():
        # Opening waits for a reader: from here on both threads are inside, and each needs what comes last.
        writers = [open(pipe, "wb") for pipe in pipes]
        for half in (0, 1):
            for writer, data in zip(writers, content, strict=True):
                middle = len(data) // 2
                writer.write(data[:middle] if half == 0 else data[middle:])
                writer.flush()
        for writer in writers:
            writer.close()

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "a thread holds the interpreter's lock while it reads"
    np.testing.assert_array_equal(np.stack(answers), expected)
