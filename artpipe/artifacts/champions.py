"""Read and write `champions.json`: the champion of each dataset and kind.

It lies in git beside params.yaml, and also lists the former champions.
"""

import json
from pathlib import Path

from pydantic import Field, ValidationError

from artpipe.artifacts.paths import CHAMPIONS
from artpipe.artifacts.report import Score
from artpipe.config.params import Frozen
from artpipe.errors import UserError
from artpipe.system.atomic_files import write_text


class Champion(Frozen):
    """A promoted checkpoint, and where its bytes are."""

    model: str
    run_id: str
    checkpoint: str  # its hash
    report: str  # hash of the report it was promoted by
    shards: str  # hash of the data
    score: Score | None  # the deciding score; None where no score decides
    forced: bool = False  # by a person's decision, against the score
    dvc: dict[str, str]  # path -> md5 in DVC's cache: checkpoint, report and run record


class ChampionHistory(Frozen):
    """The champion of one dataset and kind, and those before it."""

    champion: Champion
    before: tuple[Champion, ...] = ()  # the latest first
    withdrawn: tuple[str, ...] = ()  # hashes of checkpoints taken back; only a forced promotion restores them


class Champions(Frozen):
    """All champions: dataset -> kind -> history."""

    format: int = 1
    champions: dict[str, dict[str, ChampionHistory]] = Field(default_factory=dict)

    def find(self, dataset: str, kind: str) -> ChampionHistory | None:
        """Return the history of a dataset and kind, None where there is none."""
        return self.champions.get(dataset, {}).get(kind)

    def is_champion(self, dataset: str, kind: str, checkpoint: str) -> bool:
        """Return whether a checkpoint is the champion of a dataset and kind."""
        reign = self.find(dataset, kind)
        return reign is not None and reign.champion.checkpoint == checkpoint

    def with_history(self, dataset: str, kind: str, reign: ChampionHistory) -> "Champions":
        """Return the champions with one history changed.

        Datasets and kinds are sorted by name, so that merges stay small.
        """
        kinds = {**self.champions.get(dataset, {}), kind: reign}
        changed = {**self.champions, dataset: dict(sorted(kinds.items()))}
        return self.model_copy(update={"champions": dict(sorted(changed.items()))})


def load_champions(root: Path = Path()) -> Champions:
    """Return the champions, none where there is no such file yet.

    Raises:
        UserError: the file is not what `artpipe promote` writes, after a merge for example.
    """
    path = root / CHAMPIONS
    if not path.exists():
        return Champions()
    try:
        return Champions.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UserError(f"{CHAMPIONS}{f': `{place}`' if place else ''}: {first['msg']}") from None


def save_champions(root: Path, champions: Champions) -> None:
    """Write the champions; defaults are left out."""
    fields = champions.model_dump(mode="json", exclude_defaults=True)
    write_text(
        root / CHAMPIONS, json.dumps({"format": champions.format, **fields}, indent=2, ensure_ascii=False) + "\n"
    )
