package schemas

// Waiting counts who waits to register at a subject where somebody does so.
func (r *Registry) Waiting(subject string) int {
	r.queue.mu.Lock()
	defer r.queue.mu.Unlock()
	return len(r.queue.at[split(subject)])
}

// ShortDoc is what the catalog keeps of a description.
func ShortDoc(doc string) string { return shortDoc(doc) }
