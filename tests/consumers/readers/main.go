// Reads a report from standard input as the library of its standard does, and says what is wrong.
// Usage: readers in-toto|openreports
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	attestation "github.com/in-toto/attestation/go/v1"
	openreports "github.com/openreports/reports-api/apis/openreports.io/v1alpha1"
	"google.golang.org/protobuf/encoding/protojson"
)

func read(kind string, text []byte) error {
	switch kind {
	case "in-toto":
		statement := &attestation.Statement{}
		if err := protojson.Unmarshal(text, statement); err != nil {
			return err
		}
		return statement.Validate()
	case "openreports":
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		return decoder.Decode(&openreports.Report{})
	}
	return fmt.Errorf("unknown kind %q", kind)
}

func main() {
	text, err := io.ReadAll(os.Stdin)
	if err == nil {
		err = read(os.Args[1], text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
