"""Many workers on one schedule: their shares, their messages, their counts and what they measured."""
