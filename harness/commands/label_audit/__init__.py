"""Commands of the label audit, one file each."""
