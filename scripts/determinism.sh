#!/bin/sh
# Runs the determinism check over the workflows, and over code that breaks every
# rule on purpose: a check that finds nothing there is not looking.
set -u
check="${WORKFLOWCHECK:?say how to run workflowcheck} -show-pos -config workflowcheck.config.yaml"

$check ./workflows || exit 1

found="$($check ./workflows/testdata/canary 2>&1)"
status=0
for bad in ReadsTheClock Sleeps MakesAnID Rolls RangesOverAMap StartsAGoroutine; do
	case "$found" in
	*"canary.$bad is non-deterministic"*) ;;
	*)
		echo "the determinism check did not notice canary.$bad" >&2
		status=1
		;;
	esac
done
exit $status
