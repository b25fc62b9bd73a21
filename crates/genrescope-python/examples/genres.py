# %% [markdown]
# # Genres of recordings, and heads of your own
# Cells for VS Code, Spyder or `jupytext --to notebook genres.py`; `python genres.py RECORDING…` runs it as a script.

# %%
import sys
from pathlib import Path

import numpy as np

import genrescope

demo = Path(__file__).resolve().parents[3] / "demo" / "demo.ogg"
recordings = [path for path in sys.argv[1:] if Path(path).is_file()] or [str(demo)]

# %% [markdown]
# ## Which genre, how sure, and when

# %%
classifier = genrescope.Classifier()
for path, genre, scores in zip(
    recordings, classifier.predict(recordings), classifier.predict_proba(recordings), strict=True
):
    print(f"{path}: {genre}, {np.nanmax(scores):.2f}")
for segment in classifier.timeline(recordings[0]):
    print(f"{segment.start_s:7.2f} s  {segment.genre or segment.reason}")

# %% [markdown]
# ## Features, as librosa names them

# %%
y, sr = genrescope.load(recordings[0], duration=10.0)
mel_db = genrescope.power_to_db(genrescope.feature.melspectrogram(y=y, sr=sr))
print("mel", mel_db.shape, "tempo", genrescope.feature.tempo(y=y, sr=sr))

# %% [markdown]
# ## A head of your own
# Two "genres" from one recording: its first seconds as they are, and under noise.

# %%
from sklearn.pipeline import make_pipeline

from genrescope.heads import FeatureVectors, GenreHead

noise = np.random.default_rng(0).normal(0, 0.3, len(y)).astype(np.float32)
pieces = [(piece, sr) for piece in np.split(y[: len(y) // 4 * 4], 4)]
noisy = [(piece, sr) for piece in np.split((y + noise)[: len(y) // 4 * 4], 4)]
genres = ["clean"] * 3 + ["noisy"] * 3
head = make_pipeline(FeatureVectors("mfcc"), GenreHead()).fit(pieces[:3] + noisy[:3], genres)
print(head.predict([pieces[3], noisy[3]]))

# %% [markdown]
# ## Batches: a bad file is a row

# %%
import pyarrow as pa

batch = pa.RecordBatch.from_pydict({"path": [*recordings, "absent.wav"]})
table = classifier.analyze_batch(batch)
for row in table.select(["path", "genre", "error"]).to_pylist():
    print(row)
