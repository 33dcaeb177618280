"""`python -m flows.gallery [STAGE ...]`: DVC's graph as a Prefect flow, from datasets to a gallery."""

import sys

from artpipe.orchestration.run_flow import main
from artpipe.orchestration.scheduling.dataset_to_gallery import dataset_to_gallery
from artpipe.system.project_root import run_in_project

__all__ = ["dataset_to_gallery"]

if __name__ == "__main__":
    sys.exit(run_in_project(lambda: main(sys.argv[1:])))
