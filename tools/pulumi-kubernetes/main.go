// The real Kubernetes provider, started by a main of our own: the provider module's
// own main embeds two generated files that the module does not carry to where it wants
// them. tools/bootstrap.py builds a copy of this file with both put beside it.
package main

import (
	_ "embed"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
)

// version is the provider release whose Go module go.mod pins.
const version = "4.25.0"

//go:embed schema.json
var schema []byte

//go:embed terraform-mapping.json
var terraformMapping []byte

func main() {
	provider.Serve("kubernetes", version, schema, terraformMapping)
}
