"""Goldens of the engine: outputs, losses and gradients of small graphs, by PyTorch in float64.

    pip install -r reference/requirements-nn.txt
    python reference/make_nn_golden.py            # rewrites crates/genrescope-nn/tests/golden/*.json
    python reference/make_nn_golden.py --check    # recomputes and compares, writes nothing

Each case is a graph described as data: the Rust test builds the same graph from the same JSON.
Every tensor is `[time, bands, channels]` a sample, weights are laid out as the engine lays them out, and
PyTorch's own operators do the arithmetic. Each gradient is also compared with float64 central differences;
the largest error, relative to the tensor's maximum, stands in the JSON.

Inputs and weights are not stored. Both languages draw them from one generator, bit for bit:

    seed      = FNV-1a (64 bit) of the UTF-8 text "CASE/TENSOR"
    z         = seed + (index + 1) * 0x9E3779B97F4A7C15                (mod 2^64; SplitMix64)
    z         = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;  z = z ^ (z >> 31)
    uniform   = (z >> 40) / 2^23 - 1                                    in [-1, 1), exact in float32
    value     = float32(offset + scale * uniform)                       computed in float64, rounded once

Soft targets: row i of `targets` is uniform + 1.05 of its entries, divided in float64 by their sum (added in
order), rounded to float32. `inference` is the output outside of training, before the step (where there is no
batch norm it equals `logits`). A tensor of at most 64 entries is stored whole; of a larger one the entries at
z(seed of "CASE/TENSOR/entries", k) mod length, k = 0..63.
"""

import argparse
import json
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F

GOLDEN = pathlib.Path(__file__).parent.parent / "crates/genrescope-nn/tests/golden"
MASK = (1 << 64) - 1
SAMPLED = 64
PROBED = 6  # entries a tensor that are compared with finite differences
STEPS = (1e-6, 1e-8)  # the smaller one where the larger crosses a kink of ReLU or of a maximum
WORST_ALLOWED = 1e-5


# ---------------------------------------------------------------- the generator

