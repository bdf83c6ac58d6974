# Sourced by the other scripts, before they do anything: with --help, print the comment at the script's head, and end.
# shellcheck shell=bash

case "${1:-}" in
    -h | --help)
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
        exit 0
        ;;
esac
