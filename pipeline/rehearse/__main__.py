"""``python -m pipeline.rehearse``."""

import sys

from pipeline.rehearse.command import main

sys.exit(main())
