"""Measure a part of `gpu.py` in a process of its own: PART DEVICE.

Each row is printed as one line of JSON.

The DCGAN is that of pytorch/examples (BSD-3-Clause), written anew: its networks, its step with the losses read at each
one, cuDNN's benchmark mode, batches of 64, pictures of 64 pixels from PNG files by PIL in two worker processes.
"""

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from _every_kind import random_rows
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torch.utils.flop_counter import FlopCounterMode

from artpipe import plugins
from artpipe.training.data import Batches, BatchSampler, Columns
from artpipe.training.device import prepare_torch
from artpipe.training.loop import training_steps
from artpipe.training.restore import build_learner

BATCH, GOAL, FILES = 64, 5.0, 1024
# Dense bf16 without sparsity, FLOP/s, from the makers' data sheets (fp16 where there is no bf16).
PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12, "A10": 125e12, "T4": 65e12}
TINY = {
    "gan": {"generator_width": 16, "discriminator_width": 16, "least_width": 8},
    "vae": {"width": 8, "hidden": 16, "latent_dim": 4},
    "classifier": {"width": 8, "max_width": 16},
    "superres": {"width": 8, "blocks": 1, "crop": 16},
    "rnn": {"width": 32, "embedding": 16},
}


class Bench:
    """Sizes and clock of a device: wall time on a GPU, core-seconds on a CPU."""

    def __init__(self, device: str) -> None:
        self.device, self.is_gpu = torch.device(device), device == "cuda"
        self.seconds, self.steps = (5.0, 40) if self.is_gpu else (0.2, 2)
        self.batch, self.widths = (BATCH, (64, 512)) if self.is_gpu else (4, (32, 64))

    def more(self, kind: str) -> dict:
        """Return the parameters of a kind: its own on a GPU, tiny ones on a CPU."""
        return {} if self.is_gpu else TINY[kind]

    def gan_widths(self, width: int) -> dict:
        return {"generator_width": width, "discriminator_width": width}

    def clock(self) -> float:
        if self.is_gpu:
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()

    def rate(self, loop: Iterator) -> float:
        """Return steps per second after a few to warm up."""
        for _ in range(8 if self.is_gpu else 1):
            next(loop)
        start, steps = self.clock(), 0
        while (spent := self.clock() - start) < self.seconds or not steps:
            for _ in range(self.steps):
                next(loop)
            steps += self.steps
        return steps / spent

    def learner_loop(self, kind: str, dataset: str, precision: str, **more) -> Iterator:
        """Return the steps of one kind as `artpipe train` takes them."""
        entry = {
            "kind": kind, "dataset": dataset, "pretrained": "", "feature_extractor": "", "steps": 100_000,
            "batch_size": self.batch, "device": str(self.device), "precision": precision, **more,
        }  # fmt: skip
        model = plugins.load_plugin("models", kind)
        device, precision = prepare_torch(model.params.model_validate(entry))
        rows = random_rows(dataset, 512 if self.is_gpu else 64)
        torch.manual_seed(1)
        learner = build_learner("measured", entry, rows.spec).to(device).train()
        learner.amp_dtype = torch.bfloat16 if precision == "bf16" else None
        columns = Columns({name: rows.columns[name] for name in sorted(model.reads)}, device)
        learner.prepare_training(columns.raw)
        batch_size = learner.params.batch_size
        return training_steps(learner, Batches(columns, BatchSampler(len(columns), batch_size, 1)))


def measure_precision(bench: Bench) -> Iterator[dict]:
    """Compare steps per second and mean losses, both from the same seed."""
    losses_by_kind = {
        "gan": "discriminator",
        "vae": "reconstruction",
        "classifier": "loss",
        "superres": "",
        "rnn": "nll",
    }
    for kind, loss_name in losses_by_kind.items():
        dataset = "verse" if kind == "rnn" else "large"
        rates, losses = {}, {}
        for precision in ("fp32", "bf16"):
            loop, values = bench.learner_loop(kind, dataset, precision, **bench.more(kind)), []
            for _ in range(bench.steps):
                step = next(loop)
                values.append(float(step[loss_name] if loss_name in step else next(iter(step.values()))))
            losses[precision], rates[precision] = sum(values) / len(values), bench.rate(loop)
        difference = abs(losses["bf16"] - losses["fp32"]) / max(abs(losses["fp32"]), 1e-9)
        yield {
            "subject": kind, "ok": difference < 0.1, "steps_per_second": rates, "loss": losses,
            "figure": f"fp32 {rates['fp32']:.2f}, bf16 {rates['bf16']:.2f} steps/s, {rates['bf16'] / rates['fp32']:.2f}x; "
            f"mean loss of {bench.steps} steps {losses['fp32']:.4g} and {losses['bf16']:.4g} ({difference:.1%} apart)",
        }  # fmt: skip


