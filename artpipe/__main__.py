"""The command line: what dvc.yaml and people call. Heavy imports stay inside the command that needs them."""

import sys

import typer

from artpipe.errors import ArtpipeError

app = typer.Typer(
    name="artpipe",
    help="From a dataset to a gallery, reproducibly.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def ingest(name: str) -> None:
    """Keep or quarantine every work of a dataset."""
    from artpipe.ingest import ingest_dataset

    ingest_dataset(name)


@app.command()
def preprocess(name: str) -> None:
    """Turn the works of a dataset into tensors."""
    from artpipe.preprocess import preprocess_dataset

    preprocess_dataset(name)


@app.command()
def train(name: str) -> None:
    """Train a model, or go on where its training was stopped."""
    from artpipe.train import train_model

    train_model(name)


@app.command()
def evaluate(name: str) -> None:
    """Measure and judge a model."""
    from artpipe.evaluate import evaluate_model

    evaluate_model(name)


@app.command()
def gallery() -> None:
    """Hang everything."""
    from artpipe.gallery import build_gallery

    build_gallery()


def main() -> None:
    """Run the command line; an expected error is one line on stderr and its exit code."""
    try:
        app()
    except ArtpipeError as error:
        sys.stderr.write(f"artpipe: {error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
