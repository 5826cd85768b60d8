package e2e

import (
	_ "github.com/prometheus/prometheus/promql/parser"
)
