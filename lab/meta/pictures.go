package meta

import (
	"crypto/sha256"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strings"
)

// pictureRoutes serve the pictures of accounts and people, and those in posts, comments
// and messages.
func pictureRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /pictures/{file}", func(w http.ResponseWriter, r *http.Request) { servePicture(w, r, avatarSize) })
	mux.HandleFunc("GET /pictures/large/{file}", func(w http.ResponseWriter, r *http.Request) { servePicture(w, r, pictureSize) })
}

// Sizes of pictures, in pixels: multiples of patternSize.
const (
	avatarSize  = 50
	pictureSize = 320
	patternSize = 10
)

// pictureURL is the address of the picture of a Page, an account or a person.
func (c *call) pictureURL(id string) string { return c.origin + "/pictures/" + id + ".png" }

func (c *call) picture(id string) object {
	return object{"data": object{"height": avatarSize, "is_silhouette": false, "url": c.pictureURL(id), "width": avatarSize}}
}

// fileURL is the address of a picture or another file in a post, comment or message.
func (c *call) fileURL(id, ending string) string { return c.origin + filePath(id, ending) }

func filePath(id, ending string) string { return "/pictures/large/" + id + ending }

// servePicture draws a pattern that comes of the id, as high as wide. There are no videos.
func servePicture(w http.ResponseWriter, r *http.Request, size int) {
	id, isPicture := strings.CutSuffix(r.PathValue("file"), ".png")
	if !isPicture {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_ = png.Encode(w, draw(sha256.Sum256([]byte(id)), size)) // an error means that the client has gone
}

// draw is a pattern of two colours, the same on both sides.
func draw(sum [sha256.Size]byte, size int) image.Image {
	picture := image.NewPaletted(image.Rect(0, 0, size, size), color.Palette{
		color.RGBA{sum[0]/2 + 120, sum[1]/2 + 120, sum[2]/2 + 120, 255}, color.RGBA{sum[3] / 2, sum[4] / 2, sum[5] / 2, 255},
	})
	cell := size / patternSize
	for y := range size {
		for x := range size {
			column := min(x/cell, patternSize-1-x/cell)
			bit := column*patternSize + y/cell
			picture.SetColorIndex(x, y, sum[6+bit/8]>>(bit%8)&1)
		}
	}
	return picture
}
