"""Whose works a dataset has, as a text to copy.

Every creator with licence, source and number of works.
"""

from artpipe.contracts.dataset_summary import Attribution
from artpipe.contracts.section import Room
from artpipe.language.licence_addresses import licence_address
from artpipe.language.message import Message
from artpipe.language.sentences import load_sentences


def make_attribution(room: Room, language: str) -> str:
    """Return a line for each creator, licence and source, the most works first.

    It is empty where there is no record.
    """
    if room.collection is None:
        return ""
    sentences = load_sentences(language)
    rows = [_describe_row(row) for row in room.collection.attributions]
    named = sum(row.count for row in room.collection.attributions)
    if rest := room.collection.kept - named:
        rows.append(Message(code="attributed_others", values={"works": rest}))
    return "\n".join([room.title, *map(sentences, rows)]) + "\n"


def _describe_row(row: Attribution) -> Message:
    address = licence_address(row.licence)
    licence = f"{row.licence} ({address})" if address else row.licence
    return Message(
        code="attributed_works",
        values={"creator": row.creator, "licence": licence, "origin": row.origin, "works": row.count},
    )
