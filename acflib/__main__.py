"""``python -m acflib``."""

import sys

from acflib.cli import main

sys.exit(main())
