"""Preprocess a dataset: split its works by content, and make tensors of them."""

import sys
from dataclasses import replace

from artpipe.artifacts import paths
from artpipe.artifacts.works import Works
from artpipe.config.params import load_params
from artpipe.contracts.modality import CONTACT_SHEET_WORKS, PreprocessTask, find_medium, parse_preprocess_params
from artpipe.errors import UserError
from artpipe.preprocessing.jobs import job_name, make_worker_limits
from artpipe.preprocessing.splits import PROMOTABLE, SplitPlan, contact_sheet_order, plan_splits
from artpipe.system.atomic_files import remove_stale_temporaries, write_folder
from artpipe.untrusted.job_cache import clear_cache, fill_cache, parse_part


def preprocess_dataset(name: str) -> None:
    """Read `data/works/NAME` and write `data/shards/NAME`.

    Raises:
        UserError: no such dataset, it was not ingested, or none of its works is left to train on.
        CorruptError: the works are not what ingest wrote.
    """
    entry, works, folder = load_params().dataset(name), Works.open(paths.works(name)), paths.shards(name)
    medium, params = find_medium(entry), parse_preprocess_params(name, entry)
    plan = plan_splits(works, params, CONTACT_SHEET_WORKS)
    _require_training_works(name, plan)
    remove_stale_temporaries(folder.parent)
    with write_folder(folder) as temporary:
        task = PreprocessTask(
            name=name,
            params=params,
            ingest=entry.ingest,
            works=works,
            folder=temporary,
            split=plan.split,
            label=plan.label,
            classes=plan.classes,
            shown=plan.shown,
            order=contact_sheet_order,
        )
        line = medium.write(task)
    clear_cache(f"preprocess@{name}")
    sys.stdout.write(f"{name}: {line}\n")


def preprocess_part(name: str, part: str) -> None:
    """Prepare one part of a dataset's works in advance, on one core.

    The preprocess that follows finds the outcomes in the cache.

    Raises:
        UserError, CorruptError: see `preprocess_dataset`.
    """
    entry, works, (number, count) = load_params().dataset(name), Works.open(paths.works(name)), parse_part(part)
    medium = find_medium(entry)
    prepared = fill_cache(
        (original for _, original in works.originals(number - 1, count)),
        stage=f"preprocess@{name}",
        part=(number, count),
        job=job_name(medium.prepare),
        settings=medium.settings(parse_preprocess_params(name, entry), entry.ingest),
        limits=replace(make_worker_limits(entry.ingest, is_accepted=True), workers=1),
    )
    sys.stdout.write(f"{name}: {prepared:,} works prepared, part {number} of {count}\n")


def _require_training_works(name: str, plan: SplitPlan) -> None:
    if plan.counts["train"]:
        return
    held_out = {split: plan.counts.get(split, 0) for split in PROMOTABLE}
    counts = ", ".join(f"{split} {count}" for split, count in held_out.items())
    advice = "mark fewer of them as `test`" if plan.official else "lower `validation` and `test`"
    place = f"params.yaml: `datasets.{name}.preprocess`"
    raise UserError(f"{place}: none of {sum(held_out.values())} works is left to train on ({counts}); {advice}")
