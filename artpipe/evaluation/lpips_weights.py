"""LPIPS's own weights, and the smallest pictures that its network can see."""

from artpipe.contracts.metric import Evidence
from artpipe.errors import UserError
from artpipe.nn.pretrained.lpips_network import LpipsNetwork

WEIGHTS = "lpips-vgg16"
PATCH_SIDE = 64  # pixels, of which people judged pairs (Zhang et al. 2018, section 2.1)
SMALLEST_SIDE = 16  # pixels, that the network can see


def open_lpips(evidence: Evidence) -> tuple[LpipsNetwork, str]:
    """Return LPIPS's network, and the hash of its weights.

    Raises:
        UserError: the weights of that name are another network's.
        UnreachableError: their file is not here and cannot be fetched.
    """
    network, sha256 = evidence.open_network(WEIGHTS)
    if not isinstance(network, LpipsNetwork):
        raise UserError(f"params.yaml: `weights.{WEIGHTS}.network` has to be lpips_vgg16")
    return network, sha256
