"""Which medium a learner of sequences writes in."""

from artpipe.contracts.metric import Evidence
from artpipe.contracts.model import SequenceModel
from artpipe.modalities.music.tokens import is_music
from artpipe.modalities.text.tokenizer import is_text


def writes_text(evidence: Evidence) -> bool:
    """Return whether the learner writes text and there are whole works to compare."""
    columns = {"tokens", "places", "digests"}
    writes = is_text(evidence.card.spec) and isinstance(evidence.learner, SequenceModel)
    return writes and columns <= set(evidence.train) and columns <= set(evidence.test)


def writes_music(evidence: Evidence) -> bool:
    """Return whether the learner writes music."""
    return is_music(evidence.card.spec) and isinstance(evidence.learner, SequenceModel)
