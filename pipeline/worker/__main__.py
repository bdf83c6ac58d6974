"""``python -m pipeline.worker``."""

import sys

from pipeline.worker.command import main

sys.exit(main())
