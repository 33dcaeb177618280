"""Write an archive anew without some members, or with other bytes of some.

Members are copied from archive to archive; nothing is extracted.
"""

import io
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import cast

from artpipe.errors import UserError
from artpipe.system.atomic_files import write_file
from artpipe.untrusted.archives.archive_reader import ArchiveLimits, detect_archive_suffix
from artpipe.untrusted.archives.table_members import detect_table_suffix

_TAR_MODES = {".tar": "w", ".tar.gz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}
Change = Callable[[str, bytes], bytes | None]  # from a member's name and bytes to its new bytes; None removes it


def edit_archive(path: Path, limits: ArchiveLimits, change: Change) -> int:
    """Replace or remove members as `change` says; return how many.

    The archive is replaced whole or not at all, and left alone where nothing changes. Members that are larger than the
    limits are copied unseen: they are no works.

    Raises:
        UserError: it is compressed or encrypted in a way that cannot be written; nothing was changed.
    """
    suffix = detect_table_suffix(path) or detect_archive_suffix(path)
    edit = _ZipEditor if suffix == ".zip" else _TarEditor
    if suffix not in {".zip", *_TAR_MODES}:
        raise UserError(f"{path}: works cannot be taken out of a {suffix} archive; pack it anew as .tar, or as .zip")
    editor = edit(path, suffix, int(limits.megabytes * 2**20), change)
    try:
        if not editor.copy(None):
            return 0
        with write_file(path) as temporary:
            return editor.copy(temporary)
    except (zipfile.BadZipFile, tarfile.TarError, RuntimeError, NotImplementedError, EOFError) as error:
        raise UserError(f"{path}: works cannot be taken out of it: {error}; pack it anew") from None


class _ZipEditor:
    """Copies a zip member by member."""

    def __init__(self, path: Path, suffix: str, max_bytes: int, change: Change) -> None:
        del suffix
        self.path, self.max_bytes, self.change = path, max_bytes, change

    def copy(self, target: Path | None) -> int:
        """Write the changed archive (None: only count); return how many members changed."""
        sink: Path | io.BytesIO = target or io.BytesIO()
        changed = 0
        with zipfile.ZipFile(self.path) as old, zipfile.ZipFile(sink, "w") as new, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # names that an archive has twice
            new.comment = old.comment
            for info in old.infolist():
                if info.is_dir() or info.file_size > self.max_bytes:
                    if target:
                        with old.open(info) as source, new.open(info, "w", force_zip64=True) as copied:
                            while block := source.read(1 << 20):
                                copied.write(block)
                    continue
                data = old.read(info)
                result = self.change(info.filename, data)
                changed += result != data
                if target and result is not None:
                    new.writestr(info, result)
        return changed


class _TarEditor:
    """Copies a tar member by member."""

    def __init__(self, path: Path, suffix: str, max_bytes: int, change: Change) -> None:
        self.path, self.mode, self.max_bytes, self.change = path, _TAR_MODES[suffix], max_bytes, change

    def copy(self, target: Path | None) -> int:
        """Write the changed archive (None: only count); return how many members changed."""
        changed = 0
        new = tarfile.open(target, self.mode, format=tarfile.PAX_FORMAT) if target else None  # type: ignore[call-overload] # noqa: SIM115 - closed below
        try:
            with tarfile.open(self.path, "r:*") as old:
                for member in old:
                    if not member.isreg() or member.size > self.max_bytes:
                        if new:
                            new.addfile(member, old.extractfile(member) if member.isreg() else None)
                        continue
                    data = cast("io.BufferedReader", old.extractfile(member)).read()
                    result = self.change(member.name.removeprefix("./"), data)
                    changed += result != data
                    if new and result is not None:
                        member.size = len(result)
                        new.addfile(member, io.BytesIO(result))
        finally:
            if new:
                new.close()
        return changed
