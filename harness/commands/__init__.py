"""The commands, a file a trade: each parses, calls one function and shows its text; nothing is decided here.

Heavy imports stay inside the commands, so that `--help` and `list` answer at once.
"""
