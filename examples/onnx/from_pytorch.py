"""Makes an ONNX file of a PyTorch network that genrescope judges by.

    pip install torch onnx onnxscript
    genrescope inspect --json > like.json     # a front end to copy
    python from_pytorch.py like.json theirs.onnx
    genrescope classify song.mp3 --model theirs.onnx

Your own network goes where `Network` stands; train it on patches as the front end makes them: dB under the loudest cell of
the patch, not below the floor (`genrescope features --set mel` for whole recordings; `genrescope.log_mel` in Python).
"""

import json
import sys

import onnx
import torch

GENRES = ["folk", "techno"]
PATCH_FRAMES = 128


class Network(torch.nn.Module):
    """`mel` [batch, bands, frames] in dB → `scores` [batch, genres], sum 1. What you do to the levels is inside."""

    def __init__(self, bands: int):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv1d(bands, 16, 5), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool1d(1), torch.nn.Flatten(),
            torch.nn.Linear(16, len(GENRES)), torch.nn.Softmax(dim=1))

    def forward(self, mel):
        return self.layers((mel + 30) / 20)


def main() -> None:
    like, out = json.load(open(sys.argv[1])), sys.argv[2]
    bands = like["front_end"]["mel_bands"]
    network = Network(bands).eval()
    example = torch.zeros(2, bands, PATCH_FRAMES)
    torch.onnx.export(network, (example,), out, input_names=["mel"], output_names=["scores"],
                      dynamic_shapes={"mel": {0: torch.export.Dim("batch")}}, external_data=False)
    model = onnx.load(out)
    onnx.helper.set_model_props(model, {
        "genrescope.front_end": json.dumps(like["front_end"]),
        "genrescope.genres": json.dumps(GENRES),
        "genrescope.model": "theirs",
        "genrescope.licence": "MIT",
    })
    onnx.save(model, out)


if __name__ == "__main__":
    main()
