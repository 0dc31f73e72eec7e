"""Writes the losses of networks that PyTorch trains: python tests/goldens/training.py

Weights and data come from a stream of numbers that tests/integration/training.rs draws alike, parameter by parameter in the order of
their names. One line per network and optimizer: {"net", "optimizer", "losses"}.
"""

import json, math, pathlib
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

STEPS = 30


class Draw:
    """SplitMix64, as tests/src/draw.rs."""

    def __init__(self, seed):
        self.state = np.uint64(seed)

    def floats(self, n, low, high):
        with np.errstate(over="ignore"):
            z = self.state + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            self.state = z[-1]
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        unit = ((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / 2.0**53
        return (low + (high - low) * unit).astype(np.float32)


def fill(net, draw):
    params = dict(net.named_parameters())
    for name in sorted(params):
        p = params[name]
        fan = p[0].numel() if p.dim() > 1 else p.numel()
        bound = 1 / math.sqrt(fan)
        values = torch.tensor(draw.floats(p.numel(), -bound, bound)).reshape(p.shape)
        # Scales of norms lie around 1.
        one = 1.0 if "norm" in name and name.endswith("weight") else 0.0
        p.data = values + one


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        # A bias in front of a norm has no gradient but noise, which Adam would scale up.
        self.conv1, self.norm1 = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.conv2, self.norm2 = nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16)
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = F.max_pool2d(self.norm1(self.conv1(x)).relu(), 2)
        x = self.norm2(self.conv2(x)).relu()
        return self.head(x.mean((2, 3)))


class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm1, self.qkv, self.proj = nn.LayerNorm(d), nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.norm2, self.up, self.down = nn.LayerNorm(d), nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x):
        b, s, d = x.shape
        q, k, v = (t.view(b, s, 4, d // 4).transpose(1, 2) for t in self.qkv(self.norm1(x)).chunk(3, -1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(b, s, d))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Gpt(nn.Module):
    def __init__(self, words, length, d):
        super().__init__()
        self.tokens, self.places = nn.Embedding(words, d), nn.Embedding(length, d)
        self.blocks = nn.ModuleList([Block(d), Block(d)])
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, words)

    def forward(self, ids):
        x = self.tokens(ids) + self.places(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)).flatten(0, 1)


def cnn(draw):
    net = Cnn()
    fill(net, draw)
    x = torch.tensor(draw.floats(16 * 3 * 16 * 16, -1, 1)).reshape(16, 3, 16, 16)
    y = torch.tensor([(i * 7 + i // 3) % 10 for i in range(16)])
    return net, x, y


def gpt(draw):
    net = Gpt(65, 64, 128)
    fill(net, draw)
    ids = torch.tensor([(i * 7 + i // 3) % 65 for i in range(4 * 64)])
    return net, ids.view(4, 64), ids.roll(-1)


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, weight_decay=1e-3),
    "adam": lambda p: torch.optim.Adam(p, lr=1e-3),
}
lines = []
for make in (cnn, gpt):
    for name, optimizer in OPTIMIZERS.items():
        net, x, y = make(Draw(17))
        step = optimizer(net.parameters())
        losses = []
        for _ in range(STEPS):
            loss = F.cross_entropy(net(x), y)
            step.zero_grad()
            loss.backward()
            step.step()
            losses.append(float(str(np.float32(loss.item()))))
        row = {"net": make.__name__, "optimizer": name, "losses": losses}
        if make is cnn:
            net.eval()
            # The running statistics count here.
            row["evaluated"] = float(str(np.float32(F.cross_entropy(net(x), y).item())))
        lines.append(json.dumps(row))
        print(row)
(pathlib.Path(__file__).parent / "training.jsonl").write_text("\n".join(lines) + "\n")
