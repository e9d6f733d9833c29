// Unpacks stacks of layers with containerd's own archive.Apply, and says what is there then. Also says which image an
// archive holds for the programs that load it.
//
// It reads stacks from its standard input, one after the other: the number of layers, then the length and
// the bytes of each, all numbers of four bytes, the highest first. With the highest bit of the number each layer is
// unpacked by itself. A number with all bits set announces an archive of an image, of which the length and the bytes
// follow. For each it writes a line of JSON.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/pkg/archive"
	"golang.org/x/sys/unix"
)

// file is one name; what is bytes is in hexadecimal digits.
type file struct {
	Path       string `json:"path"`
	Mode       uint32 `json:"mode"`
	UID        uint32 `json:"uid"`
	GID        uint32 `json:"gid"`
	Size       int64  `json:"size"`
	Digest     string `json:"digest,omitempty"`
	Link       string `json:"link,omitempty"`
	Capability string `json:"capability,omitempty"`
}

type answer struct {
	Error string `json:"error,omitempty"`
	Files []file `json:"files"`
}

// byThemselves is the bit of a number of layers that are unpacked each by itself.
const byThemselves = 1 << 31

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return err
	}
	if stat.Type != unix.TMPFS_MAGIC {
		return fmt.Errorf("%s is not on a tmpfs", dir)
	}
	if err := leave(); err != nil {
		return err
	}
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	for number := 0; ; number++ {
		count, err := word(in)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		root := filepath.Join(dir, fmt.Sprint(number))
		if err := os.Mkdir(root, 0o755); err != nil {
			return err
		}
		image, alone := count == math.MaxUint32, count&byThemselves != 0
		if image {
			count = 1
		}
		layers, err := stack(in, count&^byThemselves)
		if err != nil {
			return err
		}
		var said any
		switch {
		case image:
			said = load(root, layers[0])
		case alone:
			said = overlaid(root, layers)
		default:
			said = apply(root, layers)
		}
		if err := os.RemoveAll(root); err != nil {
			return err
		}
		if err := json.NewEncoder(out).Encode(said); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
}

func stack(in io.Reader, count uint32) ([][]byte, error) {
	layers := make([][]byte, count)
	for i := range layers {
		length, err := word(in)
		if err != nil {
			return nil, io.ErrUnexpectedEOF
		}
		layers[i] = make([]byte, length)
		if _, err := io.ReadFull(in, layers[i]); err != nil {
			return nil, io.ErrUnexpectedEOF
		}
	}
	return layers, nil
}

func word(in io.Reader) (uint32, error) {
	var bytes [4]byte
	_, err := io.ReadFull(in, bytes[:])
	return binary.BigEndian.Uint32(bytes[:]), err
}

func apply(root string, layers [][]byte) answer {
	for _, layer := range layers {
		if _, err := archive.Apply(context.Background(), root, bytes.NewReader(layer)); err != nil {
			return answer{Error: err.Error()}
		}
	}
	return list(root, false)
}

// list says what is below root. A name may lead to nothing where whiteouts are: an overlay lists those of its lowest
// layer.
func list(root string, whiteouts bool) answer {
	files := []file{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		found, err := look(path)
		if whiteouts && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		found.Path = hex.EncodeToString([]byte(path[len(root):]))
		files = append(files, found)
		return err
	})
	if err != nil {
		return answer{Error: "the oracle cannot look: " + err.Error()}
	}
	return answer{Files: files}
}

func look(path string) (file, error) {
	var stat unix.Stat_t
	if err := unix.Lstat(path, &stat); err != nil {
		return file{}, err
	}
	found := file{Mode: stat.Mode, UID: stat.Uid, GID: stat.Gid, Size: stat.Size}
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		opened, err := os.Open(path)
		if err != nil {
			return found, err
		}
		defer opened.Close()
		hash := sha256.New()
		if _, err := io.Copy(hash, opened); err != nil {
			return found, err
		}
		found.Digest = hex.EncodeToString(hash.Sum(nil))
		capability := make([]byte, 64)
		n, err := unix.Lgetxattr(path, "security.capability", capability)
		if err != nil && err != unix.ENODATA && err != unix.ENOTSUP {
			return found, err
		}
		found.Capability = hex.EncodeToString(capability[:max(n, 0)])
	case unix.S_IFLNK:
		to, err := os.Readlink(path)
		if err != nil {
			return found, err
		}
		found.Link = hex.EncodeToString([]byte(to))
	}
	return found, nil
}
