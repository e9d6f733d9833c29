// Reads a report from standard input as the library of its standard does, and says what is wrong.
// Usage: readers in-toto|openreports
//
// With `rpm FILE` it lists the packages of an rpm database as another reader of them does.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	attestation "github.com/in-toto/attestation/go/v1"
	rpmdb "github.com/knqyf263/go-rpmdb/pkg"
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

func rpm(path string) error {
	database, err := rpmdb.Open(path)
	if err != nil {
		return err
	}
	packages, err := database.ListPackages()
	if err != nil {
		return err
	}
	for _, one := range packages {
		version := one.Version + "-" + one.Release
		if one.Epoch != nil {
			version = fmt.Sprintf("%d:%s", *one.Epoch, version)
		}
		source := one.SourceRpm
		if source == "(none)" {
			source = ""
		}
		fmt.Println(one.Name, version, one.Arch, source)
	}
	return nil
}

func main() {
	var err error
	if os.Args[1] == "rpm" {
		err = rpm(os.Args[2])
	} else {
		var text []byte
		if text, err = io.ReadAll(os.Stdin); err == nil {
			err = read(os.Args[1], text)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
