package main

import (
	"errors"
	"testing"
)

// In the engine's own words (state/validation.go), which nothing but its log tells.
func TestAClockThatIsBehindIsNoBrokenState(t *testing.T) {
	for why, reason := range map[string]string{
		"precommit step; +2/3 prevoted for an invalid block: block time A is too far in the future (wall clock B + tolerance 1m0s)": "engine.clock_behind",
		"precommit step; +2/3 prevoted for an invalid block: wrong Block.Header.AppHash":                                            "engine.consensus_failure",
	} {
		var f *failure
		if err := consensusFailure(why); !errors.As(err, &f) || f.reason != reason {
			t.Errorf("%q is %v", why, err)
		}
	}
}
