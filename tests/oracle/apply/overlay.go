package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/containerd/containerd/v2/pkg/archive"
	"golang.org/x/sys/unix"
)

// leave makes mounts of this thread its own: they end with it, however it ends.
func leave() error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
}

// overlaid unpacks each layer by itself and mounts them on top of each other, as containerd does with its overlay
// snapshotter.
func overlaid(root string, layers [][]byte) answer {
	var below []string
	for i, layer := range layers {
		dir := filepath.Join(root, strconv.Itoa(i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			return answer{Error: "the oracle cannot unpack: " + err.Error()}
		}
		var options []archive.ApplyOpt
		if i > 0 {
			options = append(options, archive.WithConvertWhiteout(archive.OverlayConvertWhiteout), archive.WithParents(below))
		}
		if _, err := archive.Apply(context.Background(), dir, bytes.NewReader(layer), options...); err != nil {
			return answer{Error: err.Error()}
		}
		below = append([]string{dir}, below...)
	}
	if len(below) == 1 {
		return list(below[0], false)
	}
	merged := filepath.Join(root, "merged")
	if err := os.Mkdir(merged, 0o755); err != nil {
		return answer{Error: "the oracle cannot unpack: " + err.Error()}
	}
	options := "lowerdir=" + strings.Join(below, ":")
	if err := unix.Mount("overlay", merged, "overlay", unix.MS_RDONLY, options); err != nil {
		return answer{Error: "the oracle cannot mount an overlay: " + err.Error()}
	}
	said := list(merged, true)
	if err := unix.Unmount(merged, unix.MNT_DETACH); err != nil {
		return answer{Error: "the oracle cannot unmount an overlay: " + err.Error()}
	}
	return said
}
