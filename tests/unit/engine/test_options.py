"""A port that anybody on the network can reach, without a login, is named before a run."""

from __future__ import annotations

import pytest
from locust.argument_parser import get_empty_argument_parser, setup_parser_arguments

from config.errors import ConfigError
from engine.options import add_options, open_ports
from run.arguments import arguments_of_next_run, read_arguments


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


@pytest.mark.parametrize(
    ("form", "confirmed"),
    [(None, "7"), ({}, None), ({"confirm_live": " "}, None), ({"confirm_live": "8"}, "8")],
    ids=["no-form", "empty-form", "blank", "another"],
)
def test_a_live_run_is_confirmed_in_each_form_anew(
    form: dict[str, str] | None, confirmed: str | None
) -> None:
    """Locust keeps what the last form said in its options."""
    parser = get_empty_argument_parser(default_config_files=[])
    setup_parser_arguments(parser)
    add_options(parser)
    first = read_arguments(parser.parse_args([]))
    changed = parser.parse_args(["--confirm-live", "7"])
    assert arguments_of_next_run(first, changed, form).confirm_live == confirmed
    assert arguments_of_next_run(read_arguments(changed), changed, form).confirm_live == (confirmed or "7")


def test_only_the_fast_client_can_be_asked_to_send_a_post_once_more() -> None:
    parser = get_empty_argument_parser(default_config_files=[])
    setup_parser_arguments(parser)
    add_options(parser)
    assert read_arguments(parser.parse_args(["--resend-post"])).resend_post
    with pytest.raises(ConfigError, match=r"--resend-post: expected --http-client fast"):
        read_arguments(parser.parse_args(["--resend-post", "--http-client", "requests"]))
