"""``python -m cleanup``."""

import sys

from cleanup.command import main

sys.exit(main())
