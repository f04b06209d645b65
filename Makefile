# Two commands do everything on a fresh machine with Python 3.11 and pip: `make demo` and `make test`.
.DEFAULT_GOAL := help
.PHONY: help env demo test lab drill lint bench chaos lock clean
PY := .venv/bin/python

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' $(MAKEFILE_LIST)

env: ## the environment from the lock
	@sh .ci/bootstrap

demo: env ## a sandbox with an incident, the alert, the run, and the place of its report
	@$(PY) -m pitchey_ops demo

test: env ## everything that is needed, then all tests and checks
	@sh .ci/system-packages
	@$(PY) -m pytest tests -n 2 --dist loadgroup
	@$(MAKE) --no-print-directory lint

lint: env ## formatting, types, import arrows
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports --no-cache

lab: env ## the sandbox with an incident, and JupyterLab on it
	@$(PY) -m pitchey_ops lab

drill: env ## a hidden scenario to work on in JupyterLab; at the end the truth
	@$(PY) -m pitchey_ops drill

bench: env ## every figure of the README, measured
	@$(PY) -m pitchey_ops bench

chaos: env ## workers killed, frozen and starved while alerts come in: is every report there, once?
	@sh .ci/system-packages
	@$(PY) -m pitchey_ops.benchmarks.chaos

lock: ## pin the newest versions that fit pyproject.toml
	@.tools/bin/uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-emit-index-url \
		--no-annotate --no-header --quiet --upgrade -o requirements.lock

clean: ## remove the environment and caches, never the archive
	rm -rf .venv .tools .pytest_cache .mypy_cache .ruff_cache .hypothesis
