"""Guard a stage: enough disk space before it starts, and one process at a time."""

import contextlib
from collections.abc import Iterator

from artpipe.artifacts import paths
from artpipe.errors import StoppedError
from artpipe.project.disk_space import require_disk_space
from artpipe.system.ancestors import find_session_ancestors
from artpipe.system.hashing import sha256_bytes
from artpipe.system.interrupts import Interruption, StopRequest
from artpipe.system.locks import hold_lock


@contextlib.contextmanager
def guard_stage(stage: str, part: str = "") -> Iterator[None]:
    """Run a stage, or one `part` of it, with enough disk space and nobody else at it.

    Until a stop is requested. A training does all but the check of disk space itself.

    Raises:
        DiskFullError: see `require_disk_space`; a part leaves as much for the stage.
        BusyError: another process runs it, named by its pid.
        StoppedError: stopped by a signal or the death of an ancestor.
    """
    require_disk_space(stage, times=2.0 if part else 1.0)
    if stage.startswith("train@"):
        yield
        return
    doing = f"{stage} {part}".strip()
    name = sha256_bytes(doing.encode(errors="surrogateescape"))[:16]
    stop = StopRequest(doing, "nothing of it stands half-written, the same command begins it again", Interruption)
    try:
        with hold_lock(paths.STATE / "stages" / f"{name}.lock", doing=doing), stop.listen(find_session_ancestors()):
            yield
    except Interruption as interruption:
        raise StoppedError(str(interruption)) from None
