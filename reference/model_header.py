"""The header of a model file; the cross-validation of `fast` and what its scores mean put into it:

    python reference/model_header.py experiments/choice/residual-bands/result.json

The argument is the `result.json` of a cross-validation of the recipe by which the model was trained.
"""

import json
import sys
from contextlib import contextmanager
from pathlib import Path

from safetensors import safe_open
from safetensors.numpy import save_file

FAST = Path(__file__).parent.parent / "crates/genrescope/models/fast.safetensors"


@contextmanager
def changed(model: Path):
    """The header, written back with the tensors as they were."""
    with safe_open(model, "numpy") as file:
        header = json.loads(file.metadata()["genrescope"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    yield header
    save_file(tensors, model, {"genrescope": json.dumps(header)})


if __name__ == "__main__":
    found = json.loads(Path(sys.argv[1]).read_text())
    with changed(FAST) as header:
        header["certainty"] = found["certainty"]["certainty"]
        for result in header["results"]:
            if result["protocol"] == found["protocol"]:
                result["accuracy_percent"] = found["pooled"]["accuracy_percent"]
                result["interval"] = found["pooled"]["interval_percent"]
