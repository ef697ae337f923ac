# Two commands do all their own set-up: `make run` and `make test`.
VENV ?= .venv
PYTHON ?= python3
PY := $(VENV)/bin/python

.PHONY: run test check clean
run: $(VENV)/.ready
	$(PY) -m harness run

test: $(VENV)/.ready
	$(PY) -m pytest

check: $(VENV)/.ready
	$(PY) -m ruff check .
	$(PY) -m mypy

# torch first and pinned: whatever else asks for torch then takes this build instead of the newest.
$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet torch==2.13.0
	$(PY) -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
