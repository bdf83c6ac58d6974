"""``--dry-run``: everything is read and checked, the plan is printed, and nothing begins."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping

from rich.console import Console

from config.errors import ConfigError
from config.settings import load_settings
from engine.locust_internals.command_line import loaded_user_classes
from run.arguments import read_arguments
from run.dry_run import print_plan
from run.outputs import check_outputs
from run.preparation import prepare
from run.queue_watch import check_queue_metrics
from users.kinds import Kinds


def show_plan(options: Namespace, variables: Mapping[str, str]) -> None:
    """Print the plan of a run with these options. Call before Locust starts workers or opens ports.

    Args:
        options: Locust's.
        variables: those of the environment and ``.env``.

    Raises:
        ConfigError: a mistake, as before a run.
    """
    if options.worker:
        raise ConfigError("--dry-run: expected no --worker; the master has the plan")
    loaded = loaded_user_classes()
    chosen = [loaded[name] for name in options.user_classes] or loaded.values()
    arguments = read_arguments(options)
    kinds = Kinds(loaded.values(), chosen)
    preparation = prepare(arguments, load_settings(variables), options.host, kinds, is_dry=True)
    check_outputs(preparation, variables)
    check_queue_metrics(arguments.queue_metrics)
    for line in preparation.profile_text.left_out:
        sys.stderr.write(f"warning: {line}\n")
    print_plan(Console(), preparation)
