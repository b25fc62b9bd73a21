"""The networks of the race in PyTorch, and the milliseconds of a training step of one of them as a line of JSON.

    pip install -r reference/requirements-nn.txt
    python reference/networks_torch.py NAME [--threads N] [--batch N] [--steps N] [--frames N] [--contiguous]

The same layers, kernels, dropout and Adam as `crates/genrescope/benches/training.rs`; images are
[samples, 1, mel bands, frames], in the channels_last layout unless `--contiguous`.
"""

import argparse
import json
import resource
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

WARM_UP_STEPS, GENRES, FEATURES = 3, 10, 55
YARDSTICK_DROPOUT, MLFI_DROPOUT = 0.25, 0.1
KERAS = {"momentum": 0.01, "eps": 1e-3}  # batch norm


class Flat(nn.Sequential):
    """A chain over the spectrogram alone."""

    def forward(self, mel, _features=None):
        return super().forward(mel)


class Lambda(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class LastState(nn.Module):
    """The last state of a recurrent layer, of both directions if it has two."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, steps):
        _, state = self.layer(steps)
        state = state[0] if isinstance(state, tuple) else state
        return torch.cat(list(state), 1) if self.layer.bidirectional else state[-1]


# ---------------------------------------------------------------- two modules: M1 and MLFI

def convolution_block(channels, pool, dropout, norm):
    return nn.Sequential(nn.Conv2d(*channels, 3, padding=1), nn.BatchNorm2d(channels[1], **norm), nn.ReLU(), pool,
                         nn.Dropout(dropout))


def dense_layers(dropout):
    widths = [FEATURES, 1024, 512, 256, 128, 64]
    layers = []
    for number, pair in enumerate(zip(widths, widths[1:]), 1):
        layers += [nn.Linear(*pair), nn.ReLU()]
        layers += [nn.Dropout(dropout)] if dropout and number < 5 else []
    return nn.Sequential(*layers)


class TwoModules(nn.Module):
    """Convolutions and two GRUs beside dense layers over features, joined before the scores."""

    def __init__(self, blocks, steps, step_width, audio):
        super().__init__()
        self.blocks, self.steps, self.audio = blocks, steps, audio
        self.gru = LastState(nn.GRU(step_width, 64, num_layers=2, batch_first=True))
        self.scores = nn.Linear(128, GENRES)

    def forward(self, mel, features):
        return self.scores(torch.cat([self.gru(self.steps(self.blocks(mel))), self.audio(features)], 1))


def m1(_frames):
    pools = [nn.MaxPool2d(2), nn.MaxPool2d(2), nn.AvgPool2d(4), nn.AvgPool2d(4)]
    channels = [(1, 16), (16, 32), (32, 64), (64, 64)]
    blocks = [convolution_block(c, pool, YARDSTICK_DROPOUT, {}) for c, pool in zip(channels, pools)]
    steps = lambda x: x.flatten(2).transpose(1, 2)  # noqa: E731
    return TwoModules(nn.Sequential(*blocks), steps, 64, dense_layers(YARDSTICK_DROPOUT))


def mlfi_benchmark(frames):
    third = frames // 8
    fourth = 4 if third >= 16 else 2
    pools = [nn.MaxPool2d(2), nn.MaxPool2d(2), nn.MaxPool2d(2), nn.AvgPool2d((4, fourth)), nn.MaxPool2d((4, third // fourth))]
    channels = [(1, 16), (16, 32), (32, 64), (64, 128), (128, 128)]
    blocks = [convolution_block(c, pool, MLFI_DROPOUT, KERAS) for c, pool in zip(channels, pools)]
    return TwoModules(nn.Sequential(*blocks), lambda x: x.reshape(-1, 8, 16), 16, dense_layers(0.0))


# ---------------------------------------------------------------- chains: M2, M3, shallow networks

def vertical_front():
    return [nn.Conv2d(1, 64, (128, 4)), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d((1, 4)), Lambda(lambda x: x.squeeze(2))]


def m2(_frames):
    return Flat(*vertical_front(), nn.Conv1d(64, 64, 4), nn.BatchNorm1d(64), nn.ReLU(), Lambda(lambda x: x.mean(2)),
                nn.Linear(64, 64), nn.ReLU(), nn.Dropout(YARDSTICK_DROPOUT), nn.Linear(64, GENRES))


def m3(_frames):
    lstm = nn.LSTM(64, 64, batch_first=True, bidirectional=True)
    return Flat(*vertical_front(), Lambda(lambda x: x.transpose(1, 2)), lstm, Lambda(lambda both: both[0].mean(1)),
                nn.Dropout(YARDSTICK_DROPOUT), nn.Linear(128, GENRES))


def shallow_front(first, second):
    return [nn.Conv2d(1, first, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(first, second, (64, 3), padding=(0, 1)), nn.ReLU(), Lambda(lambda x: x.squeeze(2).transpose(1, 2))]


def v_kernel(frames):
    return Flat(*shallow_front(64, 8), nn.Flatten(), nn.Linear(frames // 2 * 8, 64), nn.ReLU(), nn.Linear(64, GENRES))


def bicrnn(_frames):
    lstm = nn.LSTM(64, 64, batch_first=True, bidirectional=True)
    return Flat(*shallow_front(32, 64), LastState(lstm), nn.Linear(128, GENRES))


# ---------------------------------------------------------------- BBNN

def norm_relu_convolution(channels, size):
    return [nn.BatchNorm2d(channels, **KERAS), nn.ReLU(), nn.Conv2d(channels, 32, size, padding=size // 2)]


class Inception(nn.Module):
    """Four branches, joined with what they read."""

    def __init__(self, channels):
        super().__init__()
        step = norm_relu_convolution
        self.branches = nn.ModuleList([
            nn.Sequential(*step(channels, 1)), nn.Sequential(*step(channels, 1), *step(32, 3)),
            nn.Sequential(*step(channels, 1), *step(32, 5)),
            nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), *step(channels, 1))])

    def forward(self, x):
        return torch.cat([*(branch(x) for branch in self.branches), x], 1)


def bbnn(_frames):
    shallow = [nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32, **KERAS), nn.ReLU(), nn.MaxPool2d((1, 4))]
    return Flat(*shallow, Inception(32), Inception(160), Inception(288), *norm_relu_convolution(416, 1), nn.AvgPool2d(2),
                nn.BatchNorm2d(32, **KERAS), nn.ReLU(), Lambda(lambda x: x.mean((2, 3))), nn.Linear(32, GENRES))


# Name: network, frames.
NETWORKS = {"m1": (m1, 130), "m2": (m2, 431), "m3": (m3, 431), "mlfi-benchmark": (mlfi_benchmark, 130),
            "v-kernel": (v_kernel, 313), "bicrnn": (bicrnn, 313), "bbnn": (bbnn, 647)}


def trainable(network):
    """Trained parameters, and how many of them are the second bias of an LSTM, which it can do without."""
    lstms = [module for module in network.modules() if isinstance(module, nn.LSTM)]
    second = sum(p.numel() for lstm in lstms for name, p in lstm.named_parameters() if name.startswith("bias_hh"))
    return sum(p.numel() for p in network.parameters() if p.requires_grad), second


# ---------------------------------------------------------------- the measurement

def step_milliseconds(network, batch, frames, steps, layout):
    network = network.train().to(memory_format=layout)
    mel = torch.randn(batch, 1, 128, frames).to(memory_format=layout)
    features, genres = torch.randn(batch, FEATURES), torch.randint(0, GENRES, (batch,))
    optimizer = torch.optim.Adam(network.parameters(), 1e-3, fused=True)
    times = []
    for _ in range(WARM_UP_STEPS + steps):
        start = time.perf_counter()
        optimizer.zero_grad()
        loss = F.cross_entropy(network(mel, features), genres)
        loss.backward()
        optimizer.step()
        assert loss.item() < float("inf")
        times.append(1e3 * (time.perf_counter() - start))
    return times[WARM_UP_STEPS:]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=NETWORKS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--frames", type=int)
    parser.add_argument("--contiguous", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    build, published = NETWORKS[arguments.name]
    frames = arguments.frames or published
    batch = arguments.batch or (8 if arguments.name == "bbnn" else 64)
    network = build(frames)
    layout = torch.contiguous_format if arguments.contiguous else torch.channels_last
    times = step_milliseconds(network, batch, frames, arguments.steps, layout)
    count, second_biases = trainable(network)
    print(json.dumps({
        "network": arguments.name, "threads": arguments.threads, "batch": batch, "frames": frames, "steps": len(times),
        "path": torch.backends.cpu.get_cpu_capability().lower(), "trainable": count, "second_biases": second_biases,
        "min_ms": round(min(times), 2), "median_ms": round(statistics.median(times), 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024), "torch": torch.__version__,
    }))


if __name__ == "__main__":
    main()
