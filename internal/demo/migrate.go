package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// migrate has the pipeline of shipping check a migration that adds an e-mail
// column, before and after the column says what it is. Nothing is pushed.
func (s *scene) migrate(ctx context.Context) error {
	s.step("A migration adds a column; the pipeline asks before the merge")
	dir := s.o.Catalog + "/migrations/shipping"
	admin, err := s.sign("admin")
	if err != nil {
		return err
	}
	if out, err := s.run(ctx, nil, "schema", "store", "gate", "shipping-db", "enforce", "--token-file", admin); err != nil {
		return fmt.Errorf("gate of shipping-db: %w\n%s", err, out)
	}
	pipeline, err := s.sign("ci:shipping")
	if err != nil {
		return err
	}
	check := func(paths ...string) (string, error) {
		args := append([]string{"schema", "store", "check", "shipping-db"}, paths...)
		return s.run(ctx, nil, append(args, "--format", "flyway", "--token-file", pipeline)...)
	}
	out, err := check(dir)
	var found []string
	for line := range strings.Lines(out) {
		if strings.Contains(line, "CG010") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	s.expect(err != nil && len(found) == 1 && strings.Contains(found[0], "V2__tell_the_recipient.sql:4:16: error CG010 recipient_email"),
		"a migration that adds an e-mail column without saying so is caught", "%s", strings.Join(found, "; "))
	said := s.file("V3__what_it_is.sql")
	comment := "COMMENT ON COLUMN shipments.recipient_email IS '@tags(user.contact.email)';\n"
	if err := os.WriteFile(said, []byte(comment), 0o600); err != nil {
		return err
	}
	out, err = check(dir, said)
	s.expect(err == nil && strings.HasSuffix(out, "\nPASS\n"), "with "+strings.TrimSpace(comment)+" it passes", "%s", lastLine(out))
	return nil
}

// sign leaves a token of somebody in a file, and returns its path.
func (s *scene) sign(as string) (string, error) {
	token, err := s.issuer.Mint(as)
	if err != nil {
		return "", err
	}
	path := filepath.Clean(s.file("token-" + strings.ReplaceAll(as, ":", "-")))
	return path, os.WriteFile(path, []byte(token), 0o600)
}
