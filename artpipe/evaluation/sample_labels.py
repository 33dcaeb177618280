"""What samples show: the labels they were asked for, or are read as."""

from torch import Tensor

from artpipe.contracts.metric import Evidence, has_classifiable_samples


def find_sample_labels(evidence: Evidence) -> Tensor | None:
    """Return the labels of samples: those asked for, else those they are read as.

    None where nobody knows.
    """
    if evidence.prompt is not None and evidence.prompt.labels is not None:
        return evidence.prompt.labels
    skill = evidence.extractor_skill
    if not has_classifiable_samples(evidence) or (skill is not None and not skill.is_shown):
        return None
    return evidence.class_probabilities("samples").argmax(1)
