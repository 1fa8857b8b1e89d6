package erasure

// Queued is how many messages wait while others are being taken.
func (s *Requests) Queued() int {
	s.inbox.mu.Lock()
	defer s.inbox.mu.Unlock()
	return len(s.inbox.waiting)
}
