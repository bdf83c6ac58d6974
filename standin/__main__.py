"""``python -m standin``."""

import sys

from standin.command import main

sys.exit(main())
