"""Results kept apart and brought together: gc beside branches, tags and experiments, as DVC itself sees it afterwards."""

import contextlib

import pytest

from artpipe.gc import collect

pytestmark = [pytest.mark.xdist_group("dvc"), pytest.mark.timeout(1200)]  # they share a project


def test_gc_leaves_every_branch_tag_and_experiment_whole(project):
    """Of five betas, the one nobody names goes; each of the others is checked out and runs nothing."""

    def made(beta: float, old: float) -> None:
        project.edit("params.yaml", f"beta: {old}", f"beta: {beta}")
        project.repro()

    project.commit()
    for name, beta in (("sharp", 4), ("v1", 5)):
        project.run("git", "checkout", "-q", "-b", name, "master")
        made(beta, 1.0)
        project.commit()
    project.run("git", "tag", "only-tagged", "v1")
    project.run("git", "checkout", "-q", "master")
    project.run("git", "branch", "-q", "-D", "v1")
    made(9, 1.0)
    project.run("git", "checkout", "-q", "params.yaml", "dvc.lock")
    project.dvc("checkout", "-q", "--force")
    project.dvc("exp", "run", "-q", "-n", "tried", "-S", "models.vae.beta=8")
    project.run("git", "checkout", "-q", "params.yaml", "dvc.lock")
    with contextlib.chdir(project.folder):
        said = collect(yes=True)
    assert "branches (2), tags (1), experiments (1) need" in said
    assert "freed" in said
    for ref in ("sharp", "only-tagged", "tried", "master"):
        project.run("git", "checkout", "-q", "--force", _commit(project, ref))
        project.dvc("checkout", "-q", "--force")
        assert project.repro() == []
    made(9, 1.0)
    assert "train@vae" in project.calls()


def _commit(project, ref: str) -> str:
    """The commit of a branch, a tag or an experiment of that name."""
    found = project.run("git", "for-each-ref", "--format=%(objectname)", f"refs/*/{ref}", f"refs/exps/*/*/{ref}").stdout
    return found.split()[0]
