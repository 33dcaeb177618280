"""What gc keeps and frees: a cache of planted objects, each needed by one place only."""

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from artpipe.errors import BusyError, CorruptError, UserError
from artpipe.storage import gc
from artpipe.storage.removed_datasets import RemovedDataset, save_removed
from artpipe.system.locks import hold_lock

PARAMS = """\
format: 2
seed: 1
datasets: {}
models:
  vae: {kind: vae, dataset: d, beta: 1}
evaluation: {metrics: []}
gallery: {sections: []}
"""


def md5(word: str) -> str:
    return hashlib.md5(word.encode(), usedforsecurity=False).hexdigest()


def lock(*words: str) -> str:
    """A dvc.lock that names an object for each word."""
    outs = "".join(f"    - path: data/{word}\n      md5: {md5(word)}\n" for word in words)
    return f"schema: '2.0'\nstages:\n  one:\n    cmd: x\n    outs:\n{outs}"


class Repo:
    """A git repository with a cache beside it, as DVC lays it out."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "-q", "-b", "main")
        for name, text in {"params.yaml": PARAMS, "dvc.yaml": "stages: {}\n", ".gitignore": "/.dvc\n/.state\n"}.items():
            (root / name).write_text(text)

    def git(self, *words: str) -> str:
        who = {f"GIT_{role}_{what}": "a@b" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        env = {**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull}
        done = subprocess.run(["git", *words], cwd=self.root, env=env, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, **files: str) -> str:
        """Commit the files (`dvc_lock` is dvc.lock) and return the commit."""
        for name, text in files.items():
            (self.root / name.replace("_", ".")).write_text(text)
        self.git("add", "--all")
        self.git("commit", "-q", "--allow-empty", "-m", "x")
        return self.git("rev-parse", "HEAD")

    def beside(self, ref: str, **files: str) -> None:
        """Plant a commit under `ref` that nothing else reaches; the workspace stays as it is."""
        before = self.git("rev-parse", "HEAD")
        standing = {name: (self.root / name).read_text() for name in ("dvc.lock", "params.yaml")}
        self.git("update-ref", "--create-reflog", ref, self.commit(**files))
        self.git("reset", "-q", "--hard", before)
        for name, text in standing.items():
            (self.root / name).write_text(text)

    def object(self, word: str, data: str | None = None, suffix: str = "") -> Path:
        path = self.root / ".dvc/cache/files/md5" / md5(word)[:2] / (md5(word)[2:] + suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(word if data is None else data)
        return path

    def ran(self, word: str, beta: float) -> Path:
        """Leave an entry of the run cache that made `word` by a beta."""
        path = self.root / ".dvc/cache/runs" / md5(word)[:2] / md5(word) / "one"
        path.parent.mkdir(parents=True)
        params = f"params:\n  params.yaml:\n    models.vae.beta: {beta}\n    seed: 1\n"
        path.write_text(f"cmd: x\n{params}outs:\n- path: data/{word}\n  md5: {md5(word)}\n")
        return path


@pytest.fixture
def repo(tmp_path, monkeypatch) -> Repo:
    """A repository whose main names `main`, and whose first commit named `first`."""
    made = Repo(tmp_path)
    (tmp_path / ".dvc").mkdir()
    made.commit(dvc_lock=lock("first"))
    made.commit(dvc_lock=lock("main"))
    monkeypatch.setattr(gc, "_find_cache", lambda root: root / ".dvc/cache")  # asking DVC takes a second
    monkeypatch.chdir(tmp_path)
    return made


def freed(repo: Repo, words: list[str], **options: object) -> set[str]:
    """Which of the words' objects are gone after a collection."""
    objects = {word: repo.object(word) for word in words}
    gc.collect_garbage(yes=True, **options)
    return {word for word, path in objects.items() if not path.exists()}


def test_whatever_git_reaches_is_kept(repo):
    """Branch, tags, remote branch, experiment, champion and another worktree keep theirs; only what nobody names goes."""
    refs = {
        "branch": "refs/heads/other",
        "tag": "refs/tags/v1",
        "remote": "refs/remotes/origin/main",
        "exp": "refs/exps/ab/cd/beta4",
    }
    for word, ref in refs.items():
        repo.beside(ref, dvc_lock=lock(word))
    repo.beside("refs/heads/for-tag", dvc_lock=lock("annotated"))
    repo.git("tag", "-a", "-m", "x", "v2", "for-tag")
    repo.git("branch", "-q", "-D", "for-tag")
    champion = {"champions": {"d": {"vae": {"champion": {"dvc": {"data/checkpoints/vae": f"{md5('champion')}.dir"}}}}}}
    repo.beside("refs/heads/crowned", champions_json=json.dumps(champion, indent=1))
    repo.git("worktree", "add", "-q", "--detach", ".state/tree")
    (repo.root / ".state/tree/dvc.lock").write_text(lock("elsewhere"))
    repo.git("-C", ".state/tree", "commit", "-q", "-a", "-m", "x")
    kept = [*refs, "annotated", "champion", "elsewhere", "main"]
    assert freed(repo, [*kept, "first", "nobody"]) == {"first", "nobody"}


