"""``scripts/run-load-test.sh``: Locust's command with our help, and with errors of one line."""

from __future__ import annotations

import gc
import sys

# Until the process is ready (engine.launch): garbage collections while modules load find next to nothing, and
# take 45 ms of the start.
gc.disable()

# Before everything else: it patches the standard library.
from locust.main import main as run_locust  # noqa: E402 - after the switch above

from engine.help import LOCUSTS_HELP_NOTE, help_text  # noqa: E402
from engine.plain_errors import plain_errors  # noqa: E402
from run.foreign_flags import check_no_foreign_flags  # noqa: E402

SCRIPT = "run-load-test.sh"


def main() -> None:
    """Print our help, or hand the arguments over to Locust, which loads ``locustfile.py``.

    Raises:
        SystemExit: always, with the program's exit code.
    """
    arguments = sys.argv[1:]
    # Locust's parser names the program after this.
    sys.argv[0] = SCRIPT
    if "--help-locust" in arguments:
        sys.stdout.write(LOCUSTS_HELP_NOTE)
        sys.argv[1:] = ["--help"]
    elif not {"-h", "--help"}.isdisjoint(arguments):
        sys.stdout.write(help_text())
        sys.exit()
    else:
        with plain_errors():
            check_no_foreign_flags(arguments)
        sys.argv[1:] = [argument for argument in arguments if argument != "--ui"]
    run_locust()


if __name__ == "__main__":
    main()
