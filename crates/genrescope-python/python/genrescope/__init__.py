"""Which musical genre a recording is, and how that changes over the track.

A recording is a path, the bytes of a file, or mono samples with their rate, ``(y, sr)``; the content decides the
format. Arrays are NumPy's. Nothing here holds the interpreter's lock while it decodes or computes.
"""

from . import effects, feature
from ._genrescope import (
    Classifier,
    GenrescopeError,
    Segment,
    __version__,
    embedding,
    feature_names,
    features,
    load,
    power_to_db,
)

__all__ = [
    "Classifier",
    "GenrescopeError",
    "Segment",
    "__version__",
    "effects",
    "embedding",
    "feature",
    "feature_names",
    "features",
    "load",
    "power_to_db",
]
