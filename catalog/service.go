package catalog

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres"
)

// ServiceState says whether a service can be asked.
type ServiceState string

// The states of a service.
const (
	Declared ServiceState = "DECLARED" // known, but its endpoint has not yet answered a challenge
	Active   ServiceState = "ACTIVE"   // answered the challenge with its key
	Disabled ServiceState = "DISABLED" // not asked until it answers a new challenge
)

// Service is a program or a party that holds data and answers for it.
type Service struct {
	ID              uuid.UUID
	Ref             string // the name in task requests and results
	Name            string
	Doc             string
	OwnerID         *uuid.UUID // the team that answers for it; none is a finding
	ControllerID    uuid.UUID
	PartyRole       string         // CONTROLLER, PROCESSOR, JOINT_CONTROLLER, RECIPIENT; "" means CONTROLLER
	Endpoint        *string        // where it offers the rights protocol
	IdentifierTypes []string       // by which it can find a person, such as customer_id
	Resolves        []string       // the types it can resolve others from: an identity service; empty for none
	AllowedNetworks []netip.Prefix // the only networks a call to the endpoint may reach
	State           ServiceState   // set by challenge and DisableService, never by a declaration
	RatePerSecond   float64        // messages a second at most; 0 means 20
	MaxInFlight     int            // unanswered messages at most; 0 means 100
	Recipient       *string        // age X25519 public key that identifiers are sealed to; told by the challenge
	Rev             int
}

func (s Service) key() uuid.UUID { return s.ID }
func (s Service) revision() int  { return s.Rev }

var partyRoles = []string{"CONTROLLER", "PROCESSOR", "JOINT_CONTROLLER", "RECIPIENT"}

// RegisterService enters a service. It needs a steward of the team that will
// own it, or an admin. The service is DECLARED until it answers a challenge.
func (c *Catalog) RegisterService(ctx context.Context, by access.Principal, s Service) (Service, error) {
	if s.Rev != 0 {
		return s, fault.Bad("rev", "NOT_NEW", "a new service has no revision; to change one, update it")
	}
	return c.declareService(ctx, by, s)
}

// UpdateService changes a service. It needs a steward of its team, or an
// admin. A new endpoint has to answer a challenge before it is asked anything.
func (c *Catalog) UpdateService(ctx context.Context, by access.Principal, s Service) (Service, error) {
	if s.Rev == 0 {
		return s, revisionNeeded
	}
	return c.declareService(ctx, by, s)
}

// SetServiceOwner gives a service to another team, or to none (nil). It needs
// a steward of the team that gives it away, or an admin.
func (c *Catalog) SetServiceOwner(ctx context.Context, by access.Principal, service uuid.UUID, rev int, owner *uuid.UUID) (Service, error) {
	return c.amendService(ctx, by, service, rev, func(s *Service) { s.OwnerID = owner })
}

// amendService changes some of a service and leaves the rest as it stands.
func (c *Catalog) amendService(ctx context.Context, by access.Principal, id uuid.UUID, rev int, amend func(s *Service)) (s Service, err error) {
	err = c.work(ctx, by, func(a *act) error {
		old, err := previousOf(ctx, a, "service", Service{ID: id, Rev: rev}, ServicesByID)
		if err != nil {
			return err
		}
		s = *old
		amend(&s)
		s, err = a.putService(ctx, s)
		return err
	})
	return s, err
}

func (c *Catalog) declareService(ctx context.Context, by access.Principal, s Service) (Service, error) {
	err := c.work(ctx, by, func(a *act) (err error) {
		s, err = a.putService(ctx, s)
		return err
	})
	return s, err
}

