"""Stages of a run on a fleet: several checkpoints swept together, arms trained side by side."""
