"""How a golden is written: what is kept of an array, and who made it with which versions."""

import json
import platform
from pathlib import Path

import librosa
import numpy as np
import scipy

from synthesis import SEED

GOLDEN = Path(__file__).parent.parent / "crates/genrescope/tests/golden"
ENTRIES = 96


def sampled(values: np.ndarray) -> dict:
    """Maximum, sum and some entries of an array that is too large to store; indices into the flattened array."""
    flat = values.astype(np.float64).ravel()
    index = np.sort(np.random.default_rng(SEED).choice(flat.size, min(ENTRIES, flat.size), replace=False))
    return {
        "maximum": float(flat.max()),
        "sum": float(flat.sum()),
        "index": index.tolist(),
        "value": [float(f"{v:.9g}") for v in flat[index]],
    }


def write(name: str, script: str, cases: list) -> None:
    golden = {
        "generated_by": f"reference/{Path(script).name}",
        "versions": {"python": platform.python_version(), "librosa": librosa.__version__,
                     "numpy": np.__version__, "scipy": scipy.__version__},
        "seed": SEED,
        "cases": cases,
    }
    GOLDEN.mkdir(parents=True, exist_ok=True)
    (GOLDEN / name).write_text(json.dumps(golden, indent=None, separators=(",", ":")) + "\n")
