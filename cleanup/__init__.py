"""Deletes the people that load tests have created; scripts/cleanup.sh starts it."""
