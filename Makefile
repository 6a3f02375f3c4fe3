# The one list of commands: people, pre-commit and .ci/run call these.

PYTHON ?= python3
RUN_ARGS ?=
INSTALL_ARGS ?=
INSTALL_CACHE ?= runs/install

ENV := .venv
TEST_ENV := .venv-test
# An environment with the training dependencies; one that is given is taken as it is.
TRAIN_ENV ?= .venv-training
TRAIN_READY := $(if $(filter .venv-training,$(TRAIN_ENV)),.venv-training/ready)
# VENV_ARGS=--system-site-packages lets the environment see Raspberry Pi OS's own picamera2; it also gets a simplejpeg
# that loads beside numpy 2, for picamera2 imports one, and that of Raspberry Pi OS 12 does not. An environment that was
# made so stays so.
KEPT_ARGS := $(if $(shell grep -s 'site-packages = true' $(ENV)/pyvenv.cfg),--system-site-packages)
VENV_ARGS ?= $(KEPT_ARGS)
# Four on any machine: many tests wait for a camera, a browser or a broker most of their time.
SIDE_BY_SIDE := --numprocesses 4 --dist loadfile --no-loadscope-reorder
# Tests never download anything: pip is not called, and ultralytics is told so too. They keep byte code, whatever the
# environment says: without it each of the programs that they start would compile all it imports, a fifth of their time.
OFFLINE := PIP_NO_INDEX=1 YOLO_OFFLINE=1 YOLO_AUTOINSTALL=0 PYTHONDONTWRITEBYTECODE=

.DEFAULT_GOAL := help
.PHONY: .FORCE help run install test test-slow test-install test-training test-arm64 lint format types train wheel picture settings clean

help:  ## show this list
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: $(ENV)/ready  ## start gatereader: the demo scene on http://127.0.0.1:8080/ (RUN_ARGS="--source 0" for a camera)
	$(ENV)/bin/gatereader run $(RUN_ARGS)

install:  ## install the service on this machine, as root: docs/install.md (INSTALL_ARGS="--camera usb")
	systemd/install.sh $(INSTALL_ARGS)

test: $(TEST_ENV)/ready  ## run the tests that need no training environment
	$(OFFLINE) $(TEST_ENV)/bin/python -m pytest -m 'not training and not slow' $(SIDE_BY_SIDE)

test-slow: $(TEST_ENV)/ready  ## run those that take long: endurance, flat memory, more power cuts
	$(OFFLINE) $(TEST_ENV)/bin/python -m pytest -m 'slow and not training' $(SIDE_BY_SIDE)

test-install: $(TEST_ENV)/ready  ## install in Debian 12 and 13, on emulated ARM too, and try picamera2 in 13: as root, an hour (INSTALL_CACHE=FOLDER for 2 GB)
	.ci/apt mmdebstrap systemd-container qemu-user-static arch-test debian-archive-keyring
	GATEREADER_TEST_INSTALL=$(INSTALL_CACHE) $(TEST_ENV)/bin/python -m pytest -rs tests/test_install_machine.py tests/test_camera_machine.py

test-training: $(TRAIN_READY)  ## run the tests of the training code (TRAIN_ENV=… for an environment you have)
	$(OFFLINE) $(TRAIN_ENV)/bin/python -m pytest -m training

test-arm64:  ## compare with emulated Raspberry Pis, as root, minutes (ARM64_CACHE=FOLDER keeps the systems' trees)
	.ci/arm64 $(ARM64_CACHE)

lint: $(TEST_ENV)/ready  ## check style and format
	$(TEST_ENV)/bin/ruff check .
	$(TEST_ENV)/bin/ruff format --check .

format: $(TEST_ENV)/ready  ## put the code into format
	$(TEST_ENV)/bin/ruff check --fix --select I .
	$(TEST_ENV)/bin/ruff format .

types: $(TEST_ENV)/ready  ## check types
	$(TEST_ENV)/bin/mypy

train: $(TRAIN_READY)  ## show the training commands (docs/training.md)
	$(TRAIN_ENV)/bin/python -m training --help

wheel: $(TEST_ENV)/ready  ## build the wheel into dist/
	$(TEST_ENV)/bin/python -m pip wheel --quiet --no-deps --wheel-dir dist .

picture: $(TEST_ENV)/ready  ## take docs/live-page.png anew, from the demo scene in a real browser
	$(TEST_ENV)/bin/python docs/take_picture.py

settings: $(TEST_ENV)/ready  ## write systemd/gatereader.toml anew from the defaults
	$(TEST_ENV)/bin/python -m edge.config > systemd/gatereader.toml

clean:  ## remove what these commands made, the environments too
	rm -rf $(ENV) $(TEST_ENV) .venv-training .venv*.before dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# An environment is made anew when what it holds may have changed. The package itself is installed editable, so a
# change of the code needs nothing.
# The device's environment keeps no installer. A new one is made from nothing.
$(ENV)/ready: pyproject.toml
	$(call environment,$(ENV),.,$(VENV_ARGS))
	@systemd/trim.sh $(ENV)
ifneq ($(VENV_ARGS),$(KEPT_ARGS))
$(ENV)/ready: .FORCE
endif
.FORCE:

$(TEST_ENV)/ready: pyproject.toml
	$(call environment,$(TEST_ENV),.[test$(comma)dev])

.venv-training/ready: pyproject.toml
	$(call environment,.venv-training,.[test$(comma)training])

comma := ,

define environment
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo 'gatereader needs Python 3.11 or newer, and $(PYTHON) is older or missing: make PYTHON=python3.11 …' >&2; exit 1; }
@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	echo 'Python lacks its venv module: sudo apt install python3-venv' >&2; exit 1; }
@[ -e $(1).before ] || [ ! -e $(1)/bin/gatereader ] || mv $(1) $(1).before
@rm -rf $(1)
@echo 'installing into $(1) (once; minutes on a small board)'
@trap 'exit 130' INT TERM; trap '$(call put_back,$(1))' EXIT; set -ex; \
	$(PYTHON) -m venv $(3) $(1); \
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check --editable '$(2)'; \
	$(if $(findstring system-site-packages,$(3)),$(1)/bin/python -m pip install --quiet --disable-pip-version-check \
		--ignore-installed --no-deps simplejpeg;) \
	touch $@
@rm -rf $(1).before
endef

# The one before is only moved aside, for an environment works in its own place alone.
define put_back
{ status=$$?; set +x; } 2>/dev/null; if [ $$status != 0 ] && [ -e $(1).before ]; then rm -rf $(1); mv $(1).before $(1); \
	echo "the new $(1) could not be made (see above); the one before is back in its place" >&2; fi; exit $$status
endef
