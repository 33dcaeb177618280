"""What `artpipe sample` wrote, in a line or for programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.system.plain_text import to_printable


class PaintedFile(NamedTuple):
    """One picture, text or sound by itself."""

    file: Path
    seed: int | None
    label: int | None  # the number of its class


class PaintedFiles(NamedTuple):
    """The files of one command."""

    model: str
    checkpoint: str  # its SHA-256
    sheet: Path  # all of them in one file; of a recipe its only picture
    singles: Sequence[PaintedFile] = ()
    suffixes_without_label: Sequence[str] = ()  # forms that have no place for one
    recipe_checkpoint: str = ""  # where the recipe is of another checkpoint
    enlargers: Sequence[str] = ()  # models that could enlarge them
    unknown_words: Sequence[str] = ()  # of the prompt, that the model never learned

    def to_text(self) -> str:
        """Return in a line how many were painted, and where they are."""
        parts = [f"{len(self.singles) or 1} painted: {self.sheet}"]
        if self.singles:
            parts[0] += f", each by itself in {self.singles[0].file.parent}"
        if self.unknown_words:
            words = ", ".join(f"`{to_printable(word)}`" for word in self.unknown_words)
            parts.append(f"no caption it learned from has {words}")
        if self.suffixes_without_label:
            suffixes = ", ".join(self.suffixes_without_label)
            parts.append(f"without a label, for which the form has no place: {suffixes}")
        if self.recipe_checkpoint:
            parts.append(f"the recipe is of another checkpoint ({to_printable(self.recipe_checkpoint)})")
        parts += [f"larger with --enlarge {name}" for name in self.enlargers]
        return "; ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Return the same for programs."""
        return {
            **self._asdict(),
            "sheet": str(self.sheet),
            "singles": [{**single._asdict(), "file": str(single.file)} for single in self.singles],
            "suffixes_without_label": list(self.suffixes_without_label),
            "enlargers": list(self.enlargers),
            "unknown_words": list(self.unknown_words),
        }
