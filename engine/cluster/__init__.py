"""Many workers on one schedule: who owns what from when, what each has done, and what that adds up to."""
