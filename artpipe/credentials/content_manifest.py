"""The manifest of a file: how it was created, by what, and from which works.

The terms are those of the C2PA specification 2.2: https://spec.c2pa.org.
"""

from typing import Any

from artpipe.contracts.gallery_work import RealWork
from artpipe.contracts.generation_facts import GenerationFacts

ASSERTION = "org.artpipe.generation"  # what C2PA has no assertion for
_WORK_FIELDS = ("title", "creator", "year", "licence", "origin")


def make_manifest(facts: GenerationFacts, name: str) -> dict[str, Any]:
    """Return the definition of a manifest, for a file called `name`."""
    agent = {"name": "artpipe", "version": facts.artpipe}
    created = {
        "action": "c2pa.created",
        "digitalSourceType": facts.source_type_address,
        "softwareAgent": agent,
        "description": f"Made by the model{'s' if facts.other_models else ''} {facts.models}.",
        **({"when": facts.created} if facts.created else {}),
    }
    return {
        "claim_generator_info": [agent],
        "title": name,
        "ingredients": [_make_ingredient(work, number) for number, work in enumerate(facts.sources)],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [created], "allActionsIncluded": True}, "created": True},
            {"label": ASSERTION, "data": describe_generation(facts), "created": True},
        ],
    }


def describe_generation(facts: GenerationFacts) -> dict[str, Any]:
    """Return what the project's own assertion says, without what is not known."""
    made_from = [
        {"sha256": work.digest, **{name: value for name in _WORK_FIELDS if (value := getattr(work, name))}}
        for work in facts.sources
    ]
    for row, share in zip(made_from, facts.shares, strict=False):
        row["share"] = round(share, 4)
    described = {
        "title": facts.title,
        "model": facts.model,
        "kind": facts.kind,
        "step": facts.step,
        "checkpoint": facts.checkpoint,
        "run": facts.run,
        "commit": facts.commit,
        "dirty": facts.dirty or None,
        "seed": facts.seed,
        "other_models": [model.model_dump() for model in facts.other_models],
        "prompt": facts.prompt,
        "dataset": {"name": facts.dataset, "sha256": facts.dataset_sha256} if facts.dataset else None,
        "made_from": made_from,
    }
    return {name: value for name, value in described.items() if value not in (None, "", [])}


def _make_ingredient(work: RealWork, number: int) -> dict[str, Any]:
    """Return a work as an input, named by its hash: its file is not in the gallery."""
    return {
        "title": work.title or f"work {work.digest[:12]}",
        "relationship": "inputTo",
        "instance_id": f"sha256:{work.digest}",
        "label": f"work-{number}",
        "description": f"{work.creator}; licence {work.licence}; SHA-256 {work.digest}",
    }
