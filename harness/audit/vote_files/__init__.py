"""Votes that come from files, held against the labels of the stored runs."""
