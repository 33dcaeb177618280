"""Bring every case from the wild into a project of its own and print what is wrong: `python tests/wild [NAME ...]`."""

import sys
import tempfile
import types
from pathlib import Path

package = types.ModuleType("tests")  # a library installs a package of that name
package.__path__ = [str(Path(__file__).parents[1])]
sys.modules["tests"] = package

from tests.wild.cases import CASES  # noqa: E402
from tests.wild.ground import judge_case  # noqa: E402


def main() -> int:
    """Print a table; the exit code is 1 where a case is not right."""
    chosen = [case for case in CASES if case.name in sys.argv[1:] or not sys.argv[1:]]
    failed = 0
    sys.stdout.write("| case | kind | public report | right | seen |\n|---|---|---|---|---|\n")
    for case in chosen:
        with tempfile.TemporaryDirectory(prefix="artpipe-wild-") as folder:
            wrong = judge_case(case, Path(folder) / case.name)
        failed += bool(wrong)
        outcome = " ".join("; ".join(wrong).split()).replace("|", "\\|") or "as it should be"
        sys.stdout.write(f"| {case.name} | {case.kind} | {case.source} | {case.right} | {outcome} |\n")
        sys.stdout.flush()
    sys.stdout.write(f"\n{len(chosen) - failed} of {len(chosen)} right\n")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
