"""The paths of artifacts, relative to the project's root; dvc.yaml has the same."""

from pathlib import Path

STATE = Path(".state")  # git-ignored, never a DVC output
ENCODED = STATE / "encoded"  # smaller copies of pictures and sounds that hang
CHAMPIONS = Path("champions.json")  # in git, beside params.yaml
CURATION = Path("curation.yaml")  # likewise
LAST_STAGE = "gallery"  # of dvc.yaml: built with gaps where a model failed or is missing


def works(dataset: str) -> Path:
    """Return the folder of a dataset's kept originals and their manifest."""
    return Path("data/works") / dataset


def record(dataset: str) -> Path:
    """Return the folder of a dataset's provenance record and quarantine."""
    return Path("data/record") / dataset


def shards(dataset: str) -> Path:
    """Return the folder of a dataset's tensors."""
    return Path("data/shards") / dataset


def weights(name: str) -> Path:
    """Return the folder of trained weights that measure pictures."""
    return Path("data/weights") / name


def checkpoint(model: str) -> Path:
    """Return the folder of a model's checkpoint."""
    return Path("data/checkpoints") / model


def run(model: str) -> Path:
    """Return the folder of a model's run record."""
    return Path("data/runs") / model


def report(model: str) -> Path:
    """Return the folder of a model's evaluation report."""
    return Path("data/reports") / model


def metrics(model: str) -> Path:
    """Return the file of a model's few numbers that `dvc metrics` compares."""
    return Path("data/metrics") / f"{model}.json"


def plots(model: str) -> Path:
    """Return the folder of what `dvc plots` compares of a model."""
    return Path("data/plots") / model


def dataset_outputs(dataset: str) -> tuple[Path, ...]:
    """Return all that the stages make of a dataset."""
    return works(dataset), record(dataset), shards(dataset)


def model_outputs(model: str) -> tuple[Path, ...]:
    """Return all that the stages make of a model."""
    return checkpoint(model), run(model), report(model), metrics(model), plots(model)


def champion(dataset: str, kind: str) -> Path:
    """Return the folder to which a champion is restored that lies nowhere else."""
    return Path("data/champions") / f"{dataset}.{kind}"


def job_cache(stage: str) -> Path:
    """Return the folder of a stage's cached job outcomes.

    It is removed when the stage is done.
    """
    return STATE / "answers" / stage


def gallery() -> Path:
    """Return the folder of the gallery."""
    return Path("data/gallery")
