# SPDX-License-Identifier: Apache-2.0
# Verbs over the CMake presets. `make` alone lists them.
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
export PATH := $(HOME)/.cargo/bin:$(PATH)

.PHONY: help setup build debug asan tsan fuzz test attacks check bench demo cluster cluster-down e2e-cluster install uninstall clean
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: ## install what is missing: Debian packages and a Rust toolchain (root)
	tools/setup test

build: ## build everything, optimised, into build/release/bin
	@tools/setup
	@cmake --preset release > build.log 2>&1 || { cat build.log; rm -f build.log; exit 1; }; rm -f build.log
	@cmake --build --preset release -j $(JOBS)

debug: ## the same without optimisation, into build/debug
	@tools/setup && cmake --preset debug && cmake --build --preset debug -j $(JOBS)

asan: ## build the C rooms with address and undefined-behaviour sanitizers and run their tests
	@tools/setup && cmake --preset asan > /dev/null && cmake --build --preset asan -j $(JOBS) && ctest --test-dir build/asan -L 'unit|fuzz' --output-on-failure

tsan: ## build the C rooms with the thread sanitizer and run their tests
	@tools/setup && cmake --preset tsan > /dev/null && cmake --build --preset tsan -j $(JOBS) && ctest --test-dir build/tsan -L unit --output-on-failure

fuzz: ## ten minutes of fuzzing for each reader of foreign bytes (SECONDS=600)
	@tools/setup test && tools/fuzz $(or $(SECONDS),600)

test: ## every floor of tests that this machine can run, real containerd included
	@tools/setup test && test/run

attacks: ## try to break each wall, as a guest and as a captured worker: a table (root)
	@tools/setup test && test/run attacks

check: ## layers, sizes, words: the rules of the tree
	@tools/check-layers && tools/check-sizes && tools/check-words

bench: build ## side by side with runc and others: a table, bars, plots (PARTS="through http warm fair scale walls")
	@tools/setup test && test/bench/run

demo: ## from nothing to 100 containers of a component, and back to nothing
	@tools/setup demo && $(MAKE) --no-print-directory build && e2e/demo

cluster: build ## a Kubernetes node with Skep on this machine; kubectl is e2e/cluster/kubectl (root)
	@tools/setup test && e2e/cluster/up

cluster-down: ## end that node; nothing of it is left
	@e2e/cluster/down

e2e-cluster: build ## what pods do on that node, scenario by scenario (root)
	@tools/setup test && e2e/cluster/run

install: build ## install below PREFIX (DESTDIR is honoured)
	@DESTDIR=$(DESTDIR) cmake --install build/release --prefix $(PREFIX)

uninstall: ## remove what install wrote
	@xargs -r rm -fv < build/release/install_manifest.txt

clean: ## remove build trees; caches outside the checkout stay
	rm -rf build
