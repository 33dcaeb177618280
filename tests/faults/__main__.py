"""`python tests/faults` injects the faults into the real command line and prints what came of each as a table."""

import argparse
import importlib
import os
import re
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
    "environment_faults": 50,
    "flips": 1000,
    "repairs": 30,
    "servers": 6,
}  # modules with `rows(folder, count, seed, only)`, and how often
HEAD = "| fault | where | times | in a write | what came of it | wrong |\n|---|---|---|---|---|---|"


def parse_arguments() -> argparse.Namespace:
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
    """Print the tables, one of each part; the exit code is 1 where something is not as it should be."""
    from tests.faults.small_project import ROOT

    options, wrong = parse_arguments(), 0
    with tempfile.TemporaryDirectory(prefix="artpipe-faults-", dir=options.folder) as folder:
        for part in PARTS:
            count = getattr(options, part)
            if not count or not (ROOT / f"tests/faults/{part}.py").exists():
                continue
            text, bad = make_table(part, Path(folder) / part, count, options)
            wrong += bad
            if options.write:
                write_table(ROOT / "docs/reliability.md", part, text)
    return bool(wrong)


def make_table(part: str, folder: Path, count: int, options: argparse.Namespace) -> tuple[str, int]:
    """Inject one part's faults; return its table and how many rows are not as they should be."""
    module, rows = importlib.import_module(f"tests.faults.{part}"), []
    began, before = time.monotonic(), sum(os.times()[:4])
    print(f"\n{HEAD}", flush=True)
    for row in module.rows(folder, count, options.seed, options.only):
        rows.append(row)
        print(format_row(row), flush=True)
        for problem in row.wrong[:20]:
            print(f"  wrong: {problem}", flush=True)
    wrong, aimed = sum(bool(row.wrong) for row in rows), sum(row.aimed for row in rows)
    summary = (
        f"{sum(row.times for row in rows):,} faults{f' ({aimed:,} in the middle of a write)' if aimed else ''}, "
        f"{wrong} of {len(rows)} rows with something wrong; `python tests/faults`, part {part}, seed {options.seed}, "
        f"{sum(os.times()[:4]) - before:,.0f} core-seconds, {(time.monotonic() - began) / 60:.0f} minutes, "
        f"Python {sys.version.split()[0]}"
    )
    print(f"\n{summary}")
    return "\n".join([summary, "", HEAD, *map(format_row, rows)]), wrong


def format_row(row: tuple[object, ...]) -> str:
    """Return a row as markdown."""
    fault, where, times, aimed, outcome, wrong = row
    return f"| {fault} | {where} | {times} | {aimed or ''} | {outcome} | {len(wrong) or ''} |"  # type: ignore[arg-type]


def write_table(page: Path, part: str, text: str) -> None:
    """Put a part's table between the two marks of the page, beside those of the other parts."""
    from tests.faults.small_project import BEGUN, END

    before, _, rest = page.read_text().partition(BEGUN)
    old, _, after = rest.partition(END)
    blocks = dict(re.findall(r"<!-- (\w+) -->\n(.*?)\n(?=\n<!--|\Z)", old, flags=re.DOTALL)) | {part: text}
    sections = "".join(f"\n<!-- {name} -->\n{blocks[name].strip()}\n" for name in PARTS if name in blocks)
    page.write_text(f"{before}{BEGUN}\n{sections}\n{END}{after}")


if __name__ == "__main__":
    sys.exit(main())
