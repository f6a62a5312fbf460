# Parley's own tasks. Run make without a target to see them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

# How long make fuzz gives each fuzz target.
FUZZTIME ?= 1m

# Every system that all packages must build for.
PLATFORMS := $(foreach os,linux darwin windows freebsd,$(os)/amd64 $(os)/arm64)

# Every Go module in the repository, and the linters' versions.
MODULES := . bench tools
STATICCHECK := go tool -modfile=$(CURDIR)/tools/go.mod staticcheck

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo '  make fuzz FUZZTIME=10m gives each fuzz target ten minutes.'
	@echo '  make bench-compare BASE=main BENCH=Echo COUNT=10 compares some benchmarks of ./ws, ten times each.'

.PHONY: test
test: install lint ## Run everything: the linters, all tests, with CI set short fuzzing too
	@scripts/test.sh
ifdef CI
	@FUZZTIME=4s scripts/fuzz.sh
endif

.PHONY: lint
lint: gofmt vet staticcheck tidy cross ## Check formatting, vet, staticcheck, go.mod and builds for every system

.PHONY: fuzz
fuzz: ## Run every fuzz target in turn, each for FUZZTIME (1m)
	@FUZZTIME=$(FUZZTIME) scripts/fuzz.sh

.PHONY: bench
bench: ## Measure Parley beside other libraries: a table, docs/performance.md (15 minutes)
	@bench/peers/install.sh
	cd bench && go run .

.PHONY: bench-serve
bench-serve: ## Measure parley serve under load: a table, docs/load.md (6 minutes)
	cd bench && go run ./serve

.PHONY: bench-micro
bench-micro: ## Run the benchmarks of all packages
	go test -run '^$$' -bench . -benchmem ./...
	cd bench && go test -run '^$$' -bench . -benchmem ./micro

.PHONY: bench-compare
bench-compare: ## Compare the benchmarks of ./ws with those at the commit BASE
	@BASE='$(BASE)' BENCH='$(BENCH)' COUNT='$(COUNT)' scripts/bench-compare.sh

.PHONY: conformance
conformance: install ## Judge other libraries by parley check: writes docs/conformance.md
	cd bench && go run ./conformance

.PHONY: cover
cover: ## Measure what the tests cover: the total here, line by line in cover.out
	go test -coverpkg=./... -coverprofile=cover.out ./...
	@go tool cover -func=cover.out | tail -n 1
	@echo "cover: go tool cover -html=cover.out shows it line by line"

.PHONY: vuln
vuln: ## Look for known vulnerabilities in what Parley depends on (asks vuln.go.dev)
	go tool -modfile=tools/go.mod govulncheck ./...

.PHONY: install
install: ## Install what the tests drive: Chromium, npm packages, Python's websockets
	@interop/install.sh

# The checks that make up lint. Each says what to do when it fails.

.PHONY: gofmt
gofmt:
	@echo "lint: gofmt"
	@files=$$(find . -name '*.go' -not -path '*/node_modules/*' -exec gofmt -l {} +); \
	if [[ -n $$files ]]; then \
		echo "$$files"; \
		echo "lint: these files are not formatted: run gofmt -w on them"; exit 1; \
	fi

.PHONY: vet
vet:
	@echo "lint: go vet"
	@go vet ./... && (cd bench && go vet ./...) || \
		{ echo "lint: go vet failed: change the lines it names"; exit 1; }
	@if [[ -d ws ]]; then GOOS=windows CGO_ENABLED=0 go vet ./ws/...; fi || \
		{ echo "lint: go vet failed for Windows: GOOS=windows go vet ./ws/... shows it again"; exit 1; }

.PHONY: staticcheck
staticcheck:
	@echo "lint: staticcheck"
	@$(STATICCHECK) ./... && (cd bench && $(STATICCHECK) ./...) || \
		{ echo "lint: staticcheck failed: change the lines it names (see https://staticcheck.dev/docs/checks)"; exit 1; }

.PHONY: tidy
tidy:
	@for module in $(MODULES); do \
		echo "lint: go mod tidy in $$module"; \
		(cd "$$module" && go mod tidy -diff) || \
			{ echo "lint: go.mod or go.sum is out of date: run (cd $$module && go mod tidy)"; exit 1; }; \
	done

.PHONY: cross
cross:
	@for platform in $(PLATFORMS); do \
		echo "lint: go build for $$platform"; \
		GOOS=$${platform%/*} GOARCH=$${platform#*/} CGO_ENABLED=0 go build ./... || \
			{ echo "lint: GOOS=$${platform%/*} GOARCH=$${platform#*/} go build ./... failed:" \
				"give that system a file of its own, or a build tag"; exit 1; }; \
	done
	@echo "lint: go build in bench"
	@cd bench && go build -o /dev/null ./... || \
		{ echo "lint: the bench module does not build: cd bench && go build ./... shows it again"; exit 1; }
