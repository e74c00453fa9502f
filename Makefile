# Needs GNU make, Go and git; .ci/setup installs whatever else is missing.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash

# An ordinary user's PATH on Debian lacks the directories of nginx and nft.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin

ARGS ?=
TESTFLAGS ?=
FUZZTIME ?= 60s
COUNT ?= 1
MUTANTS ?= all
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

GOBUILD = CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-X main.version=$(VERSION)'

# The race detector needs cgo: a C compiler and the C library's headers.
# Where they are missing the tests run without both.
GOTEST = $(shell [ "$$(go env CGO_ENABLED)" = 1 ] && \
	echo '\#include <stdlib.h>' | $$(go env CC) -E - >/dev/null 2>&1 && \
	echo go test -race || echo CGO_ENABLED=0 go test)

.PHONY: help
help: ## print this list
	@echo 'usage: make TARGET [VARIABLE=VALUE...]'
	@sed -En 's/^([a-z-]+):[^#]*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

.PHONY: drill
drill: setup build ## break a cluster and measure the failover (ARGS='--subject keepalived')
	bin/takeover drill $(ARGS)

.PHONY: build
build: ## build bin/takeover and bin/vipd
	$(GOBUILD) -o bin/ ./cmd/takeover ./cmd/vipd

# Packages whose live tests take minutes. They run by themselves and without
# the race detector, which would slow down what they measure.
LIVE = ./cmd/takeover ./daemon ./daemon/bfdrun ./scenarios/live ./scenarios/suite ./scenarios/suite/mutants

# Never from the test cache: the live tests depend on the machine.
.PHONY: test
test: setup build ## run all tests, the live ones too (TESTFLAGS='-run Name')
	$(GOTEST) -count=1 -p 2 -timeout 15m -short $(TESTFLAGS) ./...
	go test -count=1 -p 1 -timeout 15m $(TESTFLAGS) $(LIVE)

.PHONY: catalogue
catalogue: setup ## play all scenarios that ship with every subject (make test plays a few)
	go test -count=1 -timeout 60m -v ./scenarios/suite -args -ginkgo.label-filter=catalogue -catalogue

.PHONY: mutants
mutants: setup ## break vipd in many ways, each to be caught by a scenario (MUTANTS=all)
	go test -count=1 -timeout 60m -v $(TESTFLAGS) ./scenarios/suite/mutants -args -mutants=$(MUTANTS)

.PHONY: interop
interop: setup ## run every cluster of vipd, keepalived and FRR (make test runs a part)
	go test -count=1 -timeout 60m -v ./scenarios/suite -args -ginkgo.label-filter=interop -interop

.PHONY: lint
lint: ## check style and import rules (the first time builds the linter: minutes)
	.ci/lint

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME each (60s)
	.ci/fuzz $(FUZZTIME)

.PHONY: bench
bench: setup ## run all benchmarks COUNT times each (1); RUNS=n trials a figure
	go test -run '^$$' -bench . -benchmem -count $(COUNT) -p 1 -timeout 60m ./...

.PHONY: setup
setup: ## install the programs that trials run, where they are missing
	@.ci/setup

.PHONY: clean
clean: ## remove what these targets built
	rm -rf bin .cache
