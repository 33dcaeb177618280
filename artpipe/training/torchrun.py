"""Run `python -m artpipe.training.torchrun RANKS COMMAND ...` on this machine.

It is torchrun, with the exit code of the rank that failed.
"""

import sys
from collections.abc import Iterable, Sequence

# A mistake of the user's; stopped or kept waiting. The exit codes of the other ranks are then only consequences.
_PREFERRED_CODES = (2, 75)


def main(arguments: Sequence[str]) -> int:
    """Run `artpipe COMMAND` in so many ranks; return the exit code."""
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    ranks, *command = arguments
    try:
        run(parse_args(["--standalone", "--nproc-per-node", ranks, "-m", "artpipe", *command]))  # type: ignore[no-untyped-call]
    except ChildFailedError as error:
        return choose_exit_code(failure.exitcode for failure in error.failures.values())
    return 0


def choose_exit_code(exit_codes: Iterable[int]) -> int:
    """Return one exit code for ranks that ended with these; negative is a signal."""
    failures = [code for code in exit_codes if code]
    preferred = [code for code in _PREFERRED_CODES if code in failures]
    return (preferred or [128 - code if code < 0 else code for code in failures] or [1])[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
