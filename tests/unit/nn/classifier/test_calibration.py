"""Calibration: values known by hand, and a temperature known by construction."""

import pytest
import torch
from scipy.optimize import minimize_scalar
from torch.nn import functional as F

from artpipe.nn.classifier.calibration import expected_calibration_error, fit_temperature


def _drawn(temperature: float, count: int = 20_000) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    logits = 2 * torch.randn(count, 4, generator=generator)
    return logits * temperature, torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_temperature_is_found_again(temperature):
    """Labels drawn from softmax(l) and logits T l give back T."""
    assert fit_temperature(*_drawn(temperature)) == pytest.approx(temperature, rel=0.03)


def test_temperature_is_that_of_an_independent_minimiser():
    """Scipy's minimiser of the cross-entropy finds the same temperature."""
    logits, labels = _drawn(1.7, 500)
    found = minimize_scalar(lambda t: float(F.cross_entropy(logits.double() / t, labels)), bounds=(0.05, 20))
    assert fit_temperature(logits, labels) == pytest.approx(found.x, rel=1e-4)


def test_temperature_stays_within_its_bounds():
    """All right asks for the sharpest one, all wrong for the flattest."""
    logits = torch.tensor([[5.0, 0.0]])
    assert fit_temperature(logits, torch.tensor([0])) == pytest.approx(0.05)
    assert fit_temperature(logits, torch.tensor([1])) == pytest.approx(20.0)


def test_calibration_error_by_hand():
    """Two of 0.9 of which one is right and two of 0.6 which both are: (|0.9 - 0.5| + |0.6 - 1|) / 2 = 0.4."""
    probabilities = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    error = expected_calibration_error(probabilities, torch.tensor([0, 1, 0, 0]), bins=10)
    assert error == pytest.approx(0.4, abs=1e-6)


def test_errors_within_one_bin_cancel():
    """Within a bin only the means are compared."""
    probabilities = torch.tensor([[0.52, 0.48], [0.48, 0.52]])
    assert expected_calibration_error(probabilities, torch.tensor([0, 0]), bins=5) == pytest.approx(0.02, abs=1e-6)


def test_sure_and_right_has_no_error():
    """Confidence 1 belongs to the last bin."""
    assert expected_calibration_error(torch.eye(3), torch.arange(3)) == 0.0
