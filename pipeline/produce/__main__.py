"""``python -m pipeline.produce``."""

import sys

from pipeline.produce.command import main

sys.exit(main())