func (a *act) putService(ctx context.Context, s Service) (Service, error) {
	old, err := previous(ctx, a, "service", s, ServicesByID)
	if err != nil {
		return s, err
	}
	if err := a.mayChangeService(ctx, old, s); err != nil {
		return s, err
	}
	s = s.completed(old)
	if err := s.check(a.dev); err != nil {
		return s, err
	}
	if old != nil && same(*old, s) {
		return s, nil
	}
	s.ID = newID(s.ID)
	if s.Rev, err = saveService(ctx, a.db, s); err != nil {
		return s, err
	}
	what := "service.registered"
	if old != nil {
		what = "service.updated"
	}
	a.did(what, "SERVICE", s.ID, old, s)
	return s, nil
}

// mayChangeService asks the present owner; the owner it will have, if it is new.
func (a *act) mayChangeService(ctx context.Context, old *Service, s Service) error {
	owner := s.OwnerID
	if old != nil {
		owner = old.OwnerID
	}
	team, err := a.teamOf(ctx, owner)
	if err != nil {
		return err
	}
	return a.requireOwner(team)
}

// completed fills in what a declaration leaves out, and keeps what only a
// challenge may set.
func (s Service) completed(old *Service) Service {
	s.State, s.Recipient = Declared, nil
	if old != nil {
		s.State, s.Recipient = old.State, old.Recipient
		if old.State == Active && !same(old.Endpoint, s.Endpoint) {
			s.State = Declared
		}
	}
	if s.PartyRole == "" {
		s.PartyRole = "CONTROLLER"
	}
	if s.RatePerSecond == 0 {
		s.RatePerSecond = 20
	}
	if s.MaxInFlight == 0 {
		s.MaxInFlight = 100
	}
	s.IdentifierTypes, s.Resolves = listed(s.IdentifierTypes), listed(s.Resolves)
	networks := make([]netip.Prefix, 0, len(s.AllowedNetworks))
	for _, n := range s.AllowedNetworks {
		networks = append(networks, n.Masked())
	}
	s.AllowedNetworks = networks
	return s
}

// listed is never nil, so that an empty list has one form.
func listed(s []string) []string {
	if len(s) == 0 {
		return []string{}
	}
	return s
}

func (s Service) check(dev bool) error {
	var m mistakes
	checkRef(&m, s.Ref)
	checkName(&m, s.Name)
	checkDoc(&m, s.Doc)
	oneOf(&m, "partyRole", s.PartyRole, partyRoles)
	m.require(s.RatePerSecond > 0 && s.RatePerSecond <= 10_000, "ratePerSecond", "OUT_OF_RANGE", "the rate is above 0 and at most 10,000 messages a second")
	m.require(s.MaxInFlight >= 1 && s.MaxInFlight <= 100_000, "maxInFlight", "OUT_OF_RANGE", "messages in flight are 1 to 100,000")
	checkIdentifiers(&m, "identifierTypes", s.IdentifierTypes)
	for _, r := range s.Resolves {
		if !slices.Contains(s.IdentifierTypes, r) {
			m.add(fault.Bad("resolves", "NOT_AN_IDENTIFIER_TYPE", "%s", fault.Suggest(
				"a service can only resolve from identifier types that it declares", r, s.IdentifierTypes)))
		}
	}
	checkEndpoint(&m, s.Endpoint, s.AllowedNetworks, dev)
	return m.err()
}

func checkIdentifiers(m *mistakes, path string, types []string) {
	m.require(len(types) <= 20, path, "TOO_MANY", "a service has at most 20 identifier types")
	for i, t := range types {
		m.require(identifierForm.MatchString(t), path, "BAD_IDENTIFIER_TYPE", "an identifier type is 1 to 40 of a-z, 0-9 and underscore, such as customer_id")
		m.require(!slices.Contains(types[:i], t), path, "TWICE", "name each identifier type once")
	}
}

