"""The way of a message, wherever it was read: checked, sent in a batch, settled or dead-lettered."""