def test_stashes_are_kept_however_deep(repo):
    """Two stashes, the second with a lock git never saw, and what DVC has queued: all of them keep theirs."""
    (repo.root / "dvc.lock").write_text(lock("stashed"))
    repo.git("stash", "-q")
    (repo.root / "sub").mkdir()
    (repo.root / "sub/dvc.lock").write_text(lock("untracked"))
    repo.git("stash", "-q", "--include-untracked")
    for word in ("queued", "queued later"):
        repo.beside("refs/exps/celery/stash", dvc_lock=lock(word))
    kept = ["stashed", "untracked", "queued", "queued later", "main"]
    assert freed(repo, [*kept, "nobody"]) == {"nobody"}


def test_history_keeps_what_old_commits_need(repo):
    """With `history` an older commit keeps its results too."""
    assert freed(repo, ["first", "nobody"], history=True) == {"nobody"}


def test_the_workspace_is_kept_as_it_stands(repo):
    """A lock that was not committed, tracked folders and a champion just promoted count; a folder keeps its files."""
    (repo.root / "dvc.lock").write_text(lock("now"))
    (repo.root / "datasets").mkdir()
    (repo.root / "datasets/works.dvc").write_text(f"outs:\n- md5: {md5('works')}.dir\n  path: works\n")
    (repo.root / "champions.json").write_text(f'{{"x": "{md5("crowned")}"}}')
    listing = json.dumps([{"md5": md5(word), "relpath": word} for word in ("a.png", "b.png")])
    folder = repo.object("works", listing, ".dir")
    gone = repo.object(
        "gone", json.dumps([{"md5": md5("a.png"), "relpath": "a"}, {"md5": md5("c"), "relpath": "c"}]), ".dir"
    )
    assert freed(repo, ["now", "crowned", "main", "a.png", "b.png", "c"]) == {"c"}
    assert folder.exists()
    assert not gone.exists()


def test_without_a_lock_parameters_decide(repo):
    """Branches that never committed dvc.lock keep what the run cache made by their parameters, each its own."""
    repo.git("rm", "-q", "--cached", "dvc.lock")
    repo.git("commit", "-q", "-m", "no lock")
    repo.git("checkout", "-q", "-b", "blurred")
    (repo.root / "params.yaml").write_text(PARAMS.replace("beta: 1", "beta: 4"))
    repo.git("commit", "-q", "-a", "-m", "beta 4")
    runs = {word: repo.ran(word, beta) for word, beta in (("one", 1.0), ("four", 4), ("nine", 9))}
    said = gc.collect_garbage().to_text()
    assert "without dvc.lock: blurred, main" in said
    assert freed(repo, ["one", "four", "nine", "main"]) == {"nine"}
    assert [word for word, path in runs.items() if path.exists()] == ["one", "four"]
    assert not runs["nine"].parent.exists()  # DVC dies on an empty one
    (repo.root / "dvc.lock").unlink()
    assert freed(repo, ["one", "four", "main"]) == {"main"}


def test_nothing_is_freed_without_yes(repo):
    """It says what it would free and what it keeps, and leaves both."""
    path = repo.object("nobody", "x" * 2000)
    said = gc.collect_garbage().to_text()
    assert path.exists()
    for_programs = gc.collect_garbage().to_json()
    assert (for_programs["freed"], for_programs["bytes"], for_programs["running"]) == (False, 2000, "")
    assert for_programs["groups"] == [
        {"name": "DVC's cache", "bytes": 2000, "paths": [str(path.relative_to(repo.root))]}
    ]
    assert "DVC's cache             1     2 kB  results nobody names" in said
    assert "2 kB could be freed: `artpipe gc --yes`" in said
    assert "kept: what the workspace, champions, branches (1) need" in said
    assert gc.collect_garbage(yes=True).to_text().splitlines()[1] == "freed 2 kB"
    assert gc.collect_garbage().to_text().startswith("nothing to free")


def test_state_downloads_and_leftovers(repo):
    """Stopped trainings go by age, downloads when no card names them, data of what params.yaml no longer has."""
    pins = {word: hashlib.sha256(word.encode()).hexdigest() for word in ("here", "elsewhere", "nowhere")}
    (repo.root / "datasets").mkdir()
    (repo.root / "datasets/d.yaml").write_text(f"sha256: {pins['here']}\n")
    repo.beside("refs/heads/other", d_yaml=f"sha256: {pins['elsewhere']}\n")
    state = repo.root / ".state"
    (state / "downloads").mkdir(parents=True)
    for pin in (*pins.values(), "vgg16.pth"):
        (state / "downloads" / pin).write_text("x")
    for name, days in (("new", 1), ("old", 9), ("held", 9)):
        folder = state / "train" / name / "key"
        folder.mkdir(parents=True)
        (folder / "journal.jsonl").write_text("x")
        for path in (folder / "journal.jsonl", folder):
            os.utime(path, (time.time() - days * 86400,) * 2)
    for name, days in (("ingest@new", 1), ("ingest@old", 9)):
        (state / "answers" / name).mkdir(parents=True)
        os.utime(state / "answers" / name, (time.time() - days * 86400,) * 2)
    for place in ("data/reports/vae", "data/reports/gone", "data/metrics", "data/gallery/pages"):
        (repo.root / place).mkdir(parents=True)
    for place in ("data/metrics/gone.json", "data/metrics/vae.json", "data/gallery/pages/x.tmp.999999999"):
        (repo.root / place).write_text("x")
    with hold_lock(state / "train/held/lock"):
        gc.collect_garbage(yes=True)
    left = {
        str(path.relative_to(repo.root))
        for path in repo.root.rglob("*")
        if path.is_relative_to(state) or path.is_relative_to(repo.root / "data")
    }
    assert {"data/reports/vae", "data/metrics/vae.json", "data/gallery/pages"} <= left
    assert not left & {"data/reports/gone", "data/metrics/gone.json", "data/gallery/pages/x.tmp.999999999"}
    assert {path.name for path in (state / "downloads").iterdir()} == {pins["here"], pins["elsewhere"], "vgg16.pth"}
    assert {path.parent.name for path in state.glob("train/*/key")} == {"new", "held"}
    assert [path.name for path in state.glob("answers/*")] == ["ingest@new"]


