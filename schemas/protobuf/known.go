package protobuf

import (
	"context"
	"embed"
	"strings"
	"sync"

	"github.com/bufbuild/protocompile"
	_ "google.golang.org/genproto/googleapis/type/calendarperiod" // google/type, for files that import it
	_ "google.golang.org/genproto/googleapis/type/color"
	_ "google.golang.org/genproto/googleapis/type/date"
	_ "google.golang.org/genproto/googleapis/type/datetime"
	_ "google.golang.org/genproto/googleapis/type/dayofweek"
	_ "google.golang.org/genproto/googleapis/type/decimal"
	_ "google.golang.org/genproto/googleapis/type/expr"
	_ "google.golang.org/genproto/googleapis/type/fraction"
	_ "google.golang.org/genproto/googleapis/type/interval"
	_ "google.golang.org/genproto/googleapis/type/latlng"
	_ "google.golang.org/genproto/googleapis/type/localized_text"
	_ "google.golang.org/genproto/googleapis/type/money"
	_ "google.golang.org/genproto/googleapis/type/month"
	_ "google.golang.org/genproto/googleapis/type/phone_number"
	_ "google.golang.org/genproto/googleapis/type/postaladdress"
	_ "google.golang.org/genproto/googleapis/type/quaternion"
	_ "google.golang.org/genproto/googleapis/type/timeofday"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// confluent are the files that serializers of registries take for granted:
// tags and documentation as options, and decimals.
//
//go:embed confluent
var confluent embed.FS

// known finds a file that needs no reference; nil if there is none. Clients do
// not register these.
func known(path string) protoreflect.FileDescriptor {
	switch {
	case strings.HasPrefix(path, "google/protobuf/"):
		return standard(path)
	case strings.HasPrefix(path, "google/type/"):
		f, err := protoregistry.GlobalFiles.FindFileByPath(path)
		if err != nil {
			return nil
		}
		return f
	}
	return ours()[path]
}

// standard finds a file that comes with protoc.
func standard(path string) protoreflect.FileDescriptor {
	none := protocompile.ResolverFunc(func(string) (protocompile.SearchResult, error) {
		return protocompile.SearchResult{}, protoregistry.NotFound
	})
	found, err := protocompile.WithStandardImports(none).FindFileByPath(path)
	if err != nil {
		return nil
	}
	return found.Desc
}

// ours compiles the embedded files, once.
var ours = sync.OnceValue(func() map[string]protoreflect.FileDescriptor {
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(protocompile.ResolverFunc(embedded))}
	out := map[string]protoreflect.FileDescriptor{}
	for _, path := range []string{"confluent/meta.proto", "confluent/type/decimal.proto", "confluent/type/variant.proto"} {
		files, err := c.Compile(context.Background(), path)
		if err != nil {
			panic("protobuf: " + err.Error()) // the files are part of the program
		}
		out[path] = files[0]
	}
	return out
})

func embedded(path string) (protocompile.SearchResult, error) {
	f, err := confluent.Open(path)
	return protocompile.SearchResult{Source: f}, err
}
