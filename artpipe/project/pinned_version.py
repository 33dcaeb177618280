"""The artpipe version that a project's pyproject.toml asks for.

It is told beside the installed one.
"""

import re
import tomllib
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from artpipe import __version__
from artpipe.system.atomic_files import write_text
from artpipe.system.plain_text import to_printable

_FILE = "pyproject.toml"


def explain_other_version(root: Path = Path()) -> str:
    """Return a line that the project asks for another artpipe than is installed.

    Empty where it does not.
    """
    requirement = _find_other_requirement(root)
    if not requirement:
        return ""
    return (
        f"{_FILE} asks for `{to_printable(requirement)}`, installed is {__version__}: `uv sync` (or `pip install .`) installs "
        f"what it asks for, `artpipe upgrade` makes it ask for {_make_pin()}"
    )


def pin_installed_version(root: Path = Path(), *, only_plan: bool = False) -> str:
    """Make pyproject.toml ask for the installed artpipe; return a report's line.

    Empty where it does already. A requirement of another form than `artpipe new` writes is named and left.
    """
    requirement = _find_other_requirement(root)
    if not requirement:
        return ""
    if not re.fullmatch(r"artpipe==\d+\.\d+\.\*", requirement):
        return f"{_FILE}: `{to_printable(requirement)}` excludes the installed {__version__}; change it by hand"
    if not only_plan:
        text = (root / _FILE).read_text(encoding="utf-8")
        write_text(root / _FILE, text.replace(requirement, _make_pin()))
    return f"{_FILE}: {requirement} -> {_make_pin()}"


def _find_other_requirement(root: Path) -> str:
    """Return the requirement that the installed version does not meet.

    Empty where there is none.
    """
    try:
        content = tomllib.loads((root / _FILE).read_text(encoding="utf-8"))
        dependencies = content["project"]["dependencies"]
    except (OSError, ValueError, KeyError, TypeError):  # none, or one that its own tools complain of
        return ""
    for text in dependencies if isinstance(dependencies, list) else ():
        try:
            requirement = Requirement(text)
        except (InvalidRequirement, TypeError):
            continue
        if requirement.name.lower() == "artpipe" and not requirement.specifier.contains(__version__, prereleases=True):
            return str(text)
    return ""


def _make_pin() -> str:
    return f"artpipe=={'.'.join(__version__.split('.')[:2])}.*"
