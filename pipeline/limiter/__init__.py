"""How many requests may start: in one process, or shared by many through Redis."""
