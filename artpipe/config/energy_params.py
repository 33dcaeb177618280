"""What energy a training is taken to need, a part of params.yaml."""

from pydantic import BaseModel, ConfigDict, Field


class EnergyParams(BaseModel):
    """Assumptions of the estimate of energy; nothing of it is measured.

    By the formula of Green Algorithms (Lannelongue et al. 2021, doi.org/10.1002/advs.202100707).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    watts_per_core: float = Field(default=12.0, ge=0)  # of a core at work; theirs for a CPU that is not known
    watts_per_gib: float = Field(default=0.4, ge=0)  # of memory; theirs is 0.3725 a GB
    watts_per_gpu: float = Field(default=200.0, ge=0)  # with its memory; theirs for a GPU that is not known
    overhead: float = Field(default=1.0, ge=1)  # PUE: all that is drawn by what computes; theirs for an own machine
