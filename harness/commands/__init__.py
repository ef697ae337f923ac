"""Command-line commands, one file each: a command parses, calls one function and shows the result; nothing is decided here.

Heavy imports stay inside the commands, so that `--help` and `list` answer at once.
"""
