"""Compiled templates, kept as long as the process lives.

Compiling takes half of the time in which a small gallery is rendered, and a gallery in several languages, an early one
and a served one render the same templates again.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jinja2 import BytecodeCache, pass_context
from jinja2.bccache import Bucket

if TYPE_CHECKING:
    from types import CodeType


class CompiledTemplates(BytecodeCache):
    """Keep the code of each template in memory.

    One whose source changed is compiled anew.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._codes: dict[str, tuple[str, CodeType | None]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give a template its code, where there is one of the same source."""
        checksum, code = self._codes.get(bucket.key, ("", None))
        bucket.code = code if checksum == bucket.checksum else None

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code of a template."""
        self._codes[bucket.key] = (bucket.checksum, bucket.code)


def call_at_rendering(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that is never called while a template is compiled.

    Jinja would put a filter's answer for a constant into the code, in the language of the gallery that came first.
    """

    @pass_context
    def call(_context: object, *arguments: Any, **options: Any) -> Any:
        return function(*arguments, **options)

    return call
