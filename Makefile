# The versions of the tools that are run and not linked.
TEMPORAL_CLI_VERSION := v1.5.1
STATICCHECK_VERSION  := v0.8.2
WORKFLOWCHECK_VERSION := v0.6.0
CADDY_VERSION := v2.11.7
GORELEASER_VERSION := v2.14.0 # the newest that go.mod's Go builds
CYCLONEDX_VERSION := v1.10.0

# Tests use this Temporal CLI: the one you have, or one built into bin/. The programs
# find or build one themselves.
TEMPORAL_CLI_PATH ?= $(or $(shell command -v temporal),$(CURDIR)/bin/temporal)
test race histories release-check: export TEMPORAL_CLI_PATH := $(TEMPORAL_CLI_PATH)

# The proxy of docker-compose.yml, to test its configuration with.
CADDY_PATH ?= $(or $(shell command -v caddy),$(CURDIR)/bin/caddy)
test race: export CADDY_PATH := $(CADDY_PATH)

.PHONY: dev demo bench faults check format vet staticcheck determinism test race alerts histories release release-check
dev:
	go run ./starter dev

demo:
	go run ./starter demo

# Measures the product on this machine, in about ten minutes; a part of it with
# make bench BENCH=burst,quiet
bench:
	go run ./lab/cmd/lab run -only "$(BENCH)" bench

# Tries to break the promises, in about half an hour; a part of it with
# make faults FAULTS=races,kill-worker/send-accepted
faults:
	go run ./lab/cmd/lab run -only "$(FAULTS)" faults

# What CI runs.
check: format vet staticcheck determinism test

format:
	@files="$$(gofmt -l .)"; if [ -n "$$files" ]; then echo "not formatted; run gofmt -w:"; echo "$$files"; exit 1; fi

vet:
	go vet ./...
	go mod tidy -diff
	go mod verify

staticcheck:
	go run honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION) ./...

# Workflow code must be deterministic; the canary shows that the check looks.
determinism:
	WORKFLOWCHECK="go run go.temporal.io/sdk/contrib/tools/workflowcheck@$(WORKFLOWCHECK_VERSION)" scripts/determinism.sh

# The packages whose tests take longest, the longest first: they drive servers, programs and
# browsers, which the race detector would slow down past what fits into one run.
LONGEST := ./approvals/desk ./lab/e2e ./workflows ./worker/replyworker ./starter/cli ./lab/scenario/demo
OTHERS = $(shell go list ./... | grep -v $(patsubst ./%,-e /%$$,$(LONGEST)))

# CI=true makes a test fail that would be skipped for want of a tool.
test: $(TEMPORAL_CLI_PATH) $(CADDY_PATH)
	CI=true go test -p 3 -parallel 8 -timeout 15m $(LONGEST)
	CI=true go test -race -p 3 -parallel 8 -timeout 15m $(OTHERS)

# Every test under the race detector.
race: $(TEMPORAL_CLI_PATH) $(CADDY_PATH)
	CI=true go test -race -p 2 -parallel 8 -timeout 40m $(LONGEST) $(OTHERS)

# Records the histories of a release for the replay test: make histories RELEASE=v0.2
histories: $(TEMPORAL_CLI_PATH)
	@test -n "$(RELEASE)" || { echo "say which release: make histories RELEASE=v0.2"; exit 1; }
	@test ! -e workflows/testdata/histories/$(RELEASE) || { echo "$(RELEASE) is recorded: what a release left behind does not change any more"; exit 1; }
	go test ./workflows -count 1 -parallel 8 -run TestHistories -record $(RELEASE)

# Builds a release into dist/ and publishes nothing: programs, archives, Debian packages,
# checksums, bills of materials. A tag such as v0.3.0 is its version; without one it is a snapshot.
release: $(CURDIR)/bin/cyclonedx-gomod
	PATH="$(CURDIR)/bin:$$PATH" go run github.com/goreleaser/goreleaser/v2@$(GORELEASER_VERSION) release --clean $(if $(shell git tag --points-at HEAD 'v*'),,--snapshot)

# Makes a release and tries each part of it, on Debian as root: about twenty minutes the first
# time, which builds a Temporal server.
release-check: $(TEMPORAL_CLI_PATH) release
	scripts/release-check.sh

$(CURDIR)/bin/cyclonedx-gomod:
	GOBIN=$(CURDIR)/bin go install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(CYCLONEDX_VERSION)

# Plays the alerts through a good day and bad ones. promtool comes with Prometheus.
alerts:
	promtool test rules deploy/prometheus/alerts_test.yml

$(CURDIR)/bin/temporal:
	@echo "building the Temporal CLI, which takes some minutes"
	GOBIN=$(CURDIR)/bin go install github.com/temporalio/cli/cmd/temporal@$(TEMPORAL_CLI_VERSION)

$(CURDIR)/bin/caddy:
	@echo "building Caddy, which takes a minute or two"
	GOBIN=$(CURDIR)/bin go install github.com/caddyserver/caddy/v2/cmd/caddy@$(CADDY_VERSION)