def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def splitmix(seed, index):
    z = (seed + (index + 1) * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def drawn(name, shape, scale=1.0, offset=0.0):
    seed = fnv1a(name)
    length = int(np.prod(shape))
    uniform = np.array([(splitmix(seed, i) >> 40) / 2.0**23 - 1.0 for i in range(length)])
    values = (offset + scale * uniform).astype(np.float32).astype(np.float64)
    return torch.from_numpy(values.reshape(shape))


def drawn_targets(case, samples, classes):
    raw = drawn(f"{case}/targets", (samples, classes)).numpy() + 1.05
    rows = [[value / sum(row.tolist()) for value in row.tolist()] for row in raw]
    return torch.from_numpy(np.array(rows).astype(np.float32).astype(np.float64))


# ---------------------------------------------------------------- layers, as data

def layer(name, kind, *sources, **settings):
    return {"name": name, "kind": kind, "from": list(sources), **settings}


def conv(name, source, kernel, channels, padding):
    return layer(name, "conv2d", source, kernel=list(kernel), channels=channels, padding=list(padding))


def batch_norm(name, source):
    return layer(name, "batch_norm", source, eps=1e-5, momentum=0.1)


def head(source, classes=5):
    """Every case ends in logits: the gradient of the last dense weight shows the activations."""
    return [layer("flat", "flatten", source), layer("logits", "dense", "flat", units=classes)]


# ---------------------------------------------------------------- the interpreter

class Graph:
    """Runs a list of layers on PyTorch; the first run also draws the parameters."""

    def __init__(self, case, layers, features=None):
        self.case, self.layers, self.features = case, layers, features
        self.parameters, self.drawing = {}, {}

    def parameter(self, name, shape, scale, offset=0.0):
        if name not in self.parameters:
            scale = round(scale, 4)
            self.drawing[name] = {"shape": list(shape), "scale": scale, "offset": offset}
            self.parameters[name] = drawn(f"{self.case}/{name}", shape, scale, offset)
        return self.parameters[name]

    def weight(self, name, shape, fan_in):
        return self.parameter(name, shape, (3.0 / fan_in) ** 0.5)

    def run(self, x, training):
        nodes = {"input": x}
        if self.features:
            nodes["features"] = drawn(f"{self.case}/features", (x.shape[0], 1, 1, self.features))
        self.running = {}
        for spec in self.layers:
            sources = [nodes[name] for name in spec["from"]]
            nodes[spec["name"]] = getattr(self, spec["kind"])(spec, training, *sources)
        return nodes[self.layers[-1]["name"]].flatten(1)

    # Layers: [samples, time, bands, channels] in and out; PyTorch's images are [samples, channels, time, bands].
    def conv2d(self, spec, _training, x):
        (kt, kb), cin, cout = spec["kernel"], x.shape[3], spec["channels"]
        weight = self.weight(f"{spec['name']}.weight", (kt, kb, cin, cout), kt * kb * cin)
        bias = self.parameter(f"{spec['name']}.bias", (cout,), 0.2)
        image, kernel = x.permute(0, 3, 1, 2).contiguous(), weight.permute(3, 2, 0, 1).contiguous()
        y = F.conv2d(image, kernel, bias, padding=tuple(spec["padding"]))
        return y.permute(0, 2, 3, 1)

    def batch_norm(self, spec, training, x):
        name, channels = spec["name"], x.shape[3]
        weight = self.parameter(f"{name}.gamma", (channels,), 0.5, 1.0)
        bias = self.parameter(f"{name}.beta", (channels,), 0.3)
        mean = self.parameter(f"{name}.running_mean", (channels,), 0.2)
        var = self.parameter(f"{name}.running_variance", (channels,), 0.5, 1.0)
        mean, var = mean.clone(), var.clone()
        y = F.batch_norm(x.permute(0, 3, 1, 2), mean, var, weight, bias, training, spec["momentum"], spec["eps"])
        self.running |= {f"{name}.running_mean": mean, f"{name}.running_variance": var}
        return y.permute(0, 2, 3, 1)

    def relu(self, _spec, _training, x):
        return F.relu(x)

    def sigmoid(self, _spec, _training, x):
        return torch.sigmoid(x)

    def dropout(self, spec, training, x):
        return F.dropout(x, spec["rate"], training)

    def max_pool(self, spec, _training, x):
        return F.max_pool2d(x.permute(0, 3, 1, 2), **windows(spec)).permute(0, 2, 3, 1)

    def average_pool(self, spec, _training, x):
        pooled = F.avg_pool2d(x.permute(0, 3, 1, 2), **windows(spec), count_include_pad=False)
        return pooled.permute(0, 2, 3, 1)

    def global_mean(self, spec, _training, x):
        return x.mean(dim=AXIS[spec["over"]], keepdim=True)

    def global_max(self, spec, _training, x):
        return x.amax(dim=AXIS[spec["over"]], keepdim=True)

    def dense(self, spec, _training, x):
        size = x.shape[3]
        weight = self.weight(f"{spec['name']}.weight", (size, spec["units"]), size)
        return F.linear(x, weight.T, self.parameter(f"{spec['name']}.bias", (spec["units"],), 0.2))

    def flatten(self, _spec, _training, x):
        return x.reshape(x.shape[0], 1, 1, -1)

    def reshape(self, spec, _training, x):
        return x.reshape(x.shape[0], *spec["shape"])

    def add(self, _spec, _training, a, b):
        return a + b

    def concat(self, spec, _training, *parts):
        return torch.cat(parts, dim=AXIS[spec["over"]])

    def l2_normalize(self, spec, _training, x):
        return F.normalize(x, p=2.0, dim=3, eps=spec["eps"])

    def recurrent(self, spec, _training, x):
        """PyTorch has weights [gates · u, in], a second bias for every kind, and for GRU the gates r, z, n, ours z, r, n."""
        size, units, cell = x.shape[3], spec["units"], spec["cell"]
        gates, order = GATES[cell]
        rearranged = lambda array: torch.cat([array.split(units, dim=-1)[gate] for gate in order], dim=-1)  # noqa: E731
        flat = []
        for prefix in ("", "reverse_")[: 1 + spec["both_ways"]]:
            name = f"{spec['name']}.{prefix}"
            wx = self.weight(f"{name}wx", (size, gates * units), size)
            wh = self.weight(f"{name}wh", (units, gates * units), units)
            bias = self.parameter(f"{name}bias", (gates * units,), 0.3)
            apart = cell == "gru"
            state = self.parameter(f"{name}state_bias", (gates * units,), 0.3) if apart else torch.zeros_like(bias)
            flat += [rearranged(wx).T, rearranged(wh).T, rearranged(bias), rearranged(state)]
        start = torch.zeros(1 + spec["both_ways"], x.shape[0], units, dtype=x.dtype)
        settings = (True, 1, 0.0, False, spec["both_ways"], True)
        x = x[:, :, 0, :]
        if cell == "lstm":
            sequence, last, _ = torch.lstm(x, (start, start), flat, *settings)
        else:
            sequence, last = (torch.gru if cell == "gru" else torch.rnn_tanh)(x, start, flat, *settings)
        if spec["output"] == "sequence":
            return sequence[:, :, None, :]
        return torch.cat(list(last), dim=1)[:, None, None, :]


def windows(spec):
    return {"kernel_size": spec["size"], "stride": spec.get("stride", spec["size"]), "padding": spec.get("padding", [0, 0])}


# Products of each kind of cell, and our gates in PyTorch's order.
GATES = {"lstm": (4, [0, 1, 2, 3]), "gru": (3, [1, 0, 2]), "simple": (1, [0])}
AXIS = {"time": 1, "bands": 2, "channels": 3}


# ---------------------------------------------------------------- the cases

def single(shape, *layers, samples=3):
    return {"samples": samples, "shape": list(shape), "layers": list(layers) + head(layers[-1]["name"])}


def conv_cases():
    def case(shape, kernel, channels, padding, samples=3):
        return single(shape, conv("conv", "input", kernel, channels, padding), samples=samples)

    same3, same5 = ((3, 3), (1, 1)), ((5, 5), (2, 2))
    table = [
        ("conv3x3_same_1_to_16", (11, 13, 1), *same3, 16), ("conv3x3_same_1_to_64", (9, 10, 1), *same3, 64),
        ("conv3x3_same_3_to_24", (11, 13, 3), *same3, 24), ("conv3x3_same_16_to_33", (7, 18, 16), *same3, 33),
        ("conv3x3_same_33_to_64", (6, 7, 33), *same3, 64), ("conv3x3_same_64_to_64", (5, 8, 64), *same3, 64),
        ("conv3x3_same_24_to_3", (8, 9, 24), *same3, 3), ("conv3x3_same_16_to_1", (8, 9, 16), *same3, 1),
        ("conv3x3_same_wide", (4, 70, 3), *same3, 16), ("conv5x5_same_1_to_64", (10, 12, 1), *same5, 64),
        ("conv5x5_same_24_to_33", (7, 9, 24), *same5, 33), ("conv1x1_3_to_24", (9, 7, 3), (1, 1), (0, 0), 24),
        ("conv1x1_64_to_33", (6, 5, 64), (1, 1), (0, 0), 33), ("conv1x1_33_to_1", (6, 5, 33), (1, 1), (0, 0), 1),
        ("conv_full_band_24_to_64", (12, 16, 24), (3, 16), (1, 0), 64),
        ("conv_full_band_33_to_8", (9, 10, 33), (3, 10), (1, 0), 8),
        ("conv_full_band_valid_64_to_8", (11, 8, 64), (5, 8), (0, 0), 8),
        ("conv3x3_valid_3_to_16", (7, 9, 3), (3, 3), (0, 0), 16), ("conv5x3_valid_16_to_24", (9, 6, 16), (5, 3), (0, 0), 24),
        ("conv5x1_over_time_3_to_24", (10, 6, 3), (5, 1), (2, 0), 24),
        ("conv1x5_over_bands_16_to_3", (6, 10, 16), (1, 5), (0, 2), 3),
    ]
    cases = {name: case(shape, kernel, channels, padding) for name, shape, kernel, padding, channels in table}
    stack = [conv("first", "input", *same3[:1], 24, same3[1]), layer("relu", "relu", "first"),
             conv("second", "relu", *same3[:1], 33, same3[1])]
    return cases | {"conv_two_with_relu": single((9, 10, 3), *stack, samples=5)}


def norm_cases():
    cases = {f"batch_norm_{c}": single((5, 4, c), batch_norm("norm", "input"), samples=4) for c in (1, 3, 33, 64)}
    conv_norm_relu = [conv("conv", "input", (3, 3), 24, (1, 1)), batch_norm("norm", "conv"), layer("relu", "relu", "norm")]
    pooled = [*conv_norm_relu, layer("pool", "max_pool", "relu", size=[2, 2])]
    averaged = [conv("conv", "input", (3, 3), 16, (1, 1)), batch_norm("norm", "conv"),
                layer("pool", "average_pool", "norm", size=[2, 2])]
    return cases | {
        "batch_norm_relu": single((6, 5, 16), batch_norm("norm", "input"), layer("relu", "relu", "norm")),
        "conv_batch_norm_relu": single((8, 7, 3), *conv_norm_relu, samples=5),
        "conv_batch_norm_relu_large_batch": single((4, 3, 2), *conv_norm_relu, samples=37),
        "conv_batch_norm_relu_max_pool": single((9, 11, 3), *pooled, samples=4),
        "conv_batch_norm_average_pool": single((8, 7, 3), *averaged, samples=4),
    }


def pool_cases():
    cases = {}
    for kind in ("max_pool", "average_pool"):
        for (t, b), shape in [((2, 2), (7, 9, 24)), ((2, 2), (6, 6, 1)), ((4, 1), (10, 5, 33)), ((1, 8), (5, 17, 8)),
                              ((8, 1), (19, 1, 8)), ((4, 4), (9, 8, 3))]:
            cases[f"{kind}_{t}x{b}_{shape[2]}"] = single(shape, layer("pool", kind, "input", size=[t, b]))
        for stride, padding in [((1, 1), (1, 1)), ((2, 1), (0, 1)), ((3, 2), (1, 0))]:
            name = f"{kind}_3x2_stride_{stride[0]}x{stride[1]}_padding_{padding[0]}x{padding[1]}"
            pool = layer("pool", kind, "input", size=[3, 2], stride=list(stride), padding=list(padding))
            cases[name] = single((7, 6, 5), pool)
    for kind in ("global_mean", "global_max"):
        for over in ("time", "bands"):
            cases[f"{kind}_over_{over}"] = single((7, 5, 33), layer("pool", kind, "input", over=over))
    twice = layer("twice", "concat", "input", "input", over="bands")  # every maximum is there two times
    return cases | {
        "max_pool_ties": single((6, 1, 5), twice, layer("pool", "max_pool", "twice", size=[2, 2])),
        "global_max_ties": single((6, 2, 5), twice, layer("pool", "global_max", "twice", over="bands")),
    }


def vector_cases():
    dense = lambda name, source, units: layer(name, "dense", source, units=units)  # noqa: E731
    unit = [dense("dense", "input", 24), layer("sigmoid", "sigmoid", "dense"),
            layer("unit", "l2_normalize", "sigmoid", eps=1e-12)]
    return {
        "dense_1": single((1, 1, 1), dense("dense", "input", 3)),
        "dense_33": single((1, 1, 33), dense("dense", "input", 24), layer("relu", "relu", "dense"),
                           dense("again", "relu", 64), samples=5),
        "dense_208": single((1, 1, 208), dense("dense", "input", 64), samples=4),
        "sigmoid": single((5, 4, 3), layer("sigmoid", "sigmoid", "input")),
        "relu": single((5, 4, 3), layer("relu", "relu", "input")),
        "l2_normalize": single((1, 1, 33), layer("unit", "l2_normalize", "input", eps=1e-12)),
        "dense_sigmoid_l2_normalize": single((1, 1, 16), *unit, samples=5),
        "reshape": single((6, 4, 3), layer("turned", "reshape", "input", shape=[4, 2, 9]),
                          conv("conv", "turned", (3, 1), 5, (1, 0))),
    }


def recurrent(name, source, cell, both_ways, units, output):
    return layer(name, "recurrent", source, cell=cell, both_ways=both_ways, units=units, output=output)


def recurrent_cases():
    cases = {}
    for cell, both_ways in [(cell, both_ways) for cell in ("lstm", "gru", "simple") for both_ways in (False, True)]:
        kind = ("bi" if both_ways else "") + cell
        for output in ("last", "sequence"):
            def case(shape, units, samples):
                return single(shape, recurrent("rnn", "input", cell, both_ways, units, output), samples=samples)
            cases[f"{kind}_{output}_3_to_5"] = case((7, 1, 3), 5, 3)
            cases[f"{kind}_{output}_33_to_24"] = case((12, 1, 33), 24, 4)
        two = [recurrent("first", "input", cell, both_ways, 8, "sequence"),
               recurrent("second", "first", cell, both_ways, 6, "last")]
        cases[f"{kind}_two_layers"] = single((9, 1, 16), *two, samples=5)
        cases[f"{kind}_one_step"] = single((1, 1, 4), recurrent("rnn", "input", cell, both_ways, 3, "last"))
    return cases | {"lstm_long": single((150, 1, 4), recurrent("rnn", "input", "lstm", False, 6, "last"))}


def branching_cases():
    same = ((3, 3), (1, 1))
    narrow, wide = conv("narrow", "input", same[0], 16, same[1]), conv("wide", "input", (1, 1), 16, (0, 0))
    three, five = conv("three", "input", same[0], 3, same[1]), conv("five", "input", (1, 1), 5, (0, 0))
    shortened = layer("short", "max_pool", "input", size=[2, 1])

    def norm_first(name, source, size, channels):
        return [batch_norm(f"{name}_norm", source), layer(f"{name}_relu", "relu", f"{name}_norm"),
                conv(name, f"{name}_relu", (size, size), channels, (size // 2, size // 2))]
    return {
        "add_residual": single((6, 7, 16), narrow, layer("sum", "add", "narrow", "input")),
        "add_two_branches": single((6, 7, 3), narrow, wide, layer("sum", "add", "narrow", "wide"), layer("relu", "relu", "sum")),
        "concat_channels": single((5, 6, 16), three, five, layer("all", "concat", "three", "input", "five", over="channels")),
        "norm_first_branches": single((6, 7, 3), conv("stem", "input", *same[:1], 16, same[1]), *norm_first("one", "stem", 1, 24),
                                      *norm_first("narrow", "stem", 1, 8), *norm_first("three", "narrow", 3, 16),
                                      layer("all", "concat", "one", "three", "stem", over="channels"), *norm_first("last", "all", 1, 5),
                                      layer("half", "average_pool", "last", size=[2, 2])),
        "concat_time": single((6, 5, 3), shortened, layer("all", "concat", "short", "input", over="time"),
                              conv("conv", "all", *same[:1], 8, same[1])),
        "shared_node": single((6, 5, 3), conv("conv", "input", *same[:1], 8, same[1]), layer("relu", "relu", "conv"),
                              layer("mean", "global_mean", "relu", over="time"),
                              layer("max", "global_max", "relu", over="time"),
                              layer("all", "concat", "mean", "max", over="channels")),
    }


def whole_networks():
    """The networks that ship, narrower and shorter: 20 frames of 16 bands."""
    def network(*layers, samples=4):
        return {"samples": samples, "shape": [20, 16, 1], "layers": list(layers)}

    def v_front(first, channels):
        return [conv("conv1", "input", (3, 3), first, (1, 1)), layer("relu1", "relu", "conv1"),
                layer("pool", "max_pool", "relu1", size=[2, 2]),
                conv("conv2", "pool", (3, 8), channels, (1, 0)), layer("relu2", "relu", "conv2")]

    dense = lambda name, source, units: layer(name, "dense", source, units=units)  # noqa: E731
    v_kernel = [*v_front(64, 8), layer("flat", "flatten", "relu2"), dense("hidden", "flat", 64)]
    return {
        "network_v_kernel": network(*v_kernel, layer("relu3", "relu", "hidden"), dense("logits", "relu3", 10), samples=5),
        "network_v_kernel_l2": network(*v_kernel, layer("relu3", "relu", "hidden"),
                                       layer("unit", "l2_normalize", "relu3", eps=1e-12), dense("logits", "unit", 10)),
        "network_crnn": network(*v_front(32, 24), recurrent("rnn", "relu2", "lstm", False, 24, "last"), dense("logits", "rnn", 10)),
        "network_bicrnn": network(*v_front(32, 24), recurrent("rnn", "relu2", "lstm", True, 24, "last"),
                                  dense("logits", "rnn", 10)),
        "network_residual": network(
            layer("pairs", "reshape", "input", shape=[20, 8, 2]), conv("stem", "pairs", (3, 3), 8, (1, 1)),
            batch_norm("norm", "stem"), layer("relu", "relu", "norm"), layer("halved", "average_pool", "relu", size=[2, 1]),
            *residual_block("a", "halved", 12), layer("pool", "average_pool", "a.relu2", size=[2, 2]),
            *residual_block("b", "pool", 24), layer("bands", "global_mean", "b.relu2", over="bands"),
            layer("mean", "global_mean", "bands", over="time"),
            layer("max", "global_max", "bands", over="time"), layer("both", "concat", "mean", "max", over="channels"),
            layer("dropout", "dropout", "both", rate=0.0), dense("logits", "dropout", 10)),
    }


def residual_block(name, source, channels):
    node = lambda part: f"{name}.{part}"  # noqa: E731
    return [conv(node("conv1"), source, (3, 3), channels, (1, 1)), batch_norm(node("norm1"), node("conv1")),
            layer(node("relu1"), "relu", node("norm1")),
            conv(node("conv2"), node("relu1"), (3, 3), channels, (1, 1)), batch_norm(node("norm2"), node("conv2")),
            conv(node("skip"), source, (1, 1), channels, (0, 0)),
            layer(node("sum"), "add", node("norm2"), node("skip")), layer(node("relu2"), "relu", node("sum"))]


def yardsticks():
    """M1, M2, M3: what the speed of training is measured with; 128 bands, 130 or 431 frames. Dropout is off here.

    The numbers in their names make the seed one at which no maximum and no ReLU stands so near its turn that float32
    would decide otherwise: at others PyTorch's own float32 gradients are off by 1e-3 of their maximum.
    """
    def dropout(name, source):
        return layer(name, "dropout", source, rate=0.0)

    def vertical(frames, *layers):
        front = [conv("conv", "input", (4, 128), 64, (0, 0)), batch_norm("norm", "conv"), layer("relu", "relu", "norm"),
                 layer("pool", "max_pool", "relu", size=[4, 1])]
        return {"samples": 2, "shape": [frames, 128, 1], "layers": [*front, *layers, dense("logits", "dropout", 10)]}

    dense = lambda name, source, units: layer(name, "dense", source, units=units)  # noqa: E731
    blocks, last = [], "input"
    for i, (channels, kind, size) in enumerate([(16, "max", 2), (32, "max", 2), (64, "average", 4), (64, "average", 4)], 1):
        blocks += [conv(f"conv{i}", last, (3, 3), channels, (1, 1)), batch_norm(f"norm{i}", f"conv{i}"),
                   layer(f"relu{i}", "relu", f"norm{i}"), layer(f"pool{i}", f"{kind}_pool", f"relu{i}", size=[size, size]),
                   dropout(f"dropout{i}", f"pool{i}")]
        last = f"dropout{i}"
    blocks += [layer("steps", "reshape", last, shape=[4, 1, 64]), recurrent("gru1", "steps", "gru", False, 64, "sequence"),
               recurrent("gru2", "gru1", "gru", False, 64, "last")]
    last = "features"
    for i, units in enumerate([1024, 512, 256, 128, 64], 1):
        blocks += [dense(f"dense{i}", last, units), layer(f"dense{i}.relu", "relu", f"dense{i}")]
        blocks += [dropout(f"dense{i}.dropout", f"dense{i}.relu")] if i < 5 else []
        last = blocks[-1]["name"]
    m1 = {"samples": 2, "shape": [130, 128, 1], "features": 55,
          "layers": [*blocks, layer("both", "concat", "gru2", last, over="channels"), dense("logits", "both", 10)]}
    m2 = vertical(431, conv("conv1", "pool", (4, 1), 64, (0, 0)), batch_norm("norm1", "conv1"), layer("relu1", "relu", "norm1"),
                  layer("mean", "global_mean", "relu1", over="time"), dense("dense", "mean", 64),
                  layer("relu2", "relu", "dense"), dropout("dropout", "relu2"))
    m3 = vertical(431, recurrent("lstm", "pool", "lstm", True, 64, "sequence"),
                  layer("mean", "global_mean", "lstm", over="time"), dropout("dropout", "mean"))
    return {"yardstick_m1_0": m1, "yardstick_m2": m2, "yardstick_m3": m3}


def all_cases():
    return (yardsticks() | conv_cases() | norm_cases() | pool_cases() | vector_cases() | recurrent_cases() | branching_cases()
            | whole_networks())


# ---------------------------------------------------------------- the golden of a case

def entry_indices(name, length):
    if length <= SAMPLED:
        return list(range(length))
    seed = fnv1a(f"{name}/entries")
    return [splitmix(seed, k) % length for k in range(SAMPLED)]


def summary(name, tensor):
    flat = tensor.detach().contiguous().flatten().numpy()
    entries = flat[entry_indices(name, flat.size)]
    return {"shape": list(tensor.shape), "norm": shortened(np.linalg.norm(flat)), "sum": shortened(flat.sum()),
            "maximum": shortened(np.abs(flat).max()), "entries": [shortened(v) for v in entries]}


def shortened(value):
    return float(f"{value:.7g}")


def loss_of(graph, x, targets):
    logits = graph.run(x, training=True)
    return F.cross_entropy(logits, targets), logits


def finite_difference_error(graph, name, tensor, gradient, x, targets):
    """Largest |central difference - gradient| over probed entries, relative to the gradient's maximum."""
    flat, worst = tensor.detach().view(-1), 0.0
    probes = {splitmix(fnv1a(f"{name}/probes"), k) % flat.numel() for k in range(PROBED)}
    with torch.no_grad():
        for index in probes:
            kept = flat[index].item()

            def error(step):
                flat[index] = kept + step
                above = loss_of(graph, x, targets)[0].item()
                flat[index] = kept - step
                below = loss_of(graph, x, targets)[0].item()
                flat[index] = kept
                return abs((above - below) / (2 * step) - gradient.reshape(-1)[index].item())

            worst = max(worst, min(map(error, STEPS)))
    return worst / max(gradient.abs().max().item(), 1e-3)


def golden(case, description):
    samples, shape = description["samples"], description["shape"]
    graph = Graph(case, description["layers"], description.get("features"))
    x = drawn(f"{case}/input", (samples, *shape))
    inference = graph.run(x, training=False)
    targets = drawn_targets(case, samples, inference.shape[1])
    learned = {n: p for n, p in graph.parameters.items() if not n.endswith(("running_mean", "running_variance"))}
    for tensor in (x, *learned.values()):
        tensor.requires_grad_()
    loss, logits = loss_of(graph, x, targets)
    loss.backward()
    gradients = {"input": x.grad} | {name: p.grad for name, p in learned.items()}
    tensors = {"input": x} | learned
    errors = [finite_difference_error(graph, f"{case}/{n}", tensors[n], gradients[n], x, targets) for n in tensors]
    assert max(errors) < WORST_ALLOWED, f"{case}: finite differences disagree: {dict(zip(tensors, errors))}"
    loss_of(graph, x, targets)
    outputs = {"logits": logits} | ({"inference": inference} if graph.running else {})
    return {
        "generated_by": f"reference/make_nn_golden.py, torch {torch.__version__.split('+')[0]}, float64",
        "case": case, **description, "parameters": graph.drawing, "loss": float(f"{loss.item():.10g}"),
        "finite_difference_error": float(f"{max(errors):.2g}"),
        "tensors": {n: summary(f"{case}/{n}", t) for n, t in outputs.items()}
        | {f"gradient of {n}": summary(f"{case}/gradient of {n}", g) for n, g in gradients.items()}
        | {f"updated {n}": summary(f"{case}/updated {n}", t) for n, t in graph.running.items()},
    }


def rendered(result):
    """JSON with one layer, one parameter and one tensor a line."""
    def block(items):
        return "{\n" + ",\n".join(f"  {json.dumps(k)}: {compact(v)}" for k, v in items.items()) + "\n }"

    def compact(value):
        return json.dumps(value, separators=(",", ":"))

    parts = []
    for key, value in result.items():
        if key in ("parameters", "tensors"):
            parts.append(f" {json.dumps(key)}: {block(value)}")
        elif key == "layers":
            parts.append(' "layers": [\n' + ",\n".join(f"  {compact(spec)}" for spec in value) + "\n ]")
        else:
            parts.append(f" {json.dumps(key)}: {compact(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main():
    parser = argparse.ArgumentParser(description="PyTorch goldens of the engine")
    parser.add_argument("--check", action="store_true", help="compare with what is committed, write nothing")
    check = parser.parse_args().check
    torch.set_num_threads(1)
    stale = []
    for case, description in all_cases().items():
        text, path = rendered(golden(case, description)), GOLDEN / f"{case}.json"
        if check and not same(text, path.read_text()):
            stale.append(case)
        elif not check:
            path.write_text(text)
    sys.exit(f"differ from what is committed: {', '.join(stale)}" if stale else 0)


def same(text, committed):
    """Equal but for the last digits, which another build of PyTorch may round otherwise."""
    def close(a, b):
        if isinstance(a, dict):
            return a.keys() == b.keys() and all(close(a[k], b[k]) for k in a if k not in NOT_COMPARED)
        if isinstance(a, list):
            return len(a) == len(b) and all(close(x, y) for x, y in zip(a, b))
        return abs(a - b) <= 1e-6 * abs(a) + 1e-9 if isinstance(a, float) else a == b

    return close(json.loads(text), json.loads(committed))


NOT_COMPARED = ("generated_by", "finite_difference_error")

if __name__ == "__main__":
    main()
