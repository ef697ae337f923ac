# Two commands do all their own set-up: `make run` and `make test`.
VENV ?= .venv
PYTHON ?= python3
# One more than two cores: some tests wait for processes, servers and browsers, and leave a core idle.
WORKERS ?= 3
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check -qq

.PHONY: run test check docs reference packages clean
run: $(VENV)/.ready
	$(PY) -m harness run

# Compiled modules are kept, whatever the environment says: each of some hundred processes would compile them again.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/.ready
	$(PY) -m pytest -n $(WORKERS) --dist worksteal -rfEs

check: $(VENV)/.ready
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

# The documentation as a site, in the folder site; broken links are errors.
docs: $(VENV)/.ready
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs --quiet build --strict

# The reference pages, written from commands, schema and plug-ins.
reference: $(VENV)/.ready
	$(PY) -m tests.docs.reference_pages

# Wheel and sdist, each tried in a fresh environment.
packages: $(VENV)/.ready
	.ci/try_packages

# torch first and pinned: whatever else asks for torch then takes this build instead of the newest.
$(VENV)/.ready: pyproject.toml constraints.txt
	@echo "Installing into $(VENV): once, a few minutes ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install torch==2.13.0
	@$(PIP) install --constraint constraints.txt --editable ".[dev,ray,tables]"
	@touch $@

clean:
	rm -rf $(VENV) build dist site *.egg-info
