"""``scripts/run-load-test.sh``: Locust's command with our help, and with errors of one line."""

from __future__ import annotations

import gc
import signal
import sys

# Until the process is ready (engine.launch): garbage collections while modules load find next to nothing, and
# take 45 ms of the start.
gc.disable()
# While Locust loads, Ctrl-C just ends the process: Python's handler would raise in the middle of an import.
signal.signal(signal.SIGINT, signal.SIG_DFL)

# Before everything else: it patches the standard library.
from locust.main import main as run_locust  # noqa: E402 - after the switches above

from config.command_line import ABORTED  # noqa: E402
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
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run_locust()
    except KeyboardInterrupt:
        # The session does not handle Ctrl-C yet: nothing has been sent.
        sys.exit(ABORTED)


if __name__ == "__main__":
    main()
