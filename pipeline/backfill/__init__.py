"""Delivers the lines of a file or of standard input without a broker, and resumes after an interruption."""
