"""``python -m acflib``."""

import sys

from acflib.cli.parser import main

sys.exit(main())
