# Everything happens in virtual environments of its own; PYTHON may name another interpreter (3.11 or 3.12).
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8080

.PHONY: demo test lint clean

demo: .venv/ready
	.venv/bin/mien demo --host $(HOST) --port $(PORT)

test: .venv-dev/ready
	.venv-dev/bin/ruff check .
	.venv-dev/bin/ruff format --check .
	.venv-dev/bin/mypy
	.venv-dev/bin/pytest -q
	.venv-dev/bin/pytest -q -m browser

lint: .venv-dev/ready
	.venv-dev/bin/ruff check --fix .
	.venv-dev/bin/ruff format .
	.venv-dev/bin/mypy

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet -c constraints.txt -e '.[runtime]'
	touch $@

.venv-dev/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-dev
	.venv-dev/bin/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf .venv .venv-dev build *.egg-info .mypy_cache .ruff_cache .pytest_cache
