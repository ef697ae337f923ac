"""Runs in the formats of other tools: folders of files, made of the records that reports are made of."""
