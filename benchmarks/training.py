"""Compare our loop with plain ones, by samples per core-second, gradients checked.

    python benchmarks/training.py [--precision fp32] [--seconds 8] [--rounds 3] [--only DCGAN]
    ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 python benchmarks/training.py --precision fp32  # as a CPU of AVX2

Plain: DataLoader, PIL pictures and torchvision's transforms, fp32, one pass of D for each player, the loops of
pytorch/examples (dcgan, vae, mnist). Ours: bytes in memory, normalised by batch, one pass of D for both, fused or
multi-tensor optimisers, channels last, layers of a single place as matrix products, deterministic algorithms, and bf16
where the CPU has it. Goals: 2.3 (DCGAN), 3.0 (VAE), 1.6 (classifier) with bf16; 1.6, 3.6 and 1.3 without. What this CPU gives
is printed, whatever it is. Rounds alternate and the median counts, so that other work on the machine meets both.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from _networks import DCGAN, FullyConnectedVAE, ReferenceClassifier
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from artpipe.artifacts.shards import Spec
from artpipe.config.params import TrainParams
from artpipe.contracts.model import Learner
from artpipe.numerics.pixels import to_float
from artpipe.training.data import Batches, BatchSampler, Columns
from artpipe.training.device import prepare_torch
from artpipe.training.loop import RunningMeans, training_steps

BATCH = 128
COUNT = 20_000
GOALS = {
    "bf16": {"DCGAN": 2.3, "VAE 784-400-20": 3.0, "classifier": 1.6},
    "fp32": {"DCGAN": 1.6, "VAE 784-400-20": 3.6, "classifier": 1.3},
}
SPEC = Spec(dataset="digits", channels=1, height=28, width=28, classes=(), count=COUNT)
PARAMS = TrainParams(kind="reference", dataset="digits", pretrained="", feature_extractor="", batch_size=BATCH)


class Pictures(Dataset):
    """As torchvision's MNIST: an array in memory, each picture through PIL and the transforms."""

    def __init__(self, images: Tensor) -> None:
        self.images = images.squeeze(1).numpy()
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.transform(Image.fromarray(self.images[index]))


def plain_batches(images: Tensor) -> Iterator[Tensor]:
    while True:
        yield from DataLoader(Pictures(images), batch_size=BATCH, shuffle=True, drop_last=True)


def plain_gan(model: DCGAN, images: Tensor) -> Iterator[None]:
    """As pytorch/examples/dcgan: D on real, D on fake, step; D on fake again for G, step."""
    betas = (0.5, 0.999)
    for_g = torch.optim.Adam(model.generator.parameters(), lr=2e-4, betas=betas)
    for_d = torch.optim.Adam(model.discriminator.parameters(), lr=2e-4, betas=betas)
    ones, zeros = torch.ones(BATCH), torch.zeros(BATCH)
    for batch in plain_batches(images):
        for_d.zero_grad()
        F.binary_cross_entropy_with_logits(model.discriminator(batch), ones).backward()
        fakes = model.generator(torch.randn(BATCH, 100, 1, 1))
        F.binary_cross_entropy_with_logits(model.discriminator(fakes.detach()), zeros).backward()
        for_d.step()
        for_g.zero_grad()
        F.binary_cross_entropy_with_logits(model.discriminator(fakes), ones).backward()
        for_g.step()
        yield


def plain_vae(model: FullyConnectedVAE, images: Tensor) -> Iterator[None]:
    """As pytorch/examples/vae."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    for batch in plain_batches(images):
        optimiser.zero_grad()
        model.loss(batch).backward()
        optimiser.step()
        yield


def plain_logits(model: ReferenceClassifier, images: Tensor) -> Tensor:
    """As `Net.forward` of pytorch/examples/mnist, less its log-softmax."""
    maps = F.max_pool2d(F.relu(model.outer(F.relu(model.inner(images)))), 2)
    hidden = F.relu(model.hidden(torch.flatten(F.dropout(maps, 0.25, model.training), 1)))
    return model.head(F.dropout(hidden, 0.5, model.training))


def plain_classifier(model: ReferenceClassifier, images: Tensor) -> Iterator[None]:
    """As pytorch/examples/mnist."""
    optimiser = torch.optim.Adadelta(model.parameters(), lr=1.0)
    for batch in plain_batches(images):
        optimiser.zero_grad()
        F.nll_loss(F.log_softmax(plain_logits(model, batch), dim=1), torch.arange(len(batch)) % 10).backward()
        optimiser.step()
        yield


def our_loop(model: Learner, images: Tensor) -> Iterator[None]:
    columns = Columns({"images": images, "labels": torch.arange(len(images)) % 10}, torch.device("cpu"))
    batches = Batches(columns, BatchSampler(len(images), BATCH, 1))
    means = RunningMeans()
    for losses in training_steps(model, batches):
        means.add(losses)
        if model.steps_done % 10 == 0:
            means.take()
        yield


def speed(loop: Iterator[None], seconds: float) -> float:
    """Return samples per core-second over at least `seconds` of process time."""
    for _ in range(3):
        next(loop)
    start, done = time.process_time(), 0
    while (spent := time.process_time() - start) < seconds or not done:
        next(loop)
        done += BATCH
    return done / spent


def check_gan(images: Tensor) -> float:
    """Return the largest relative distance of a parameter's gradient by one pass from that by two passes, in fp32."""
    torch.manual_seed(0)
    model = DCGAN(PARAMS, SPEC)
    torch.manual_seed(1)
    model.gradients(images)
    found = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    torch.manual_seed(1)
    fakes = model.generator(torch.randn(len(images), 100, 1, 1))
    for_d = F.softplus(-model.discriminator(images)).mean() + F.softplus(model.discriminator(fakes.detach())).mean()
    d_parameters, g_parameters = list(model.discriminator.parameters()), list(model.generator.parameters())
    expected = [
        *torch.autograd.grad(F.softplus(-model.discriminator(fakes)).mean(), g_parameters),
        *torch.autograd.grad(for_d, d_parameters),
    ]
    return _distance(found, expected)


