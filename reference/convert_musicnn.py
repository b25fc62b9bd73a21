"""Writes crates/genrescope/models/musicnn.safetensors: the weights of MSD_musicnn, from the PyPI package musicnn 0.1.0.

    pip install -r reference/requirements-musicnn.txt && pip install --no-deps musicnn==0.1.0
    python reference/convert_musicnn.py
    python reference/train_tags_head.py ../shared/data COMMIT FOLDS BINARY      adds the head of ten genres

Weights are kept in half precision, the statistics and gains of batch norms in single precision. The package's licence
(ISC) stands in THIRD-PARTY-NOTICES.md.
"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from safetensors.numpy import save_file

MODEL = Path(__file__).parent.parent / "crates/genrescope/models/musicnn.safetensors"
PACKAGE = Path(importlib.util.find_spec("musicnn").submodule_search_locations[0])
CHANNELS = 753  # that are pooled over time

# Our node: the checkpoint's convolution and batch norm.
BLOCKS = {
    "timbral1": ("conv2d", "batch_normalization_1"), "timbral2": ("conv2d_1", "batch_normalization_2"),
    "temporal1": ("conv2d_2", "batch_normalization_3"), "temporal2": ("conv2d_3", "batch_normalization_4"),
    "temporal3": ("conv2d_4", "batch_normalization_5"), "middle1": ("conv2d_5", "batch_normalization_6"),
    "middle2": ("conv2d_6", "batch_normalization_7"), "middle3": ("conv2d_7", "batch_normalization_8"),
}
NORMS = {"input.norm": "batch_normalization", "pooled.norm": "batch_normalization_9",
         "penultimate.norm": "batch_normalization_10"}
STATISTICS = {"gamma": "gamma", "beta": "beta", "running_mean": "moving_mean", "running_variance": "moving_variance"}


def labels() -> list:
    """The 50 tags, in the order of the outputs; read from the text, as importing the package needs all it asks for."""
    names = {}
    exec((PACKAGE / "configuration.py").read_text(), names)  # assignments of constants only
    return names["MSD_LABELS"]


def pooled_order(values: np.ndarray) -> np.ndarray:
    """The checkpoint has (maximum, mean) of one channel after the other; here all maxima come first."""
    return np.concatenate([values[0::2], values[1::2]])


def kernel(name: str, weight: np.ndarray) -> np.ndarray:
    if name.startswith("temporal"):  # one step that weighs nothing makes the length odd
        return np.concatenate([np.zeros_like(weight[:1]), weight])
    if name.startswith("middle"):  # [steps, channels, 1, 64]: channels were an axis of the image
        return weight.transpose(0, 2, 1, 3)
    return weight


def tensors(read) -> dict:
    out = {}
    for name, (conv, norm) in BLOCKS.items():
        out[f"{name}.conv.weight"] = kernel(name, read(f"{conv}/kernel"))
        out[f"{name}.conv.bias"] = read(f"{conv}/bias")
        NORMS[f"{name}.norm"] = norm
    for name, norm in NORMS.items():
        for ours, theirs in STATISTICS.items():
            values = read(f"{norm}/{theirs}")
            out[f"{name}.{ours}"] = pooled_order(values) if name == "pooled.norm" else values
    for name, dense in {"penultimate": "dense", "scores": "dense_1"}.items():
        weight = read(f"{dense}/kernel")
        out[f"{name}.weight"] = pooled_order(weight) if name == "penultimate" else weight
        out[f"{name}.bias"] = read(f"{dense}/bias")
    return {name: half(name, values) for name, values in out.items()}


def half(name: str, values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.float16 if name.endswith(".weight") and "single" not in sys.argv else np.float32)


def header() -> dict:
    return {
        "format_version": 1, "name": "musicnn", "network": "musicnn", "patch_frames": 187, "any_length": True,
        "front_end": {
            "sample_rate_hz": 16000, "n_fft": 512, "hop_samples": 256, "mel_bands": 96, "frame_step": 1.0,
            "reference": "patch", "floor_db": -60.0, "padding": "reflect",
            "compression": {"log10": {"gain": 10000.0}},
            # The package reads files by librosa, which resampled so.
            "low_pass": "kaiser_best",
        },
        "vocabulary": "tags", "genres": labels(), "normalisation": {"mean": [0.0], "deviation": [1.0]},
        "trained_on": {"data": "Million Song Dataset, 201,680 tracks with Last.fm tags, by its authors (MSD_musicnn)",
                       "tracks": 201680, "epochs": 0, "seed": 0, "settings": ""},
        "results": [], "licence": "ISC", "commit": "musicnn 0.1.0",
    }


def main() -> None:
    reader = tf.compat.v1.train.NewCheckpointReader(f"{PACKAGE}/MSD_musicnn/")
    weights = tensors(reader.get_tensor)
    save_file(weights, MODEL, {"genrescope": json.dumps(header())})
    print(f"{MODEL.name}: {sum(values.size for values in weights.values())} numbers, {MODEL.stat().st_size} bytes")


if __name__ == "__main__":
    main()
