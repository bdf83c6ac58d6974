"""``python -m receiver``."""

import sys

from receiver.command import main

sys.exit(main())
