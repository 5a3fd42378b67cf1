"""Run `acflib ablate` with the small study in the place of Table 1 and of the controls: for tests that kill it.

python tests/study/ablation_grid.py FOLDER ITERATIONS [flags of acflib ablate]
"""

import sys
from pathlib import Path

from acflib.cli import parser as cli
from acflib.study.ablation.studies import STUDIES
from tests.study.ablation_cases import small_study

if __name__ == "__main__":
    folder, iterations, *flags = sys.argv[1:]
    for name in ("table1", "controls"):
        STUDIES[name] = small_study(Path(folder), name, int(iterations))
    sys.exit(cli.main(["ablate", "--runs", str(Path(folder) / "runs"), *flags]))
