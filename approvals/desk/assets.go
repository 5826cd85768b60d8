package desk

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"time"
)

//go:embed assets
var assetFiles embed.FS

// assetVersion changes with any asset, so that browsers may keep them for good.
var assetVersion = func() string {
	hash := sha256.New()
	entries, err := fs.ReadDir(assetFiles, "assets")
	if err != nil {
		panic(err) // embedded: it cannot be missing
	}
	for _, e := range entries {
		b, err := assetFiles.ReadFile("assets/" + e.Name())
		if err != nil {
			panic(err)
		}
		hash.Write(b)
	}
	return hex.EncodeToString(hash.Sum(nil))[:12]
}()

// modules are what desk.js is made of; the page asks for them at once.
var modules = []string{"clock.js", "hold.js", "forms.js", "queue.js", "keys.js"}

func assetURL(name string) string { return "/assets/" + assetVersion + "/" + name }

// serveAsset serves scripts and styles. Another version than this one's is served
// all the same, but not kept: an old page may ask during a deploy.
func serveAsset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	b, err := assetFiles.ReadFile("assets/" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	if r.PathValue("version") == assetVersion {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
}
