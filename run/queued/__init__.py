"""The queue that a run fills: opening it, and following each message to its acceptance."""
