package export

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"testing"
)

// TestManyFiles: more files than the old ZIP can count make a ZIP64 (APPNOTE
// 4.4.21 to 4.4.24), and every one of them is found again.
func TestManyFiles(t *testing.T) {
	t.Parallel()
	const many = 1<<16 + 1000
	var out bytes.Buffer
	z := newArchive(&out)
	for i := range many {
		err := z.add(fmt.Sprintf("files/%06d.bin", i), zip.Store, func(w io.Writer) (int64, error) {
			_, err := w.Write([]byte{byte(i)})
			return 0, err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(out.Bytes()[out.Len()-200:], []byte("PK\x06\x06")) {
		t.Error("there is no ZIP64 end of central directory record")
	}
	back, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil || len(back.File) != many || len(z.files) != many {
		t.Fatal(len(z.files), err)
	}
}
