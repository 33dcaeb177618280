"""Make the small project with the code of the tree in argv[1], run all its stages, and print its code as JSON."""

import json
import os
import sys
import types
from pathlib import Path

from ruamel.yaml import YAML

tree, folder = Path(sys.argv[1]), Path(sys.argv[2])
sys.path.insert(0, str(tree))
# The installed artpipe would lend the tree what that does not have.
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in getattr(finder, "__module__", "")]
package = types.ModuleType("tests")
package.__path__ = [str(tree / "tests")]
sys.modules["tests"] = package
try:
    from tests.faults import small_project
except ImportError:  # its name before `format: 2`
    from tests.faults import ground as small_project
make_small_project = getattr(small_project, "make_small_project", None) or small_project.planted  # of older trees
ground = make_small_project(folder)
params = YAML(typ="safe").load(ground.project / "params.yaml")
datasets, models = params["datasets"], params["models"]
stages = [
    *(("ingest", name) for name in datasets),
    *(("preprocess", name) for name in datasets),
    *(("weights", name) for name in params["weights"]),
    *(("train", name) for name in models),
    *(("evaluate", name) for name in models),
    ("gallery",),
]
try:
    from artpipe.code import code_yaml
    from artpipe.code.code_yaml import record_code

    try:
        from artpipe.code.stage_fingerprints import installed_fingerprints
    except ImportError:  # an earlier place of it
        installed_fingerprints = code_yaml.installed_fingerprints
    os.chdir(ground.project)
    record_code()
    code = installed_fingerprints()
except ImportError:  # before code.yaml
    code = {}
for stage in stages:
    ran = ground.run(*stage)
    code_of_exit, output = ran
    if code_of_exit:
        sys.exit(f"{stage}: exit code {code_of_exit}\n{output}")
sys.stdout.write(json.dumps(code))