@pytest.mark.parametrize("name", [".state/train/x", ".state/train", ".state/answers", ".state/downloads", "data/works"])
def test_what_a_link_leads_out_to_stays(repo, tmp_path_factory, name):
    """Old folders, answers, downloads and works of nobody, behind a link to a place that is not the project's."""
    other = tmp_path_factory.mktemp("elsewhere")
    for file in ("a/b/c", "b" * 64):
        (other / file).parent.mkdir(parents=True, exist_ok=True)
        (other / file).write_text("precious")
    for path in (*other.rglob("*"), other):
        os.utime(path, (0, 0))
    (repo.root / name).parent.mkdir(parents=True, exist_ok=True)
    (repo.root / name).symlink_to(other)
    gc.collect_garbage(yes=True)
    assert (other / "a/b/c").exists()
    assert (other / ("b" * 64)).exists()


def test_a_cache_of_several_projects_is_left_alone(repo, monkeypatch, tmp_path_factory):
    """A cache outside the project may serve another one."""
    path = repo.object("nobody")
    outside = tmp_path_factory.mktemp("shared")
    (repo.root / ".dvc/cache").rename(outside / "cache")
    monkeypatch.setattr(gc, "_find_cache", lambda root: outside / "cache")
    assert "outside this project" in gc.collect_garbage(yes=True).to_text()
    assert (outside / "cache" / path.relative_to(repo.root / ".dvc/cache")).exists()


@pytest.mark.parametrize(
    ("harm", "error", "sentence"),
    [
        (lambda repo: repo.object("main", "not JSON", ".dir"), CorruptError, "damaged, so what it needs is not known"),
        (lambda repo: (repo.root / "dvc.lock").write_text(""), UserError, r"dvc\.lock: cannot be read"),
        (lambda repo: (repo.root / "dvc.lock").write_text("a: ["), UserError, r"dvc\.lock:1"),
        (lambda repo: (repo.root / ".git").rename(repo.root / ".gone"), UserError, "no git repository"),
    ],
)
def test_doubt_frees_nothing(repo, harm, error, sentence):
    """Where it cannot be told what is needed, all stays, and one line says why."""
    path = repo.object("nobody")
    harm(repo)
    with pytest.raises(error, match=sentence):
        gc.collect_garbage(yes=True)
    assert path.exists()


def test_beside_a_running_stage_nothing_is_freed(repo):
    """A living process in DVC's book of stages is one line, and looking goes on; a dead one is nothing."""
    book = repo.root / ".dvc/tmp/rwlock"
    book.parent.mkdir(parents=True)
    book.write_text(json.dumps({"write": {"/p/data": {"pid": os.getpid(), "cmd": "x"}}}))
    with pytest.raises(BusyError, match=r"a run is at work since .* \(`?x`?\); nothing was freed"):
        gc.collect_garbage(yes=True)
    assert re.match(r"a run is at work since .*\nnothing to free", gc.collect_garbage().to_text())
    book.write_text(json.dumps({"write": {"/p/data": {"pid": 999999999, "cmd": "x"}}}))
    assert "nothing to free" in gc.collect_garbage().to_text()


def test_a_removed_dataset_is_kept_for_a_week(repo):
    """Its files' hash in the note counts as needed; then note and files go."""
    path = repo.object("mine")
    note = RemovedDataset(
        name="mine", removed=time.time(), path="datasets/mine", has_files=True, md5=md5("mine"), entry={}, models={}
    )
    save_removed(note, repo.root)
    gc.collect_garbage(yes=True)
    assert path.exists()
    save_removed(note.model_copy(update={"removed": time.time() - 8 * 86400}), repo.root)
    assert "removed datasets" in gc.collect_garbage(yes=True).to_text()
    assert not path.exists()
    assert not (repo.root / ".state/removed/mine").exists()


def test_the_command(tmp_path):
    """`artpipe gc` in a folder of no project is one line and no traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "artpipe", "gc"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("artpipe: no project here: ")
    assert done.stderr.count("\n") == 1