def measure_speed(bench: Bench) -> Iterator[dict]:
    """Compare pictures per second with the peer, medians of alternating rounds."""
    width = bench.widths[0]
    narrow = bench.gan_widths(width)
    ours = {
        f"ours, widths {width}, batches of {bench.batch}": narrow,
        f"ours, widths {width}, batches of {4 * bench.batch}": {**narrow, "batch_size": 4 * bench.batch},
        "ours, the peer's network": {"architecture": "dcgan", **bench.gan_widths(512), "least_width": 64},
    }
    with tempfile.TemporaryDirectory() as folder:
        write_pictures(Path(folder))
        peers = {"pytorch/examples, PNG files": True, "pytorch/examples, pictures on the device": False}
        rates: dict[str, list[float]] = {name: [] for name in (*peers, *ours)}
        for _ in range(3 if bench.is_gpu else 1):
            for name, reads_files in peers.items():
                set_peer_modes(bench)
                rates[name].append(bench.batch * bench.rate(peer_steps(bench, Path(folder) if reads_files else None)))
            for name, more in ours.items():
                loop = bench.learner_loop("gan", "large", "auto", **more)
                rates[name].append(more.get("batch_size", bench.batch) * bench.rate(loop))
    medians = {name: sorted(values)[len(values) // 2] for name, values in rates.items()}
    published, unfed = (medians[name] for name in peers)
    for name, value in medians.items():
        row = {"subject": name, "ok": None, "pictures_per_second": value, "figure": f"{value:.0f} pictures/s"}
        if name in ours:
            row["figure"] += f", {value / published:.2f}x of it with files (goal {GOAL}), {value / unfed:.2f}x without"
            row["ok"] = value / published >= GOAL if bench.is_gpu and "network" not in name else None
        yield row


def set_peer_modes(bench: Bench) -> None:
    """Choose torch's modes as that example does."""
    torch.use_deterministic_algorithms(mode=False)
    torch.backends.cudnn.benchmark = bench.is_gpu


def measure_peak(bench: Bench) -> Iterator[dict]:
    """Give the share of the peak, by FLOPs of four steps, one with penalties."""
    peak, name = matmul_rate(bench), torch.cuda.get_device_name() if bench.is_gpu else "CPU"
    sheet = next((value for card, value in PEAKS.items() if card in name.upper().split()[-1]), None)
    yield {
        "subject": f"bf16 matmul on {name}", "ok": None, "flops": peak,
        "figure": f"{peak / 1e12:.3g} TFLOP/s measured, {f'{sheet / 1e12:.0f} by its data sheet' if sheet else 'no data sheet'}",
    }  # fmt: skip
    subjects = [(f"gan, widths {width}", "gan", bench.gan_widths(width)) for width in bench.widths]
    for subject, kind, more in (*subjects, ("vae", "vae", bench.more("vae"))):
        loop = bench.learner_loop(kind, "large", "auto", **more)
        next(loop)
        counter = FlopCounterMode(display=False)
        counter.mod_tracker = OneModule()
        with counter:
            for _ in range(4):
                next(loop)
        flops = counter.get_total_flops() / 4
        used = flops * bench.rate(loop)
        yield {
            "subject": subject, "ok": None, "flops_per_step": flops, "flops": used,
            "figure": f"{flops / 1e9:.3g} GFLOP a step, {used / 1e12:.3g} TFLOP/s: {used / peak:.2%} of the matmul"
            + (f", {used / sheet:.2%} of the data sheet" if sheet else ""),
        }  # fmt: skip


class OneModule(contextlib.AbstractContextManager):
    """Counts all FLOPs as of one module.

    Torch's own tracker of modules hooks into backward passes and fails where a penalty asks for a gradient.
    """

    parents = frozenset({"Global"})

    def __exit__(self, *details: object) -> None:
        del details


def matmul_rate(bench: Bench) -> float:
    """Return FLOP/s of a large matrix product in bf16."""
    side = 8192 if bench.is_gpu else 512
    left = torch.randn(side, side, device=bench.device, dtype=torch.bfloat16)
    right = torch.randn(side, side, device=bench.device, dtype=torch.bfloat16)

    def products() -> Iterator[Tensor]:
        while True:
            yield left @ right

    return 2 * side**3 * bench.rate(products())


# -- the peer ------------------------------------------------------------------------------------------------------


def write_pictures(folder: Path) -> None:
    for n, picture in enumerate(random_rows("large", FILES).columns["images"]):
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(folder / f"{n:05d}.png")


class Pictures(Dataset):
    """As ImageFolder with ToTensor and Normalize; these need no resizing."""

    def __init__(self, folder: Path) -> None:
        self.files = sorted(folder.iterdir())

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Tensor:
        pixels = np.array(Image.open(self.files[index]).convert("RGB"))
        return (torch.from_numpy(pixels).permute(2, 0, 1).contiguous().float().div(255) - 0.5) / 0.5


def peer_networks() -> tuple[nn.Module, nn.Module]:
    generator: list[nn.Module] = []
    for before, after, stride, padding in ((100, 512, 1, 0), (512, 256, 2, 1), (256, 128, 2, 1), (128, 64, 2, 1)):
        generator += [nn.ConvTranspose2d(before, after, 4, stride, padding, bias=False)]
        generator += [nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    generator += [nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh()]
    judge: list[nn.Module] = [nn.Conv2d(3, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
    for before, after in ((64, 128), (128, 256), (256, 512)):
        judge += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after)]
        judge += [nn.LeakyReLU(0.2, inplace=True)]
    judge += [nn.Conv2d(512, 1, 4, 1, 0, bias=False), nn.Sigmoid(), nn.Flatten(0)]
    return nn.Sequential(*generator), nn.Sequential(*judge)


def peer_batches(bench: Bench, folder: Path | None) -> Iterator[Tensor]:
    if folder is None:
        held = torch.rand(bench.batch, 3, 64, 64, device=bench.device) * 2 - 1
        while True:
            yield held
    pictures = Pictures(folder)  # drawn with replacement, so that no epoch ends and no worker is started anew
    sampler = RandomSampler(pictures, replacement=True, num_samples=10**7)
    yield from DataLoader(pictures, bench.batch, sampler=sampler, num_workers=2 if bench.is_gpu else 0)


def peer_steps(bench: Bench, folder: Path | None) -> Iterator[tuple[float, ...]]:
    """Take the steps of pytorch/examples/dcgan, whose losses are read at each one."""
    generator, judge = (network.to(bench.device) for network in peer_networks())
    for_g, for_d = (torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999)) for net in (generator, judge))
    criterion, ones = nn.BCELoss(), torch.ones(bench.batch, device=bench.device)
    for batch in peer_batches(bench, folder):
        judge.zero_grad()
        output = judge(batch.to(bench.device))
        real_loss = criterion(output, ones)
        real_loss.backward()
        real_mean = output.mean().item()
        fakes = generator(torch.randn(bench.batch, 100, 1, 1, device=bench.device))
        output = judge(fakes.detach())
        fake_loss = criterion(output, torch.zeros_like(ones))
        fake_loss.backward()
        fake_mean = output.mean().item()
        for_d.step()
        generator.zero_grad()
        output = judge(fakes)
        loss = criterion(output, ones)
        loss.backward()
        for_g.step()
        yield real_mean, fake_mean, output.mean().item(), (real_loss + fake_loss).item(), loss.item()


if __name__ == "__main__":
    parts = {"precision": measure_precision, "speed": measure_speed, "peak": measure_peak}
    torch.set_num_threads(1)
    for measured in parts[sys.argv[1]](Bench(sys.argv[2])):
        print(json.dumps(measured), flush=True)
