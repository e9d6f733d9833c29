// Prints what Trivy sees in a bill of materials: its own decoder reads it, as `trivy sbom` does.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"

	"github.com/aquasecurity/trivy/pkg/sbom/core"
	"github.com/aquasecurity/trivy/pkg/sbom/cyclonedx"
	sbomio "github.com/aquasecurity/trivy/pkg/sbom/io"
	"github.com/aquasecurity/trivy/pkg/types"
)

func read() ([]string, error) {
	bom := core.NewBOM(core.Options{GenerateBOMRef: true})
	if err := json.NewDecoder(os.Stdin).Decode(&cyclonedx.BOM{BOM: bom}); err != nil {
		return nil, err
	}
	var found types.SBOM
	if err := sbomio.NewDecoder(bom).Decode(context.Background(), &found); err != nil {
		return nil, err
	}
	var lines []string
	if found.Metadata.OS != nil {
		lines = append(lines, fmt.Sprintf("os %s %s", found.Metadata.OS.Family, found.Metadata.OS.Name))
	}
	for _, group := range found.Packages {
		for _, p := range group.Packages {
			lines = append(lines, fmt.Sprintf("package %s %d:%s|%s of %s %d:%s|%s",
				p.Name, p.Epoch, p.Version, p.Release, p.SrcName, p.SrcEpoch, p.SrcVersion, p.SrcRelease))
		}
	}
	for _, app := range found.Applications {
		for _, p := range app.Packages {
			lines = append(lines, fmt.Sprintf("%s %s %s", app.Type, p.Name, p.Version))
		}
	}
	sort.Strings(lines)
	return lines, nil
}

func main() {
	lines, err := read()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, line := range lines {
		fmt.Println(line)
	}
}
