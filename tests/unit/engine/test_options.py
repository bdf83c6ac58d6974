"""A port that anybody on the network can reach, without a login, is named before a run."""

from __future__ import annotations

import pytest
from locust.argument_parser import get_empty_argument_parser, setup_parser_arguments

from engine.options import add_options, open_ports


@pytest.mark.parametrize(
    ("arguments", "warned"),
    [
        ([], []),
        (["--web-host", "localhost"], []),
        (["--web-host", "::1"], []),
        (["--web-host", "192.0.2.7"], ["web UI"]),
        (["--web-host", "*"], ["web UI"]),
        (["--web-host", "*", "--web-login"], []),
        (["--web-host", "*", "--headless"], []),
        (["--master"], ["master"]),
        (["--master", "--master-bind-host", "127.0.0.1"], []),
        (["--master", "--web-host", "192.0.2.1"], ["web UI", "master"]),
    ],
)
def test_ports_open_to_the_network_are_named(arguments: list[str], warned: list[str]) -> None:
    parser = get_empty_argument_parser(default_config_files=[])
    setup_parser_arguments(parser)
    add_options(parser)
    warnings = open_ports(parser.parse_args(arguments))
    assert len(warnings) == len(warned)
    for warning, words in zip(warnings, warned, strict=True):
        assert words in warning
        assert "open to the network" in warning
