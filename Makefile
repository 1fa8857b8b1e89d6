# Every command of the house. `make help` lists them.
.DEFAULT_GOAL := build
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

# How long a campaign is: long, or short (minutes, as in CI) with SHORT=1.
CAMPAIGN ?= $(if $(SHORT),short,long)

# Files that only campaigns and Apache Kafka's suite compile.
TAGS := chaos,apache

build: web ## bin/lethe, with the portal in it
	go build -trimpath -o bin/lethe ./cmd/lethe
	go build -trimpath -o bin/flowmart ./examples/flowmart

demo: build ## FlowMart forgets one customer and hands another her data; EXIT=1 ends after it, BREAK=… breaks something first
	bin/lethe demo $(if $(EXIT),--exit) $(if $(BREAK),--break=$(BREAK))

dev: build ## the server on a private PostgreSQL, and Vite on the portal's sources
	trap 'kill 0' EXIT; npm --prefix web run dev & bin/lethe dev

test: web ## every test; PostgreSQL and Kafka start by themselves
	$(if $(wildcard web/package.json),npm --prefix web test --if-present)
	go test ./...

check: web lint ## format, vet, linters, generated code, module files
	@test -z "$$(gofmt -l $(GO_DIRS))" || { gofmt -l $(GO_DIRS); echo 'these files are not formatted: gofmt -w'; exit 1; }
	go vet ./...
	go vet -tags $(TAGS) ./e2e/... ./internal/devstack/...
	GOOS=darwin go vet ./internal/devstack/... ./internal/postgres/...
	go mod tidy -diff
	go mod verify
	$(if $(wildcard web/package.json),npm --prefix web run check --if-present)

bench: ## benchmarks; figures are in docs/performance.md
	go test -timeout 60m -p 1 -run '^$$' -bench . -benchmem ./...

chaos: build ## kills, outages, emergency stops and broken code; SHORT=1 for minutes
	CAMPAIGN=$(CAMPAIGN) LETHE_TEST_BINARY=$(CURDIR)/bin/lethe go test -count=1 -timeout 12h -p 1 -v -tags chaos -run Chaos ./e2e/...

generate: ## code made from GraphQL, and what else is made
	go generate ./...

clean: ## what was built
	rm -rf bin web/node_modules/.built

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build demo dev test check bench chaos generate clean help web lint

GO_DIRS := $(shell find . -mindepth 1 -maxdepth 1 -type d -not -name '.*' -not -name web -not -name bin) $(wildcard *_test.go)

# The portal is built when its sources are newer than its last build. Without
# its sources a placeholder is served.
WEB_SOURCES := $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -type f -print 2>/dev/null)

web: $(if $(wildcard web/package.json),web/node_modules/.built)

web/node_modules/.built: web/node_modules/.package-lock.json $(WEB_SOURCES)
	npm --prefix web run build
	@touch $@

web/node_modules/.package-lock.json: $(wildcard web/package-lock.json)
	npm --prefix web ci --no-audit --no-fund
	@touch $@

# Linters are built once from the module tools/, at the versions it pins.
LINT := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lethe/bin/golangci-lint-$(firstword $(shell sha256sum tools/go.sum 2>/dev/null || shasum -a 256 tools/go.sum))

lint: $(LINT)
	$(LINT) run

$(LINT):
	@mkdir -p $(@D)
	cd tools && go build -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
