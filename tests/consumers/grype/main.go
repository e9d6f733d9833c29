// Prints what Grype sees in a bill of materials: its own provider reads it, as `grype sbom:FILE` does.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sort"

	"github.com/anchore/grype/grype/pkg"
)

func read() ([]string, error) {
	bill, err := io.ReadAll(os.Stdin)
	if err != nil {
		return nil, err
	}
	packages, context, _, err := pkg.ProvideFromReader(bytes.NewReader(bill), pkg.ProviderConfig{})
	if err != nil {
		return nil, err
	}
	var lines []string
	if context.Distro != nil {
		lines = append(lines, fmt.Sprintf("os %s %s", context.Distro.Type, context.Distro.Version))
	}
	for _, p := range packages {
		line := fmt.Sprintf("%s %s %s", p.Type, p.Name, p.Version)
		for _, u := range p.Upstreams {
			line += fmt.Sprintf(" of %s %s", u.Name, u.Version)
		}
		lines = append(lines, line)
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
