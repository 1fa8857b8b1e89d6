package running

import (
	"io"
	"log"
)

// quiet is for proxies: a replica that is killed is no news.
var quiet = log.New(io.Discard, "", 0)
