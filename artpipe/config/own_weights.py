"""The trained weights that artpipe itself knows where to find."""

from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "starters/weights"


def list_own_pins() -> dict[str, Path]:
    """Return the pin cards of trained weights by name.

    The network's name is that with `_` for `-`.
    """
    return {path.stem: path for path in sorted(_FOLDER.glob("*.yaml"))}
