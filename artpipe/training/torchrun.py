"""`python -m artpipe.training.torchrun RANKS COMMAND ...`: torchrun on this machine, ended as the rank ended that failed."""

import sys
from collections.abc import Iterable, Sequence

_TOLD = (2, 75)  # a mistake of a person's; stopped or kept waiting: what the others then say is the wake of it


def main(arguments: Sequence[str]) -> int:
    """Run `artpipe COMMAND` in so many ranks; return 0, or what the failure of one means."""
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    ranks, *command = arguments
    try:
        run(parse_args(["--standalone", "--nproc-per-node", ranks, "-m", "artpipe", *command]))  # type: ignore[no-untyped-call]
    except ChildFailedError as error:
        return code(failure.exitcode for failure in error.failures.values())
    return 0


def code(codes: Iterable[int]) -> int:
    """Return the exit code for ranks that ended with these, some of them by a signal (negative)."""
    found = [one for one in codes if one]
    told = [one for one in _TOLD if one in found]
    return (told or [128 - one if one < 0 else one for one in found] or [1])[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
