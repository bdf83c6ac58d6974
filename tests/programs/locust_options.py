"""Print what Locust and this project make of this program's arguments, as JSON.

A program of its own, so that a test can ask without importing Locust, which patches the standard library.
"""

from __future__ import annotations

import json

from locust.argument_parser import get_empty_argument_parser, setup_parser_arguments

from engine.options import add_options


def main() -> None:
    """Parse the command line; an unknown argument ends the program with exit code 2."""
    parser = get_empty_argument_parser(default_config_files=[])
    setup_parser_arguments(parser)
    add_options(parser)
    print(json.dumps(vars(parser.parse_args()), default=str))


if __name__ == "__main__":
    main()
