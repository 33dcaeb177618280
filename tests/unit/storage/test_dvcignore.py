"""What DVC passes over is artpipe's own litter, and never a person's picture."""

import subprocess


def test_only_our_own_temporaries_are_ignored(studio):
    """A picture may be called like a temporary; a half-written output of ours is one."""
    pictures = ["datasets/mine/scan.tmp.png", "datasets/mine/scan.tmp.1.png", "datasets/mine/scan.tmp.1"]
    ours = ["data/works/mine.tmp.123", "data/works/mine/works.json.tmp.123", "data/gallery.tmp.9", ".state/a.tmp.1"]
    done = subprocess.run(["dvc", "check-ignore", *pictures, *ours], capture_output=True, text=True, check=False)
    assert sorted(done.stdout.split()) == sorted(ours)
