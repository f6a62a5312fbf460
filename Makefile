.DEFAULT_GOAL := help

.PHONY: help
help: ## Show what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: test
test: ## Run the tests with the race detector
	go test -race ./...
