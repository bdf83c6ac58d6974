"""When arrivals are due, who starts them, and what became of each."""
