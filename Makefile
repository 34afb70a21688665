# Weir needs Go, make and git to build; everything else is fetched, at the versions that go.mod and tools/go.mod pin.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

GO        ?= go
BIN       := bin
TOOLS     := $(CURDIR)/$(BIN)/tools
VERSION   ?= $(shell git describe --tags --match 'v*' --always --dirty 2>/dev/null || echo devel)
COMMIT    ?= $(shell git rev-parse HEAD 2>/dev/null)
LDFLAGS   := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

# Settings of the slower targets, e.g. make fuzz FUZZTIME=10m.
FUZZTIME  ?= 30s
BENCH     ?= .
BENCHTIME ?= 1s
PKG       ?= ./...

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-zA-Z0-9_-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\nSettings: FUZZTIME=%s BENCH=%s BENCHTIME=%s PKG=%s\n' '$(FUZZTIME)' '$(BENCH)' '$(BENCHTIME)' '$(PKG)'

.PHONY: build
build: ## build bin/weir, one static binary
	@mkdir -p $(BIN)
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/weir ./cmd/weir

.PHONY: run
run: build ## build, then start the demo: gateway, mock upstream and traffic in one process
	$(BIN)/weir demo

.PHONY: test
test: $(TOOLS)/gotestsum ## install what tests need, then unit, integration, property and short fuzz runs with -race
	@GOTESTSUM=$(TOOLS)/gotestsum GO=$(GO) .ci/test

.PHONY: race
race: $(TOOLS)/gotestsum ## unit, integration and property tests with -race, nothing installed; PKG=./gateway/... for a part
	$(TOOLS)/gotestsum --format pkgname -- -race $(PKG)

.PHONY: e2e
e2e: $(TOOLS)/gotestsum ## slow end-to-end tests: overload, thousands of streams, reload and drain under load
	$(TOOLS)/gotestsum --format standard-verbose -- -timeout 30m -count 1 -v -run 'TestOverload|TestStreams|TestStreamMemory|TestReload|TestDrain' ./gateway

.PHONY: lint
lint: $(TOOLS)/gofumpt $(TOOLS)/golangci-lint $(TOOLS)/govulncheck ## formatting, vet, golangci-lint, go.mod tidiness, known vulnerabilities
	@TOOLS=$(TOOLS) GO=$(GO) .ci/lint

.PHONY: fmt
fmt: $(TOOLS)/gofumpt ## format every Go file
	git ls-files -z '*.go' | xargs -0 $(TOOLS)/gofumpt -w

.PHONY: bench
bench: ## benchmarks with allocations; BENCH=Acquire BENCHTIME=5s PKG=./scheduler
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -benchmem $(PKG)

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME
	@GO=$(GO) FUZZTIME=$(FUZZTIME) .ci/fuzz $(PKG)

.PHONY: schema
schema: ## write the JSON Schema of the configuration to config/weir.schema.json
	$(GO) test ./config -count 1 -run TestSchema -update

.PHONY: clean
clean: ## remove what make and the demo wrote
	rm -rf $(BIN) .weir .test

# Tools are built once for each change of their pinned versions.
$(TOOLS)/gotestsum: TOOL = gotest.tools/gotestsum
$(TOOLS)/gofumpt: TOOL = mvdan.cc/gofumpt
$(TOOLS)/govulncheck: TOOL = golang.org/x/vuln/cmd/govulncheck
$(TOOLS)/golangci-lint: TOOL = github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(TOOLS)/%: tools/go.mod tools/go.sum
	@mkdir -p $(@D)
	@echo "building $*"
	@$(GO) build -C tools -o $@ $(TOOL)
