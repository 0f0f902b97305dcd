"""The video encoders beside the same networks in PyTorch: encoding and a training step, in turns in one run.

    torch_encoders.py PROGRAM [--encoder NAME]... [--compute cpu|gpu] [--batch N] [--rounds N]

PROGRAM is the compiled bench `encoders`. Prints a line per encoder and kind; ratio = PyTorch's time / ours, above 1 = ours
is faster. The light encoder must reach 1 in both; the others are reported.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

CLASSES = 32
ROUNDS = 5


class LightBlock(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.expand = nn.Linear(dim, 2 * dim)
        self.contract = nn.Linear(2 * dim, dim)

    @staticmethod
    def shift(x):
        part = x.shape[4] // 8
        out = torch.zeros_like(x)
        for index, (axis, forwards) in enumerate([(1, 1), (1, 0), (2, 1), (2, 0), (3, 1), (3, 0)]):
            channels = slice(index * part, (index + 1) * part)
            rest = x.shape[axis] - 1
            source = x.narrow(axis, 0 if forwards else 1, rest)[..., channels]
            out.narrow(axis, 1 if forwards else 0, rest)[..., channels] = source
        out[..., 6 * part:] = x[..., 6 * part:]
        return out

    def forward(self, x):
        return x + self.contract(F.relu(self.expand(self.shift(self.norm(x)))))


class Light(nn.Module):
    def __init__(self, tubelet, dim, depths, channels=1):
        super().__init__()
        self.tubelet = tubelet
        values = channels * tubelet[0] * tubelet[1] * tubelet[2]
        self.embed = nn.Linear(values, 2 * dim)
        self.embed_out = nn.Linear(2 * dim, dim)
        widths = [dim << stage for stage in range(len(depths))]
        self.merges = nn.ModuleList([nn.Identity()] + [nn.Linear(2 * w, w) for w in widths[1:]])
        self.stages = nn.ModuleList(nn.ModuleList(LightBlock(w) for _ in range(d)) for w, d in zip(widths, depths))
        self.norms = nn.ModuleList(nn.LayerNorm(w) for w in widths)
        self.features = 2 * sum(widths)

    def forward(self, video):
        b, c, t, h, w = video.shape
        pt, ph, pw = self.tubelet
        x = video.reshape(b, c, t // pt, pt, h // ph, ph, w // pw, pw).permute(0, 2, 4, 6, 1, 3, 5, 7).flatten(4)
        x = self.embed_out(F.relu(self.embed(x)))
        features = []
        for stage, (merge, blocks, norm) in enumerate(zip(self.merges, self.stages, self.norms)):
            if stage:
                b, t, h, w, d = x.shape
                x = x.reshape(b, t, h // 2, 2, w // 2, 2, d).permute(0, 1, 2, 4, 3, 5, 6).flatten(4)
                x = merge(x)
            for block in blocks:
                x = block(x)
            tokens = norm(x).flatten(1, 3)
            features += [tokens.mean(1), (tokens.var(1, unbiased=False) + 1e-5).sqrt()]
        return torch.cat(features, 1)


class Basic(nn.Module):
    expansion = 1

    def __init__(self, inside, width, stride, down):
        super().__init__()
        self.conv1 = nn.Conv3d(inside, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.down = down

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (self.down(x) if self.down else x))


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, inside, width, stride, down):
        super().__init__()
        self.conv1 = nn.Conv3d(inside, width, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.conv3 = nn.Conv3d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(4 * width)
        self.down = down

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (self.down(x) if self.down else x))


class ResNet3d(nn.Module):
    def __init__(self, block, depths, width=64, channels=1):
        super().__init__()
        self.conv1 = nn.Conv3d(channels, width, 7, (1, 2, 2), 3, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.pool = nn.MaxPool3d(3, 2, 1)
        inside, layers = width, []
        for stage, depth in enumerate(depths):
            stride = [1, 2, (1, 2, 2), (1, 2, 2)][stage]
            own = width << stage
            for place in range(depth):
                step = stride if place == 0 else 1
                down = None
                if step != 1 or inside != own * block.expansion:
                    down = nn.Sequential(nn.Conv3d(inside, own * block.expansion, 1, step, bias=False),
                                         nn.BatchNorm3d(own * block.expansion))
                layers.append(block(inside, own, step, down))
                inside = own * block.expansion
        self.layers = nn.Sequential(*layers)
        self.features = inside

    def forward(self, x):
        return self.layers(self.pool(F.relu(self.bn1(self.conv1(x))))).mean((2, 3, 4))


# As in src/model/video_encoder/mod.rs.
ENCODERS = {
    "light": (lambda: Light(LIGHT["tubelet"], LIGHT["dim"], LIGHT["depths"]), 64),
    "resnet3d-18": (lambda: ResNet3d(Basic, [2, 2, 2, 2]), 112),
    "resnet3d-50": (lambda: ResNet3d(Bottleneck, [3, 4, 6, 3]), 112),
}
LIGHT = {"tubelet": (4, 4, 4), "dim": 48, "depths": (1, 2, 2)}


def torch_times(name, batch, rounds, device):
    make, size = ENCODERS[name]
    encoder = make().to(device)
    video = torch.sin(torch.arange(batch * 16 * size * size, dtype=torch.float32) * 0.37)
    video = video.reshape(batch, 1, 16, size, size).to(device)

    def sync():
        if device == "cuda":
            torch.cuda.synchronize()

    def median(work):
        work()
        sync()
        times = []
        for _ in range(rounds):
            started = time.perf_counter()
            work()
            sync()
            times.append(1e3 * (time.perf_counter() - started))
        return statistics.median(times)

    def encode():
        with torch.inference_mode():
            encoder(video)

    encoder.eval()
    encoding = median(encode)
    classifier = nn.Linear(encoder.features, CLASSES).to(device)
    encoder.train()
    optimizer = torch.optim.AdamW([*encoder.parameters(), *classifier.parameters()], lr=1e-4)
    labels = (torch.arange(batch) % CLASSES).to(device)

    def step():
        optimizer.zero_grad()
        F.cross_entropy(classifier(encoder(video)), labels, label_smoothing=0.1).backward()
        optimizer.step()

    return encoding, median(step)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--encoder", action="append")
    parser.add_argument("--compute", default="cpu", choices=["cpu", "gpu"])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    device = "cuda" if args.compute == "gpu" else "cpu"
    failed = False
    for name in args.encoder or ["light", "resnet3d-18"]:
        ours, theirs = {"encode": [], "step": []}, {"encode": [], "step": []}
        # In turns, so that what else the machine does touches both.
        for _ in range(ROUNDS):
            encode, step = torch_times(name, args.batch, args.rounds, device)
            theirs["encode"].append(encode)
            theirs["step"].append(step)
            command = [args.program, "--compute", args.compute, "--encoder", name, "--batch", str(args.batch),
                       "--rounds", str(args.rounds)]
            line = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            ours["encode"].append(line["encode_ms"])
            ours["step"].append(line["step_ms"])
        for kind in ["encode", "step"]:
            own, torch_ms = min(ours[kind]), min(theirs[kind])
            ratio = torch_ms / own
            must = " (must be 1)" if name == "light" and args.compute == "cpu" else ""
            print(f"{name:12} {kind:7} batch {args.batch}: ours {own:9.1f} ms, PyTorch {torch_ms:9.1f} ms, "
                  f"ratio {ratio:.2f}{must}", flush=True)
            failed |= bool(must) and ratio < 1
    sys.exit(failed)


if __name__ == "__main__":
    main()
