"""Votes and ratings that come from files, held against the labels and answers of the stored runs."""
