package oci

import (
	"log"
	"net/http"
	"os"
	"regexp"
	"strings"
)

const manifestType = "application/vnd.oci.image.manifest.v1+json"

var sha256Digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// Registry serves stores, the first that has something first, as a read-only
// registry. containerd is told to send the pulls of every host here, and says
// with ?ns= which host it meant.
type Registry struct {
	Stores []Store
	Log    *log.Logger
}

func (r *Registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	path := strings.TrimPrefix(request.URL.Path, "/v2/")
	if name, reference, ok := cut(path, "/manifests/"); ok {
		if host := request.URL.Query().Get("ns"); host != "" {
			name = host + "/" + name
		}
		r.manifest(w, request, name, reference)
	} else if _, digest, ok := cut(path, "/blobs/"); ok {
		r.blob(w, request, digest, "application/octet-stream")
	} else if path == "" {
		_, _ = w.Write([]byte("{}"))
	} else {
		http.NotFound(w, request)
	}
}

func (r *Registry) manifest(w http.ResponseWriter, request *http.Request, name, reference string) {
	if strings.Contains(reference, ":") {
		r.blob(w, request, reference, manifestType)
		return
	}
	for _, store := range r.Stores {
		if digest, err := store.Resolve(name + ":" + reference); err == nil {
			r.blob(w, request, digest, manifestType)
			return
		}
	}
	r.Log.Printf("no image %s:%s", name, reference)
	refuse(w, "MANIFEST_UNKNOWN")
}

func (r *Registry) blob(w http.ResponseWriter, request *http.Request, digest, mediaType string) {
	if !sha256Digest.MatchString(digest) {
		refuse(w, "DIGEST_INVALID")
		return
	}
	for _, store := range r.Stores {
		file, err := os.Open(store.blob(digest))
		if err != nil {
			continue
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			break
		}
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Docker-Content-Digest", digest)
		http.ServeContent(w, request, "", info.ModTime(), file)
		return
	}
	refuse(w, "BLOB_UNKNOWN")
}

func refuse(w http.ResponseWriter, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte(`{"errors":[{"code":"` + code + `","message":"not in the local image store"}]}`))
}

func cut(path, sep string) (name, rest string, ok bool) {
	i := strings.LastIndex(path, sep)
	if i <= 0 {
		return "", "", false
	}
	return path[:i], path[i+len(sep):], true
}
