"""`python tests/faults` injects the faults into the real command line and prints what came of each as a table."""

import argparse
import importlib
import os
import sys
import tempfile
import time
import types
from pathlib import Path

package = types.ModuleType("tests")  # a library installs a package of that name
package.__path__ = [str(Path(__file__).parents[1])]
sys.modules["tests"] = package

PARTS = {
    "kills": 480,
    "runs": 14,
    "around": 50,
    "flips": 1000,
    "servers": 20,
}  # modules with `rows(folder, count, seed, only)`, and how often
HEAD = "| fault | where | times | in a write | what came of it | wrong |\n|---|---|---|---|---|---|"


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="python tests/faults", description=__doc__)
    for part, count in PARTS.items():
        parser.add_argument(f"--{part}", type=int, default=count, help=f"how many (default {count}; 0: none)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], help="rows whose name has one of these words in it")
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    parser.add_argument("--folder", type=Path, help="where to work (a temporary folder, which goes)")
    return parser.parse_args()


def main() -> int:
    """Print the table; the exit code is 1 where something is not as it should be."""
    from tests.faults.ground import ROOT, Row

    asked, found, began = arguments(), list[Row](), time.monotonic()
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory(prefix="artpipe-faults-", dir=asked.folder) as folder:
        for part in PARTS:
            count = getattr(asked, part)
            if not count or not (ROOT / f"tests/faults/{part}.py").exists():
                continue
            module = importlib.import_module(f"tests.faults.{part}")
            for row in module.rows(Path(folder) / part, count, asked.seed, asked.only):
                found.append(row)
                print(line(row), flush=True)
                for one in row.wrong[:20]:
                    print(f"  wrong: {one}", flush=True)
    wrong, spent = sum(bool(row.wrong) for row in found), os.times()
    cores = spent.user + spent.system + spent.children_user + spent.children_system
    summary = (
        f"{sum(row.times for row in found):,} faults ({sum(row.aimed for row in found):,} in the middle of a write), "
        f"{wrong} of {len(found)} rows with something wrong; seed {asked.seed}, {cores:,.0f} core-seconds, "
        f"{(time.monotonic() - began) / 60:.0f} minutes, Python {sys.version.split()[0]}"
    )
    print(f"\n{summary}")
    if asked.write:
        written(ROOT / "docs/reliability.md", "\n".join([summary, "", HEAD, *map(line, found)]))
    return bool(wrong)


def line(row: tuple[object, ...]) -> str:
    """Return a row as markdown."""
    fault, where, times, aimed, outcome, wrong = row
    return f"| {fault} | {where} | {times} | {aimed or ''} | {outcome} | {len(wrong) or ''} |"  # type: ignore[arg-type]


def written(page: Path, text: str) -> None:
    """Put the text between the two marks of the page."""
    from tests.faults.ground import BEGUN, END

    before, _, rest = page.read_text().partition(BEGUN)
    page.write_text(f"{before}{BEGUN}\n{text}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    sys.exit(main())