def check_vae(images: Tensor) -> float:
    """Return the same for bytes normalised by batch against pictures normalised one by one by torchvision."""
    torch.manual_seed(0)
    model, bytes_ = FullyConnectedVAE(PARAMS, SPEC), images
    gradients = []
    for batch in (to_float(bytes_), torch.stack(list(map(Pictures(bytes_).__getitem__, range(len(bytes_)))))):
        torch.manual_seed(1)
        gradients.append(list(torch.autograd.grad(model.loss(batch), list(model.parameters()))))
    return _distance(*gradients)


def check_classifier(images: Tensor) -> float:
    """Return the same for the maximum before the ReLU, with equal dropout."""
    torch.manual_seed(0)
    model, labels, gradients = ReferenceClassifier(PARAMS, SPEC), torch.arange(len(images)) % 10, []
    one_by_one = torch.stack(list(map(Pictures(images).__getitem__, range(len(images)))))
    for logits, batch in ((model.logits, to_float(images)), (lambda x: plain_logits(model, x), one_by_one)):
        torch.manual_seed(1)
        gradients.append(list(torch.autograd.grad(F.cross_entropy(logits(batch), labels), list(model.parameters()))))
    return _distance(*gradients)


def _distance(found: list[Tensor], expected: list[Tensor]) -> float:
    return max(float((a - b).norm() / b.norm()) for a, b in zip(found, expected, strict=True))


def compare(
    kind: type[Learner], plain: Callable, images: Tensor, amp: torch.dtype | None, arguments: argparse.Namespace
) -> list:
    rates: tuple[list[float], list[float]] = ([], [])
    for _ in range(arguments.rounds):
        for rate, loop in zip(rates, (our_loop, plain), strict=True):
            torch.manual_seed(0)
            model = kind(PARAMS, SPEC)
            if loop is our_loop:
                model.amp_dtype = amp
                model.to(memory_format=torch.channels_last)
            torch.use_deterministic_algorithms(loop is our_loop)  # as ours trains; nobody's plain loop does
            rate.append(speed(loop(model, images), arguments.seconds))
    return [statistics.median(rate) for rate in rates]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="core-seconds of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="of our loop")
    parser.add_argument("--only", nargs="+", choices=COMPARED, default=list(COMPARED))
    arguments = parser.parse_args()
    _, precision = prepare_torch(PARAMS.model_copy(update={"precision": arguments.precision}))
    torch.set_num_threads(1)
    amp = torch.bfloat16 if precision == "bf16" else None
    images = torch.randint(256, (COUNT, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    print(f"precision of our loop: {precision}; kernels for {torch.backends.cpu.get_cpu_capability()}", end="; ")
    print(f"one thread; batches of {BATCH}; samples per core-second")
    print(f"{'network':16}{'plain':>10}{'ours':>10}{'ratio':>8}{'goal (' + precision + ')':>13}{'gradient error':>16}")
    for name in arguments.only:
        kind, plain, check = COMPARED[name]
        error, goal = check(images[:BATCH]), GOALS[precision][name]
        assert error < 1e-4, f"{name}: gradients differ by {error:.1e}"
        ours, theirs = compare(kind, plain, images, amp, arguments)
        print(f"{name:16}{theirs:10.0f}{ours:10.0f}{ours / theirs:8.2f}{goal:13.1f}{error:16.1e}", flush=True)


# By name: the network, the plain loop, and what compares their gradients.
COMPARED = {
    "DCGAN": (DCGAN, plain_gan, lambda images: check_gan(to_float(images))),
    "VAE 784-400-20": (FullyConnectedVAE, plain_vae, check_vae),
    "classifier": (ReferenceClassifier, plain_classifier, check_classifier),
}

if __name__ == "__main__":
    main()
