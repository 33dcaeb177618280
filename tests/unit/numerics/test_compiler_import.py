"""Optimisers without torch's compiler: not imported, and the same numbers."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import torch
from artpipe.numerics.compiler_import import skip_compiler_import

if {skips}:
    skip_compiler_import()
    skip_compiler_import()
torch.manual_seed(1)
weight = torch.nn.Parameter(torch.randn(7))
for optimiser in (torch.optim.Adam([weight], fused=True), torch.optim.AdamW([weight], 0.1), torch.optim.SGD([weight], 0.1, 0.9)):
    for _ in range(3):
        optimiser.zero_grad()
        weight.square().sum().backward()
        optimiser.step()
    optimiser.load_state_dict(optimiser.state_dict())
    assert not optimiser.state[weight].get("exp_avg", weight.detach()).requires_grad
print(weight.detach().numpy().tobytes().hex(), "torch._dynamo" in sys.modules)
"""


def run(*, skips):
    """Return the weights after nine steps, and whether the compiler was imported."""
    command = [sys.executable, "-c", PROGRAM.format(skips=skips)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.nightly
def test_the_same_steps_to_the_bit_without_the_compiler():
    """Torch imports its compiler at an optimiser's first use; the weights after nine steps are the same without."""
    (weights, was_imported), (plain_weights, is_imported) = run(skips=False), run(skips=True)
    assert weights == plain_weights
    assert (was_imported, is_imported) == ("True", "False")  # once torch itself does without, this module can go
