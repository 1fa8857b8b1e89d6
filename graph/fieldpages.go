package graph

import (
	"context"
	"sync"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/pages"
	"github.com/flowmart/lethe/graph/relay"
	"github.com/flowmart/lethe/internal/page"
)

// fieldLoader loads pages of the fields of datasets, and no field beyond them.
// How large a page is wanted, only its resolver knows: the first that asks
// announces a page of that size of every dataset that was read.
type fieldLoader struct {
	loader[pages.After, []catalog.Field]

	mu       sync.Mutex
	datasets []uuid.UUID
	told     map[int]int // by size of page: of how many datasets it was announced
}

// of announces datasets whose fields may be wanted.
func (l *fieldLoader) of(datasets ...uuid.UUID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.datasets = append(l.datasets, datasets...)
}

// announceFirst announces the first page of every dataset that was read.
func (l *fieldLoader) announceFirst(limit int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told == nil {
		l.told = map[int]int{}
	}
	for _, d := range l.datasets[l.told[limit]:] {
		l.expect(pages.After{DatasetID: d, Limit: limit})
	}
	l.told[limit] = len(l.datasets)
}

// page loads a page of a dataset's fields.
func (l *fieldLoader) page(ctx context.Context, dataset uuid.UUID, args page.Args) (relay.Fields, error) {
	list, last := "fields:"+dataset.String(), ""
	if err := args.Check(); err != nil {
		return relay.Fields{}, err
	}
	if args.After != "" {
		if err := page.Decode(args.After, list, &last); err != nil {
			return relay.Fields{}, err
		}
	} else {
		l.announceFirst(args.First + 1)
	}
	rows, err := l.some(ctx, pages.After{DatasetID: dataset, Path: last, Limit: args.First + 1})
	return relay.Of(page.Cut(rows, args.First, func(f catalog.Field) string { return page.Encode(list, f.Path) }), args), err
}
