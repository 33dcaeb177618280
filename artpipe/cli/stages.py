"""The stages as commands, called by dvc.yaml.

Heavy imports stay inside the command that needs them.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from artpipe.system.memory_allocator import keep_freed_memory

STAGES = "Stages, called by dvc.yaml"
Name = Annotated[str, typer.Argument(metavar="NAME", help="As it stands in params.yaml.")]
Part = Annotated[
    str, typer.Option(metavar="I/N", help="Beforehand, one part of the work, for another core or machine.")
]

stage_commands = typer.Typer()


@stage_commands.command(rich_help_panel=STAGES)
def ingest(name: Name, part: Part = "") -> None:
    """Keep or quarantine every work of a dataset."""
    with _guard(f"ingest@{name}", part):
        from artpipe.config.params import load_params
        from artpipe.ingest import ingest_dataset, ingest_part
        from artpipe.system.file_tree import require_unchanged

        with require_unchanged(Path(load_params().dataset(name).path)):
            ingest_part(name, part) if part else ingest_dataset(name)


@stage_commands.command(rich_help_panel=STAGES)
def preprocess(name: Name, part: Part = "") -> None:
    """Turn the works of a dataset into tensors."""
    with _guard(f"preprocess@{name}", part):
        from artpipe.preprocess import preprocess_dataset, preprocess_part

        preprocess_part(name, part) if part else preprocess_dataset(name)


@stage_commands.command(rich_help_panel=STAGES)
def weights(name: Name) -> None:
    """Check and convert trained weights that measure pictures."""
    with _guard(f"weights@{name}"):
        from artpipe.weights import make_weights

        make_weights(name)


@stage_commands.command(rich_help_panel=STAGES)
def train(name: Name) -> None:
    """Train a model, or go on where its training was stopped."""
    from artpipe.system.ancestors import find_session_ancestors

    ancestors = find_session_ancestors()  # before torch is imported: they may end meanwhile
    keep_freed_memory()
    with _guard(f"train@{name}"):
        from artpipe.tracking.follower import start_follower
        from artpipe.train import train_model

        train_model(name, ancestors, start_follower)


@stage_commands.command(rich_help_panel=STAGES)
def evaluate(name: Name) -> None:
    """Measure and judge a model."""
    keep_freed_memory()
    with _guard(f"evaluate@{name}"):
        from artpipe.evaluate import evaluate_model

        evaluate_model(name)


@stage_commands.command(rich_help_panel=STAGES)
def gallery() -> None:
    """Hang everything."""
    with _guard("gallery"):
        from artpipe.gallery import build_gallery
        from artpipe.tracking.mlflow_sync import sync_after_last_stage

        build_gallery()
        sync_after_last_stage()


@contextmanager
def _guard(name: str, part: str = "") -> Iterator[None]:
    """Guard a stage: its recorded code, disk space, and no other process at it.

    The code has to stay as recorded from the stage's beginning to its end. Where it fails or is stopped, what it had made
    before stands again.
    """
    from artpipe.project.estimates import save_stage_duration
    from artpipe.project.stage_guard import guard_stage
    from artpipe.storage.former_outputs import keep_former_outputs
    from artpipe.system.terminal import escape_stdout

    former_outputs = nullcontext() if part else keep_former_outputs(name)
    with former_outputs, _require_code(name), guard_stage(name, part), escape_stdout():
        yield
        if not part:
            save_stage_duration(name)


@contextmanager
def _require_code(name: str) -> Iterator[None]:
    from artpipe.code.code_yaml import require_recorded_code, require_same_record

    require_recorded_code(stage=name)
    with require_same_record(name):
        yield
