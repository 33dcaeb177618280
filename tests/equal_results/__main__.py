"""Prove which results of an earlier revision today's code makes to the byte: `python tests/equal_results REVISION [--write]`."""

import argparse
import sys
import tempfile
import types
from pathlib import Path

package = types.ModuleType("tests")  # a library installs a package of that name
package.__path__ = [str(Path(__file__).parents[1])]
sys.modules["tests"] = package

from tests.equal_results.comparison import compare_revision, record_equal_code  # noqa: E402


def main() -> int:
    """Print a line for each stage; the exit code is 1 where a result differs."""
    parser = argparse.ArgumentParser(prog="python tests/equal_results", description=__doc__)
    parser.add_argument("revision")
    parser.add_argument("--write", action="store_true", help="add what is equal to artpipe/code/equal_results.yaml")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="artpipe-equal-") as folder:
        comparison = compare_revision(arguments.revision, Path(folder))
    for stage, files in comparison.differences.items():
        sys.stdout.write(f"{stage}: {', '.join(files) or 'equal'}\n")
    if arguments.write:
        record_equal_code(comparison)
    return any(comparison.differences.values())


if __name__ == "__main__":
    sys.exit(main())
