"""``python -m pipeline.dlq``."""

import sys

from pipeline.dlq.command import main

sys.exit(main())
