"""Whose a work of a dataset is, in messages: title, creator, licence."""

from artpipe.artifacts.works import Provenance
from artpipe.critique.project_models import ProjectModels
from artpipe.language.message import Message
from artpipe.site.translation import clean_line

_TITLE_CHARACTERS = 80


def make_credits(models: ProjectModels, dataset: str, work: Provenance | None) -> list[Message]:
    """Return title, creator and licence of a work, as its record has them."""
    if work is None:
        return [Message(code="work_untitled"), Message(code="work_licence", values={"licence": "unknown"})]

    def translate(text: str) -> str:
        return clean_line(models.translate("datasets", dataset, text))

    title = clean_line(work.title or (work.caption or "")[:_TITLE_CHARACTERS], _TITLE_CHARACTERS)
    named = Message(code="work_titled", values={"title": title}) if title else Message(code="work_untitled")
    return [
        named,
        Message(code="work_creator", values={"creator": translate(work.creator)}),
        Message(code="work_licence", values={"licence": translate(work.licence)}),
    ]
