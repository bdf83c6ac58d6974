"""``python -m pipeline.plan``."""

import sys

from pipeline.plan.command import main

sys.exit(main())