func saveService(ctx context.Context, db postgres.DB, s Service) (int, error) {
	const q = `
		INSERT INTO catalog_service (id, ref, name, doc, owner_id, controller_id, party_role, endpoint, identifier_types, resolves,
		                             allowed_networks, state, rate_per_second, max_in_flight, recipient)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
		    ON CONFLICT (id) DO UPDATE
		   SET ref = excluded.ref, name = excluded.name, doc = excluded.doc, owner_id = excluded.owner_id,
		       controller_id = excluded.controller_id, party_role = excluded.party_role, endpoint = excluded.endpoint,
		       identifier_types = excluded.identifier_types, resolves = excluded.resolves,
		       allowed_networks = excluded.allowed_networks, state = excluded.state,
		       rate_per_second = excluded.rate_per_second, max_in_flight = excluded.max_in_flight, recipient = excluded.recipient,
		       rev = catalog_service.rev + 1, updated_at = now()
		 WHERE catalog_service.rev = $16
		RETURNING rev`
	rev, err := postgres.Scalar[int](ctx, db, q, s.ID, s.Ref, s.Name, s.Doc, s.OwnerID, s.ControllerID, s.PartyRole, s.Endpoint,
		s.IdentifierTypes, s.Resolves, s.AllowedNetworks, s.State, s.RatePerSecond, s.MaxInFlight, s.Recipient, s.Rev)
	return rev, lost(err)
}

// ServicesByID finds services; unknown ids are absent.
func ServicesByID(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]Service, error) {
	const q = `
		SELECT id, ref, name, doc, owner_id, controller_id, party_role, endpoint, identifier_types, resolves,
		       allowed_networks, state, rate_per_second, max_in_flight, recipient, rev
		  FROM catalog_service
		 WHERE id = ANY ($1)
		 ORDER BY id`
	return indexed(postgres.Many[Service](ctx, db, q, ids))
}

// ServiceByRef finds a service by its ref.
func ServiceByRef(ctx context.Context, db postgres.DB, ref string) (Service, error) {
	const q = `
		SELECT id, ref, name, doc, owner_id, controller_id, party_role, endpoint, identifier_types, resolves,
		       allowed_networks, state, rate_per_second, max_in_flight, recipient, rev
		  FROM catalog_service
		 WHERE ref = $1`
	s, err := postgres.One[Service](ctx, db, q, ref)
	if errors.Is(err, postgres.ErrNotFound) {
		const q = `SELECT ref FROM catalog_service ORDER BY ref`
		return s, absent(ctx, db, "service", ref, q)
	}
	return s, err
}

// Services lists the services by ref.
func (c *Catalog) Services(ctx context.Context, by access.Principal, p page.Args) (page.Page[Service], error) {
	const q = `
		SELECT id, ref, name, doc, owner_id, controller_id, party_role, endpoint, identifier_types, resolves,
		       allowed_networks, state, rate_per_second, max_in_flight, recipient, rev
		  FROM catalog_service
		 WHERE ref > $1
		 ORDER BY ref
		 LIMIT $2`
	return byRef(by, p, "services", func(after string, limit int) ([]Service, error) {
		return postgres.Many[Service](ctx, c.db, q, after, limit)
	}, func(s Service) string { return s.Ref })
}

// DisableService stops asking a service; an open challenge of it is void, so
// that a late answer does not bring it back. It needs a steward of its team, or
// an admin; the emergency stop of requests is erasure's.
func (c *Catalog) DisableService(ctx context.Context, by access.Principal, service uuid.UUID, rev int) (s Service, err error) {
	err = c.work(ctx, by, func(a *act) error {
		old, err := previousOf(ctx, a, "service", Service{ID: service, Rev: rev}, ServicesByID)
		if err != nil {
			return err
		}
		if err := a.mayChangeService(ctx, old, *old); err != nil {
			return err
		}
		if s = *old; s.State == Disabled {
			return nil
		}
		s.State = Disabled
		if err := dropChallenge(ctx, a.db, s.ID); err != nil {
			return err
		}
		if s.Rev, err = saveService(ctx, a.db, s); err != nil {
			return err
		}
		a.did("service.disabled", "SERVICE", s.ID, old, s)
		return nil
	})
	return s, err
}
