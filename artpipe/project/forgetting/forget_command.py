"""`artpipe forget`: say what a work has left, and with `--yes` forget it."""

from collections.abc import Sequence

from artpipe.config.params import load_params
from artpipe.errors import UserError
from artpipe.project.forgetting.emptied_classes import describe_emptied_classes
from artpipe.project.forgetting.forget_plan import ForgetPlan, load_plan, make_plan
from artpipe.project.forgetting.forget_report import ForgottenWorks, HeldWorks, list_tombstones
from artpipe.project.forgetting.forget_works import carry_out, undo_forgetting
from artpipe.project.forgetting.held_works import describe_unread, find_holdings, hash_originals
from artpipe.project.forgetting.work_traces import find_traces
from artpipe.storage.removed_datasets import describe_removed


def forget(
    queries: Sequence[str],
    *,
    creator: str = "",
    exact: bool = False,
    near: bool = False,
    yes: bool = False,
) -> HeldWorks | ForgottenWorks:
    """Return what works have left, or forget them and return what was done.

    A forgetting that was cut short is ended first.

    Args:
        queries: each a file, the beginning of a hash, or a work's name or title.
        creator: instead: all works of this creator.
        exact: leave near duplicates where they are.
        near: keep near copies out from now on, by a hash of the look in the tombstone.
        yes: forget; without it this only tells.

    Raises:
        UserError: no such work or creator, or not exactly one of both was named; nothing was changed.
    """
    done: list[tuple[ForgetPlan, list[str]]] = []
    if yes and (pending := load_plan()):
        done.append((pending, carry_out(pending)))
    if done and not queries and not creator:
        return ForgottenWorks(done)
    if bool(queries) == bool(creator):
        raise UserError("a WORK or FILE is wanted, or `--creator NAME`; `--list` says what was withdrawn")
    params = load_params()
    holdings = find_holdings(params, queries, creator=creator, exact=exact)
    if not yes:
        return HeldWorks(params, holdings, find_traces(params, holdings), near=near)
    plan = make_plan(params, holdings, near=near)
    removed = describe_removed(hash_originals(holdings))  # before they are gone
    emptied = describe_emptied_classes(params, holdings)
    notes = [*carry_out(plan), *filter(None, [describe_unread(holdings.unread), removed]), *emptied]
    return ForgottenWorks([*done, (plan, notes)])


__all__ = ["forget", "list_tombstones", "undo_forgetting"]
