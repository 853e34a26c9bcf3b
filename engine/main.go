// The launcher of consensus engines: see docs/formats/engine-control.md.
package main

import (
	"fmt"

	"github.com/cometbft/cometbft/abci/example/kvstore"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/statesync"
	"github.com/cometbft/cometbft/version"
)

var _ node.MetricsProvider
var _ statesync.StateProvider
var _ kvstore.Application

func main() {
	fmt.Println(version.TMCoreSemVer)
}
