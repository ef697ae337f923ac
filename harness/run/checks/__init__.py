"""What is known before anything is asked: sources, the report that was asked for, and whether a run still measures the same."""
