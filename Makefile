# Everything happens in .venv. Any Python >= 3.12 does; name one with `make PYTHON=/path/to/python`.
VENV   ?= .venv
BIN    := $(VENV)/bin

# The first of these that really runs and is new enough: a shim can be on PATH and still refuse.
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 12))'
FIND_PYTHON = for p in "$(PYTHON)" "python$$(cat .python-version)" python3.13 python3.12 python3 python; do \
	[ -n "$$p" ] && "$$p" $(NEW_ENOUGH) >/dev/null 2>&1 && { echo "$$p"; exit 0; }; done; \
	command -v uv >/dev/null 2>&1 && uv python find '>=3.12' 2>/dev/null

.PHONY: help
help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(VENV)/ready: pyproject.toml
	@python=$$($(FIND_PYTHON)); \
	if [ -z "$$python" ]; then \
		echo "mitmail needs Python 3.12 or 3.13: install one (apt install python3.13, brew install python@3.13 or uv python install 3.13), then run make again." >&2; \
		exit 2; \
	fi; \
	"$$python" -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

.PHONY: setup
setup: $(VENV)/ready ## Make .venv with mitmail (editable) and the developer tools.

.PHONY: demo
demo: $(VENV)/ready ## See it work: the first scenarios against the clients on this machine.
	@$(BIN)/mitmail demo

# Where Python may keep no byte code (PYTHONDONTWRITEBYTECODE), each of hundreds of processes would
# compile all of it anew, and pytest rewrite every test.
COMPILED = $(BIN)/python -m compileall -q proxy
PYTEST   = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q

.PHONY: test
test: $(VENV)/ready ## Run the tests (a part of them: .venv/bin/pytest tests/test_engine_verdict.py).
	@$(COMPILED)
	$(PYTEST) -n auto --dist loadfile --no-loadscope-reorder -m "not long"

.PHONY: clients
clients: $(VENV)/ready ## Install the mail libraries of Node that the tests ask as clients (needs npm).
	@command -v npm >/dev/null || { echo "npm is missing: install it (apt install npm), then run make clients again." >&2; exit 2; }
	@mkdir -p $(VENV)/clients && cp tests/clients/package.json $(VENV)/clients/
	@npm install --prefix $(VENV)/clients --no-package-lock --no-audit --no-fund

.PHONY: proof
proof: $(VENV)/ready ## Put every case to every verifier here, today and in a year: docs/proof.md.
	@$(COMPILED)
	$(PYTEST) -n auto --dist loadfile -m "long and not alone" --ignore tests/thunderbird
	$(PYTEST) -m alone
	cd tests && $(abspath $(BIN))/python -W ignore -m proof.write

.PHONY: starttls
starttls: $(VENV)/ready ## Put every dialogue attack to every client here: docs/starttls.md (`make clients` first).
	cd tests && $(abspath $(BIN))/python -W ignore -m attack.write

.PHONY: thunderbird
thunderbird: $(VENV)/ready ## Put forty cases and six support stories to Thunderbird (apt install thunderbird xvfb).
	@$(COMPILED)
	$(BIN)/python -m pytest -q tests/thunderbird

.PHONY: matrix
matrix: $(VENV)/ready ## Put every client here to the quick set: docs/compatibility.md (`make clients` first).
	$(BIN)/mitmail judge --set quick -o $(VENV)/matrix --report html || test $$? = 1
	@! grep -o '"cell": "[^"]*".*"outcome": "error", "why": "[^"]*"' $(VENV)/matrix/results.ndjson
	$(BIN)/mitmail report $(VENV)/matrix/results.ndjson --format compatibility -o docs/compatibility.md

.PHONY: hostile
hostile: $(VENV)/ready ## Garble 100,000 dialogues for each tracker, 10,000 for each mail server and session.
	HOSTILE_ROUNDS=100000 $(BIN)/python -m pytest -q tests/test_wire_hostile.py
	HOSTILE_ROUNDS=10000 $(BIN)/python -m pytest -q tests/test_engine_hostile.py tests/test_engine_screen_hostile.py tests/test_mailstore_hostile.py

.PHONY: docs
docs: $(VENV)/ready ## Write the pages docs/catalogue.md, docs/antivirus.md and docs/errors.md.
	$(BIN)/mitmail list --markdown > docs/catalogue.md.new && mv docs/catalogue.md.new docs/catalogue.md
	$(BIN)/mitmail list --switches --markdown > docs/antivirus.md.new && mv docs/antivirus.md.new docs/antivirus.md
	$(BIN)/mitmail explain --markdown > docs/errors.md.new && mv docs/errors.md.new docs/errors.md

.PHONY: check
check: $(VENV)/ready ## Lint, check formatting, check types (also as Windows and macOS see them).
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32
	$(BIN)/mypy --platform darwin

.PHONY: fix
fix: $(VENV)/ready ## Format, and repair what ruff can.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: build
build: $(VENV)/ready ## Build the wheel and the sdist into dist/.
	$(BIN)/python -m build --no-isolation
