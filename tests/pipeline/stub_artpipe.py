"""Stands in for `artpipe` in tests of the graph: each stage writes small files that depend on what it reads.

`models.NAME.stub` in params.yaml makes a training ``fail``, tell a ``mistake``, be ``busy`` so many times, ``hang`` (with a grandchild) or take ``sleep`` seconds.
Each call leaves a line in `.state/calls.txt`: stage, name, start, end, pid.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

from ruamel.yaml import YAML

PARAMS = YAML(typ="safe", pure=True).load(Path("params.yaml").read_text(encoding="utf-8"))


def digest(*parts):
    text = hashlib.sha256()
    for part in parts:
        for path in sorted(part.rglob("*")) if isinstance(part, Path) and part.is_dir() else [part]:
            text.update(path.read_bytes() if isinstance(path, Path) and path.is_file() else str(path).encode())
    return text.hexdigest()


def write(folder, name, text):
    shutil.rmtree(folder, ignore_errors=True)
    Path(folder).mkdir(parents=True)
    (Path(folder) / name).write_text(text)


def ingest(name):
    entry = PARAMS["datasets"][name]
    write(f"data/works/{name}", "works", digest(Path(entry["path"]), json.dumps(entry["ingest"])))
    write(f"data/record/{name}", "record", json.dumps(entry["about"]))


def preprocess(name):
    write(
        f"data/shards/{name}",
        "shards",
        digest(Path(f"data/works/{name}"), json.dumps(PARAMS["datasets"][name]["preprocess"])),
    )


def weights(name):
    write(f"data/weights/{name}", "weights", digest(Path(PARAMS["weights"][name]["path"])))


def train(name):
    entry = PARAMS["models"][name]
    stub = entry.get("stub", {})
    print(f"training {name}", flush=True)
    if stub.get("hang"):
        Path(f".state/hanging-{name}").write_text(str(os.getpid()))
        subprocess.run(["sleep", "600"], check=False)
    time.sleep(stub.get("sleep", 0))
    if "meet" in stub:  # go on only while the other one runs
        Path(f".state/here-{name}").touch()
        deadline = time.time() + 400  # 10 s alone; beside others it may be minutes
        while not Path(f".state/here-{stub['meet']}").exists():
            if time.time() > deadline:
                sys.exit(4)
            time.sleep(0.05)
    if stub.get("fail"):
        sys.exit(3)
    if "mistake" in stub:  # what a person has to change, in one line
        print(f"artpipe: {stub['mistake']}", file=sys.stderr)
        sys.exit(2)
    if "busy" in stub:  # so many times something that passes is in the way
        tries = Path(f".state/tries-{name}")
        tries.write_text(str(tried := int(tries.read_text()) + 1 if tries.exists() else 1))
        if tried <= stub["busy"]:
            sys.exit(75)
    for step in range(stub.get("steps", 0)):
        print(f"{name}  step {step + 1}/{stub['steps']}", flush=True)
    write(f"data/checkpoints/{name}", "weights", digest(Path(f"data/shards/{entry['dataset']}"), json.dumps(entry)))
    write(
        f"data/runs/{name}", "run", json.dumps({"id": uuid.uuid4().hex, "flow_run": os.environ.get("ARTPIPE_FLOW_RUN")})
    )


def evaluate(name):
    scores = digest(Path(f"data/checkpoints/{name}"), json.dumps(PARAMS["evaluation"]))
    write(f"data/reports/{name}", "report", scores)
    value = int(scores[:4], 16)
    Path("data/metrics").mkdir(exist_ok=True)
    Path(f"data/metrics/{name}.json").write_text(json.dumps({"grade": "fair", "kid": value}))
    rows = [{"curve": "losses/loss", "step": step, "value": value / (step + 1)} for step in range(3)]
    write(f"data/plots/{name}", "curves.json", json.dumps(rows))


def gallery():
    for room, entries in (("record", "datasets"), ("runs", "models"), ("reports", "models")):
        for folder in Path("data", room).glob("*"):
            if folder.name not in PARAMS[entries]:
                shutil.rmtree(folder)
    rooms = sorted(path.name for path in Path("data/reports").iterdir())
    write("data/gallery", "index.html", "\n".join(rooms))


def main():
    stage, *names = sys.argv[1:]
    start = time.time()
    Path(".state").mkdir(exist_ok=True)
    globals()[stage](*names)
    with Path(".state/calls.txt").open("a", encoding="utf-8") as stream:
        stream.write(f"{'@'.join([stage, *names])} {start:.3f} {time.time():.3f} {os.getpid()}\n")


if __name__ == "__main__":
    main()
