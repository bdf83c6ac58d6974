"""Delivers the lines of a file or of standard input, without a broker; goes on where it was interrupted."""
