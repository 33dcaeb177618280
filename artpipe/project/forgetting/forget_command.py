"""`artpipe forget`: say what a work has left, and with `--yes` forget it."""

from collections.abc import Sequence

from artpipe.config.params import Params, load_params
from artpipe.errors import UserError
from artpipe.project.forgetting.forget_plan import load_plan, make_plan
from artpipe.project.forgetting.forget_report import (
    describe_holdings,
    describe_plan,
    describe_result,
    list_tombstones,
    make_json,
)
from artpipe.project.forgetting.forget_works import carry_out, undo_forgetting
from artpipe.project.forgetting.held_works import Holdings, describe_unread, find_holdings
from artpipe.project.forgetting.work_traces import find_traces


def forget(
    queries: Sequence[str],
    *,
    creator: str = "",
    exact: bool = False,
    near: bool = False,
    yes: bool = False,
    as_json: bool = False,
) -> str:
    """Return what works have left, or forget them and return what was done.

    A forgetting that was cut short is ended first.

    Args:
        queries: each a file, the beginning of a hash, or a work's name or title.
        creator: instead: all works of this creator.
        exact: leave near duplicates where they are.
        near: keep near copies out from now on, by a hash of the look in the tombstone.
        yes: forget; without it this only tells.
        as_json: tell it as JSON.

    Raises:
        UserError: no such work or creator, or not exactly one of both was named; nothing was changed.
    """
    lines = []
    if yes and (pending := load_plan()):
        lines.append(describe_result(pending, carry_out(pending)))
    if lines and not queries and not creator:
        return lines[0]
    if bool(queries) == bool(creator):
        raise UserError("a WORK or FILE is wanted, or `--creator NAME`; `--list` says what was withdrawn")
    params = load_params()
    holdings = find_holdings(params, queries, creator=creator, exact=exact)
    if not yes:
        return _tell(params, holdings, near=near, as_json=as_json)
    plan = make_plan(params, holdings, near=near)
    notes = [*carry_out(plan), *filter(None, [describe_unread(holdings.unread)])]
    return "\n".join([*lines, describe_result(plan, notes)])


def _tell(params: Params, holdings: Holdings, *, near: bool, as_json: bool) -> str:
    """Return what the works have left, and what forgetting would do."""
    traces = find_traces(params, holdings)
    if as_json:
        return make_json(holdings, traces)
    return f"{describe_holdings(holdings, traces)}\n{describe_plan(params, holdings, near=near)}"


__all__ = ["forget", "list_tombstones", "undo_forgetting"]
