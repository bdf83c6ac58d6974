"""One run from its arguments to its exit code: what ties profile, users, shape and metrics together."""
