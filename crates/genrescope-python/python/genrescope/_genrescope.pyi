import os
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias, final, overload

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Recording: TypeAlias = str | os.PathLike[str] | bytes | bytearray | tuple[Samples, int]
PadMode: TypeAlias = Literal["constant", "reflect"]
FeatureSet: TypeAlias = Literal["gtzan57", "gtzan55", "mel46", "mfcc", "mel"]
Matrix: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.float32]]
Vector: TypeAlias = np.ndarray[tuple[int], np.dtype[np.float32]]

__version__: str

class GenrescopeError(Exception):
    kind: str

@final
class Segment:
    @property
    def start_s(self) -> float: ...
    @property
    def end_s(self) -> float: ...
    @property
    def genre(self) -> str | None: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def scores(self) -> Vector: ...

@final
class Classifier:
    def __new__(
        cls,
        model: str | os.PathLike[str] | None = None,
        *,
        threads: int | None = None,
        patch_hop: float | None = None,
    ) -> Classifier: ...
    @property
    def classes_(self) -> NDArray[np.str_]: ...
    @property
    def name(self) -> str: ...
    @property
    def hash(self) -> str: ...
    @overload
    def predict(self, X: Recording) -> str | None: ...  # type: ignore[overload-overlap]
    @overload
    def predict(self, X: Iterable[Recording]) -> NDArray[np.object_]: ...
    @overload
    def predict_proba(self, X: Recording) -> Vector: ...  # type: ignore[overload-overlap]
    @overload
    def predict_proba(self, X: Iterable[Recording]) -> Matrix: ...
    def timeline(self, recording: Recording) -> list[Segment]: ...
    def analyze_batch(self, batch: Any) -> Any: ...

def load(
    path: Recording, *, sr: int = 22_050, offset: float = 0.0, duration: float | None = None
) -> tuple[Vector, int]: ...
def features(
    recording: Recording, *, set: FeatureSet = "gtzan57", pad_mode: PadMode = "constant"
) -> NDArray[np.float64]: ...
def feature_names(set: FeatureSet = "gtzan57") -> list[str]: ...
def embedding(recording: Recording) -> NDArray[np.float64]: ...
def evaluate(
    settings: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    overrides: list[str] = ...,
    fold: int | None = None,
    collect: bool = False,
    threads: int | None = None,
    readings: str | os.PathLike[str] | None = None,
    row: tuple[str, str] | None = None,
) -> str: ...
def fold_count(settings: str | os.PathLike[str], *, overrides: list[str] = ...) -> int: ...
def track_id(path: str) -> int: ...
def melspectrogram(
    *,
    y: Samples,
    sr: int = 22_050,
    n_fft: int = 2048,
    hop_length: int = 512,
    n_mels: int = 128,
    pad_mode: PadMode = "constant",
) -> Matrix: ...
def mfcc(
    *,
    y: Samples,
    sr: int = 22_050,
    n_mfcc: int = 20,
    n_fft: int = 2048,
    hop_length: int = 512,
    pad_mode: PadMode = "constant",
) -> Matrix: ...
def chroma_stft(
    *, y: Samples, sr: int = 22_050, n_fft: int = 2048, hop_length: int = 512, pad_mode: PadMode = "constant"
) -> Matrix: ...
def spectral_centroid(
    *, y: Samples, sr: int = 22_050, n_fft: int = 2048, hop_length: int = 512, pad_mode: PadMode = "constant"
) -> Matrix: ...
def spectral_bandwidth(
    *, y: Samples, sr: int = 22_050, n_fft: int = 2048, hop_length: int = 512, pad_mode: PadMode = "constant"
) -> Matrix: ...
def spectral_rolloff(
    *,
    y: Samples,
    sr: int = 22_050,
    n_fft: int = 2048,
    hop_length: int = 512,
    roll_percent: float = 0.85,
    pad_mode: PadMode = "constant",
) -> Matrix: ...
def rms(
    *, y: Samples, frame_length: int = 2048, hop_length: int = 512, pad_mode: PadMode = "constant"
) -> Matrix: ...
def zero_crossing_rate(y: Samples, *, frame_length: int = 2048, hop_length: int = 512) -> Matrix: ...
def tempo(*, y: Samples, sr: int = 22_050, hop_length: int = 512) -> NDArray[np.float64]: ...
def hpss(y: Samples) -> tuple[Vector, Vector]: ...
def power_to_db(
    S: NDArray[np.float32], *, ref: float = 1.0, amin: float = 1e-10, top_db: float | None = 80.0
) -> NDArray[np.float32]: ...
