# Everything a person types while working on Kulisse. `make` lists it.
#
# Nothing here uses the cluster that your KUBECONFIG points to: the targets start clusters of their
# own. To run the end-to-end tests on another one, name it: make test KULISSE_TEST_KUBECONFIG=FILE

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Where programs, images and clusters are kept, outside of the work tree.
CACHE := $(or $(KULISSE_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/kulisse)
export KULISSE_CACHE := $(CACHE)
# Which development cluster: each has a state directory of its own.
CLUSTER ?= dev
STATE = $(CACHE)/clusters/$(CLUSTER)
# Of `up`: node (root) or control-plane.
MODE ?= node
# Only these layers: make test LAYERS="unit schema"
LAYERS ?=

export KULISSE_TEST_KUBECONFIG
override export KUBECONFIG := /dev/null

##@ See it
.PHONY: demo demo-down
demo: ## A staging environment of a real application on a real cluster, from start to expiry (root)
	@exec dev/demo/demo.sh
demo-down: ## Stop what the demo leaves running
	@exec dev/demo/demo.sh down

##@ Test it
.PHONY: test check bless bench fuzz mutants faults faults-cluster
test: ## Every layer of the tests; leaves nothing running (LAYERS="unit e2e": only these)
	@exec dev/test/run.sh $(LAYERS)
check: ## Formatting, clippy and documentation
	@exec dev/test/run.sh format lint rustdoc docs
bless: ## Accept the planner's present output as the golden cases' expectation; look at the diff
	BLESS=1 cargo test --locked -p kulisse-core --test golden
	git diff --stat -- tests/golden
faults: ## Every fault at every request of a life, in the simulated cluster; the table that is printed
	FAULTS=all cargo test --locked --profile faults --workspace --test sim -- --nocapture
	cargo test --locked --workspace --test hostile -- --nocapture --include-ignored
	STRIDE=1 cargo test --locked --profile faults --workspace --lib -- --nocapture combinations_of_facts
faults-cluster: ## The operator killed at each of its writes, on a real API server (FAMILIES="all answers events")
	@exec dev/test/faults.sh $(FAMILIES)
fuzz: ## Look for manifests and files that break the planner (MINUTES=5 of each target; KEEP=1 keeps inputs)
	@exec dev/test/fuzz.sh
mutants: ## Changes of the planner that no test notices (SHARD=0/40: every fortieth; all take days)
	@exec dev/test/mutants.sh
bench: ## Figures, each beside the yardstick of the same run
	@exec dev/test/bench.sh

##@ Build it
.PHONY: build image sbom reproducible crds generate
build: ## The program, for this machine
	cargo build --locked
image: ## The operator's image, for every development cluster of this machine
	@dev/image/build.sh
sbom: ## What the released program consists of, as CycloneDX: sbom/kulisse.cdx.json
	@exec dev/image/sbom.sh
reproducible: ## Compile what is committed twice, at two places, and compare
	@exec dev/image/twice.sh
crds: ## crds/, the chart's copies and deploy/, from the Rust types
	cargo run --locked --quiet -- crd --dir crds
	HELM="$$(dev/helm/build.sh)" deploy/generate.sh
generate: crds ## The same

##@ Work on it
.PHONY: cluster-up cluster-down cluster-status dev
cluster-up: ## Start a development cluster (CLUSTER=name MODE=node|control-plane)
	@bin="$$(dev/cluster/build.sh)"; "$$bin/devcluster" up --mode "$(MODE)" --state "$(STATE)"
cluster-down: ## Stop it and remove everything of it
	@. dev/test/common.sh; take_down "$(STATE)"
cluster-status: ## Say whether it runs, and where
	@bin="$$(dev/cluster/build.sh)"; "$$bin/devcluster" status --state "$(STATE)"
dev: ## Run the operator on this machine, for the development cluster, with its account's rights
	@exec dev/image/outside.sh "$(STATE)"

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## "; print "make TARGET" } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
