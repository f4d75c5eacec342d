# Examples and tests need Python, pip and a C++17 compiler; all else goes into a virtual environment of its own.
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
ARGS ?=

SOURCES := pyproject.toml $(shell find CMakeLists.txt jans csrc -name '*.py' -o -name '*.npy' -o -name '*.h' -o -name '*.inc' -o -name '*.cc' -o -name '*.cu' -o -name 'CMakeLists.txt')

# What the build is about to compile, and about how long that takes on two cores; CMakeLists.txt decides as this does.
GPU := $(shell test -n "$$JANS_CUDA" || nvidia-smi --query-gpu=name --format=csv,noheader 2> /dev/null | head -n 1)
ifeq ($(JANS_CUDA),1)
  KERNELS := CPU and CUDA kernels, about half an hour for all GPUs (JANS_CUDA_ARCHITECTURES=90 compiles for one)
else ifneq ($(and $(GPU),$(shell command -v nvcc)),)
  KERNELS := CPU kernels and CUDA kernels for the $(GPU), about 10 minutes (JANS_CUDA=0 leaves them out)
else
  KERNELS := CPU kernels, about a minute on two cores (JANS_CUDA=1 adds those for GPUs)
endif

.PHONY: hello docs demo hyperprior lossless language test test-all lint bench bench-scaling bench-memory bench-tables bench-arrays neon gpu clean

hello: $(VENV)/jans
	$(VENV)/bin/python -P -m jans

demo: $(VENV)/has-examples
	$(VENV)/bin/python examples/mnist.py $(ARGS)

hyperprior: $(VENV)/has-photos
	$(VENV)/bin/python examples/hyperprior.py $(ARGS)

lossless: $(VENV)/has-photos
	$(VENV)/bin/python examples/lossless.py $(ARGS)

language: $(VENV)/has-text
	$(VENV)/bin/python examples/language.py $(ARGS)

docs: $(VENV)/has-docs
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build
	@echo "The site is in build/site: open build/site/index.html, or run $(VENV)/bin/python -m http.server -d build/site"

test: $(VENV)/has-test
	$(VENV)/bin/pytest -n 2 $(ARGS)

# With the tests that are marked as exhaustive.
test-all: $(VENV)/has-test
	$(VENV)/bin/pytest -n 2 -m "" $(ARGS)

lint: $(VENV)/has-lint
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy --python-executable $(VENV)/bin/python
	$(VENV)/bin/clang-format --dry-run -Werror $$(find csrc tests benchmarks -name '*.h' -o -name '*.cc' -o -name '*.cu' -o -name '*.inc' ! -name tables.inc)

bench: $(VENV)/has-bench
	$(VENV)/bin/python benchmarks/instructions.py
	$(VENV)/bin/python benchmarks/cpu.py --picture out/speed.png $(ARGS)

bench-scaling: $(VENV)/has-bench
	$(VENV)/bin/python benchmarks/scaling.py --picture out/scaling.png $(ARGS)

bench-memory: $(VENV)/has-bench
	$(VENV)/bin/python benchmarks/memory.py $(ARGS)

# PyTorch in its build for CPUs is enough; install that first where its default build is too large.
bench-tables: $(VENV)/has-bench-tables
	$(VENV)/bin/python benchmarks/tables.py $(ARGS)

bench-arrays: $(VENV)/has-bench-arrays
	$(VENV)/bin/python benchmarks/arrays.py --picture out/arrays.png $(ARGS)
	$(VENV)/bin/python benchmarks/states.py

# With a compiler for AArch64 and qemu, as packages of the system.
neon:
	$(PYTHON) tests/neon/run.py $(ARGS)

# For a machine with a GPU and no network: the Python at hand brings jax, its CUDA plugin, cmake, ninja and scikit-build-core.
gpu:
	$(PYTHON) benchmarks/gpu.py $(ARGS)

# With uv, which needs seconds where pip needs a minute; an environment gets its own if there is none.
UV := $(or $(shell command -v uv),$(VENV)/bin/uv)
INSTALL = $(UV) pip install --python $(VENV)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/bin/uv: | $(VENV)/bin/python
	$(VENV)/bin/pip install -q uv

# Built once for all environments. The lines shown are what is downloaded and what the compiler has done.
build/wheel: $(SOURCES) | $(UV) $(VENV)/bin/python
	@rm -rf $@ && mkdir -p build
	@echo "Compiling jans: $(KERNELS)."
	@set -o pipefail; $(UV) build --wheel --python $(VENV)/bin/python -o $@ 2>&1 | tee build/wheel.log | \
	  sed -un -e 's|^ *Downloading \(.*\)|  downloading \1|p' -e 's|^ *\(\[[0-9]*/[0-9]*\]\) .*/\([^/]*\)$$|  \1 \2|p' || \
	  { tail -n 60 build/wheel.log; exit 1; }
	@touch $@

$(VENV)/jans: build/wheel | $(UV) $(VENV)/bin/python
	$(INSTALL) --reinstall-package jans build/wheel/jans-*.whl
	@touch $@

$(VENV)/has-%: $(VENV)/jans
	$(INSTALL) "$$(ls build/wheel/jans-*.whl)[$*]"
	@touch $@

clean:
	rm -rf $(VENV) build dist out
