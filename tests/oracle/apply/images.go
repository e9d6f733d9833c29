package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// loaded is what programs that load an archive would run of it: each image as the digests of its unpacked layers, to
// which runtimes hold what they unpack.
type loaded struct {
	Images [][]digest.Digest `json:"images"`
	// Why something named in it is no image, for the reader of a failed test.
	Errors []string `json:"errors"`
}

// load imports an archive with containerd's own code, and reads it by manifest.json as docker's own store does.
func load(dir string, bytes []byte) loaded {
	var all loaded
	add := func(image []digest.Digest, err error) {
		if err != nil {
			all.Errors = append(all.Errors, err.Error())
			return
		}
		all.Images = append(all.Images, image)
	}
	imported(filepath.Join(dir, "content"), bytes, add)
	saved(bytes, add)
	return all
}

// imported is what containerd would run: each image of the topmost index by its name, and the index itself.
func imported(dir string, archived []byte, add func([]digest.Digest, error)) {
	ctx := context.Background()
	defer os.RemoveAll(dir)
	store, err := local.NewStore(dir)
	if err != nil {
		add(nil, err)
		return
	}
	index, err := archive.ImportIndex(ctx, store, bytes.NewReader(archived))
	if err != nil {
		add(nil, err)
		return
	}
	add(layers(ctx, store, index))
	blob, err := content.ReadBlob(ctx, store, index)
	if err != nil {
		add(nil, err)
		return
	}
	var named ocispec.Index
	if err := json.Unmarshal(blob, &named); err != nil {
		add(nil, err)
		return
	}
	for _, image := range named.Manifests {
		// Nothing has to be for this machine that is loaded by its name.
		if image.Annotations[images.AnnotationImageName] != "" || image.Annotations[ocispec.AnnotationRefName] != "" {
			add(layers(ctx, store, image))
		}
	}
}

func layers(ctx context.Context, store content.Store, image ocispec.Descriptor) ([]digest.Digest, error) {
	config, err := images.Config(ctx, store, image, platforms.Default())
	if err != nil {
		return nil, err
	}
	return images.RootFS(ctx, store, config)
}

// saved is what docker loads by manifest.json, whatever else is in the archive.
func saved(archived []byte, add func([]digest.Digest, error)) {
	files, links := map[string][]byte{}, map[string]string{}
	for reader := tar.NewReader(bytes.NewReader(archived)); ; {
		header, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			add(nil, err)
			return
		}
		name := path.Clean("/" + header.Name)
		switch header.Typeflag {
		case tar.TypeReg:
			if files[name], err = io.ReadAll(reader); err != nil {
				add(nil, err)
				return
			}
			delete(links, name)
		case tar.TypeSymlink:
			links[name] = path.Join(path.Dir(name), header.Linkname)
		}
	}
	read := func(name string) []byte {
		name = path.Clean("/" + name)
		for range links {
			if to, ok := links[name]; ok {
				name = to
			}
		}
		return files[name]
	}
	document := read("manifest.json")
	if document == nil {
		return
	}
	var manifest []struct {
		Config string
		Layers []string
	}
	if err := json.Unmarshal(document, &manifest); err != nil {
		add(nil, err)
		return
	}
	for _, image := range manifest {
		var config ocispec.Image
		if err := json.Unmarshal(read(image.Config), &config); err != nil {
			add(nil, err)
			continue
		}
		if len(config.RootFS.DiffIDs) != len(image.Layers) {
			add(nil, errors.New("layers are not those of the configuration"))
			continue
		}
		add(config.RootFS.DiffIDs, nil)
	}
}
