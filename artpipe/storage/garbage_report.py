"""What `artpipe gc` found or freed, for people and for programs."""

from pathlib import Path
from typing import Any, NamedTuple

from artpipe.storage.reachable import Reachable
from artpipe.system.units import format_size


class ReclaimableGroup(NamedTuple):
    """Files of one kind that can be freed: the path and bytes of each."""

    name: str
    reason: str
    items: list[tuple[Path, int]]

    @property
    def bytes(self) -> int:
        """Return the bytes of all of them."""
        return sum(count for _, count in self.items)


class GarbageReport(NamedTuple):
    """What could be freed, or was."""

    groups: list[ReclaimableGroup]
    reachable: Reachable
    is_freed: bool
    is_shared: bool  # the cache lies outside the project
    running: str = ""  # who is at work, and may need what is named

    def to_json(self) -> dict[str, Any]:
        """Return it for programs: bytes and paths of each group."""
        groups = [
            {"name": group.name, "bytes": group.bytes, "paths": [str(path) for path, _ in group.items]}
            for group in self.groups
            if group.items
        ]
        return {
            "freed": self.is_freed,
            "bytes": sum(group.bytes for group in self.groups),
            "groups": groups,
            "running": self.running,
            "cache_is_shared": self.is_shared,
            "without_lock": list(self.reachable.without_lock),
        }

    def to_text(self) -> str:
        """Return it in lines."""
        note = f"{self.running}; it may need what is named here: freed is nothing until it has ended"
        rows = [
            f"{group.name:<18} {len(group.items):>6}  {format_size(group.bytes):>7}  {group.reason}"
            for group in self.groups
            if group.items
        ]
        total = format_size(sum(group.bytes for group in self.groups))
        sum_line = f"freed {total}" if self.is_freed else f"{total} could be freed: `artpipe gc --yes`"
        lines = [*([note] if self.running else []), *([*rows, sum_line] if rows else ["nothing to free"])]
        reasons = ", ".join(
            ["the workspace", "champions", *(f"{noun} ({count})" for noun, count in self.reachable.ref_counts.items())]
        )
        lines.append(f"kept: what {reasons} need")
        if self.reachable.without_lock:
            names = ", ".join(self.reachable.without_lock[:3]) + (" ..." if self.reachable.without_lock[3:] else "")
            lines.append(f"without dvc.lock: {names}; all that was made by their parameters is kept")
        if self.is_shared:
            lines.append(
                "DVC's cache lies outside this project and may serve others: it was left alone (`dvc gc --projects` knows them)"
            )
        return "\n".join(lines)
