package oci

import (
	"archive/tar"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// descriptor names a blob by its content.
type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

// layerWriter writes one uncompressed layer. The same files always give the same
// digest: names come in the order they are added, times are zero.
type layerWriter struct {
	file *os.File
	hash interface{ Sum([]byte) []byte }
	tar  *tar.Writer
}

func newLayer(file *os.File) *layerWriter {
	hash := sha256.New()
	return &layerWriter{file, hash, tar.NewWriter(io.MultiWriter(file, hash))}
}

// addTree adds everything below root, with the owners the files have.
func (l *layerWriter) addTree(root string) error {
	// WalkDir goes in lexical order.
	return filepath.WalkDir(root, func(p string, _ fs.DirEntry, err error) error {
		if err != nil || p == root {
			return err
		}
		name, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		info, err := os.Lstat(p)
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		return l.add(p, name, info, int(stat.Uid), int(stat.Gid))
	})
}

// addFile adds one file under the given absolute name, owned by root, with the
// directories above it.
func (l *layerWriter) addFile(source, target string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", source)
	}
	target = strings.TrimPrefix(path.Clean("/"+target), "/")
	if target == "" {
		return fmt.Errorf("%s needs a file name inside the image", source)
	}
	for i := range target {
		if target[i] == '/' {
			header := &tar.Header{Typeflag: tar.TypeDir, Name: target[:i] + "/", Mode: 0o755}
			if err := l.write(header, ""); err != nil {
				return err
			}
		}
	}
	return l.add(source, target, info, 0, 0)
}

// addLink adds a symbolic link, owned by root.
func (l *layerWriter) addLink(target, name string) error {
	header := &tar.Header{Typeflag: tar.TypeSymlink, Name: strings.TrimPrefix(name, "/"), Linkname: target, Mode: 0o777}
	return l.write(header, "")
}

func (l *layerWriter) add(source, name string, info fs.FileInfo, uid, gid int) error {
	link := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		var err error
		if link, err = os.Readlink(source); err != nil {
			return err
		}
	}
	if info.Mode()&fs.ModeSocket != 0 {
		return nil // a tar has no sockets
	}
	header, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	header.Name, header.Uid, header.Gid, header.Uname, header.Gname = name, uid, gid, "", ""
	if info.IsDir() {
		header.Name += "/"
	}
	if !info.Mode().IsRegular() {
		source = ""
	}
	return l.write(header, source)
}

func (l *layerWriter) write(header *tar.Header, source string) error {
	header.ModTime, header.AccessTime, header.ChangeTime = time.Unix(0, 0), time.Time{}, time.Time{}
	header.Format = tar.FormatPAX
	if err := l.tar.WriteHeader(header); err != nil || source == "" {
		return err
	}
	file, err := os.Open(source)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(l.tar, file)
	return err
}

func (l *layerWriter) close() (descriptor, error) {
	if err := l.tar.Close(); err != nil {
		return descriptor{}, err
	}
	size, err := l.file.Seek(0, io.SeekCurrent)
	return descriptor{
		MediaType: "application/vnd.oci.image.layer.v1.tar",
		Digest:    fmt.Sprintf("sha256:%x", l.hash.Sum(nil)),
		Size:      size,
	}, err
}
