package shop

import (
	"context"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/examples/flowmart/people"
)

// registerCustomers opens the accounts of all customers, over the last two and
// a half years, in one transaction.
func registerCustomers(ctx context.Context, s *Shop) error {
	now := time.Now().UTC().Truncate(time.Millisecond)
	return pgx.BeginFunc(ctx, s.DB, func(tx pgx.Tx) error {
		for n := 1; n <= s.Customers; n++ {
			p := people.At(s.Seed, n)
			at := now.AddDate(0, 0, -30-people.Rand(s.Seed, "account "+p.ID).IntN(900))
			_, err := tx.Exec(ctx, `INSERT INTO customers (customer_id, full_name, email, phone, language, country, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				p.ID, p.Name, p.Email, p.Phone, p.Language, p.Country, at)
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, `INSERT INTO addresses (customer_id, street, postal_code, city, country, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
				p.ID, p.Street, p.PostalCode, p.City, p.Country, at)
			if err != nil {
				return err
			}
			err = s.emit(ctx, tx, topicCustomers, p.ID, &customerRegistered{p.ID, p.Name, p.Email, p.Phone, p.Language, place{p.Street, p.PostalCode, p.City, p.Country}, at})
			if err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `INSERT INTO begun (at) VALUES ($1)`, now)
		return err
	})
}

var goods = []orderItem{
	{"FM-1001", "Teapot, stoneware", 1, 3490}, {"FM-1002", "Linen tablecloth", 1, 5900}, {"FM-1003", "Beech chopping board", 1, 2450},
	{"FM-1004", "Wool blanket", 1, 8900}, {"FM-1005", "Set of six glasses", 1, 4200}, {"FM-1006", "Reading lamp", 1, 7600}, {"FM-1007", "Garden secateurs", 1, 2990},
}

// number makes the number of a thing that belongs to another: always the same
// one, and it does not show whose it is.
func number(prefix, of string) string {
	h := fnv.New64a()
	fmt.Fprint(h, prefix, "\x00", of)
	return prefix + "-" + hex.EncodeToString(h.Sum(nil))
}

// placeOrders copies a new customer and lets them order one to three times.
func placeOrders(ctx context.Context, tx pgx.Tx, s *Shop, event any) error {
	c := event.(*customerRegistered)
	if gone, err := s.Rights.Forgotten(ctx, tx, c.OccurredAt, map[string]string{"customer_id": c.CustomerID, "email": c.Email}); gone || err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, `INSERT INTO order_customers (customer_id, full_name, email, phone, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
		c.CustomerID, c.FullName, c.Email, c.Phone, c.OccurredAt)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	r := people.Rand(s.Seed, "orders "+c.CustomerID)
	for n := range 1 + r.IntN(3) {
		o := &orderPlaced{OrderID: number("O", fmt.Sprint(c.CustomerID, n)), CustomerID: c.CustomerID, FullName: c.FullName, Email: c.Email, Phone: c.Phone,
			place: c.place, Currency: "EUR", OccurredAt: c.OccurredAt.AddDate(0, 0, r.IntN(25)+1)}
		for _, i := range r.Perm(len(goods))[:1+r.IntN(3)] {
			item := goods[i]
			item.Quantity = 1 + r.IntN(3)
			o.Items, o.TotalCents = append(o.Items, item), o.TotalCents+int64(item.Quantity)*item.PriceCents
		}
		if err := s.placeOrder(ctx, tx, o); err != nil {
			return err
		}
	}
	return nil
}

func (s *Shop) placeOrder(ctx context.Context, tx pgx.Tx, o *orderPlaced) error {
	_, err := tx.Exec(ctx, `INSERT INTO orders (order_id, customer_id, email, total_cents, currency, status, created_at) VALUES ($1, $2, $3, $4, $5, 'placed', $6)`,
		o.OrderID, o.CustomerID, o.Email, o.TotalCents, o.Currency, o.OccurredAt)
	if err != nil {
		return err
	}
	for line, i := range o.Items {
		_, err := tx.Exec(ctx, `INSERT INTO order_items (order_id, line, sku, product, quantity, price_cents, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			o.OrderID, line+1, i.SKU, i.Product, i.Quantity, i.PriceCents, o.OccurredAt)
		if err != nil {
			return err
		}
	}
	return s.emit(ctx, tx, topicOrders, o.CustomerID, o)
}

// collectPayment takes the money for an order and writes the invoice.
func collectPayment(ctx context.Context, tx pgx.Tx, s *Shop, event any) error {
	o := event.(*orderPlaced)
	if gone, err := s.Rights.Forgotten(ctx, tx, o.OccurredAt, map[string]string{"customer_id": o.CustomerID}); gone || err != nil {
		return err
	}
	card := fmt.Sprintf("%04d", people.Rand(s.Seed, "card "+o.CustomerID).IntN(10000))
	p := &paymentProcessed{number("P", o.OrderID), o.OrderID, o.CustomerID, o.Email, o.Phone, o.TotalCents, o.Currency, card, o.OccurredAt}
	tag, err := tx.Exec(ctx, `
		INSERT INTO payments (payment_id, order_id, customer_id, card_holder, card_last4, amount_cents, currency, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`, p.PaymentID, p.OrderID, p.CustomerID, o.FullName, card, p.AmountCents, p.Currency, p.OccurredAt)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	address := fmt.Sprintf("%s, %s %s, %s", o.Street, o.PostalCode, o.City, o.Country)
	_, err = tx.Exec(ctx, `
		INSERT INTO invoices (invoice_id, order_id, customer_id, full_name, address, total_cents, currency, issued_on, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8::timestamptz::date, $8)`, number("I", o.OrderID), o.OrderID, o.CustomerID, o.FullName, address, o.TotalCents, o.Currency, o.OccurredAt)
	if err != nil {
		return err
	}
	return s.emit(ctx, tx, topicPayments, p.CustomerID, p)
}

var carriers = []string{"Postbote", "Kurier24", "La Diligence"}

// dispatchParcel sends what was ordered.
func dispatchParcel(ctx context.Context, tx pgx.Tx, s *Shop, event any) error {
	o := event.(*orderPlaced)
	if gone, err := s.Rights.Forgotten(ctx, tx, o.OccurredAt, map[string]string{"customer_id": o.CustomerID}); gone || err != nil {
		return err
	}
	d := &shipmentDispatched{number("S", o.OrderID), o.OrderID, o.CustomerID, o.FullName, o.Email, o.Phone, o.place, choose(s, "carrier "+o.OrderID, carriers), o.OccurredAt.Add(26 * time.Hour)}
	tag, err := tx.Exec(ctx, `
		INSERT INTO shipments (shipment_id, order_id, customer_id, recipient_name, phone, street, postal_code, city, country, carrier, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING`,
		d.ShipmentID, d.OrderID, d.CustomerID, d.RecipientName, d.Phone, d.Street, d.PostalCode, d.City, d.Country, d.Carrier, d.OccurredAt)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	return s.emit(ctx, tx, topicShipments, d.CustomerID, d)
}

var opinions = []struct {
	stars       int
	title, body string
}{
	{5, "Sehr zufrieden", "Kam schnell an und ist genau, was ich wollte."}, {4, "Très bien", "Belle qualité, emballage soigné."},
	{3, "Nella media", "Fa il suo lavoro, ma il colore è diverso dalla foto."}, {5, "Polecam", "Świetny zakup, dobra cena."}, {2, "Not for me", "Smaller than I thought. Kept it anyway."},
}

// writeReview notes what was bought, and every second order gets a review.
func writeReview(ctx context.Context, tx pgx.Tx, s *Shop, event any) error {
	o := event.(*orderPlaced)
	if gone, err := s.Rights.Forgotten(ctx, tx, o.OccurredAt, map[string]string{"customer_id": o.CustomerID}); gone || err != nil {
		return err
	}
	for _, i := range o.Items {
		_, err := tx.Exec(ctx, `INSERT INTO purchases (customer_id, order_id, sku, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, o.CustomerID, o.OrderID, i.SKU, o.OccurredAt)
		if err != nil {
			return err
		}
	}
	if len(o.Items) == 0 || choose(s, "review "+o.OrderID, []bool{true, false}) {
		return nil
	}
	says := choose(s, "opinion "+o.OrderID, opinions)
	v := &reviewSubmitted{number("R", o.OrderID), o.CustomerID, o.FullName, o.Items[0].SKU, says.stars, says.title, says.body, o.OccurredAt.Add(100 * time.Hour)}
	tag, err := tx.Exec(ctx, `
		INSERT INTO reviews (review_id, customer_id, author_name, sku, stars, title, body, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`, v.ReviewID, v.CustomerID, v.AuthorName, v.SKU, v.Stars, v.Title, v.Body, v.OccurredAt)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	return s.emit(ctx, tx, topicReviews, v.CustomerID, v)
}

func choose[T any](s *Shop, purpose string, from []T) T {
	return from[people.Rand(s.Seed, purpose).IntN(len(from))]
}

func notifyOrder(ctx context.Context, tx pgx.Tx, s *Shop, event any) error {
	o := event.(*orderPlaced)
	return s.notify(ctx, tx, "order "+o.OrderID, o.Email, o.Phone, "email", "We have your order "+o.OrderID, o.OccurredAt)
}

func notifyPayment(ctx context.Context, tx pgx.Tx, s *Shop, event any) error {
	p := event.(*paymentProcessed)
	return s.notify(ctx, tx, "payment "+p.PaymentID, p.Email, p.Phone, "email", "Your payment for order "+p.OrderID, p.OccurredAt)
}

func notifyShipment(ctx context.Context, tx pgx.Tx, s *Shop, event any) error {
	d := event.(*shipmentDispatched)
	return s.notify(ctx, tx, "shipment "+d.ShipmentID, d.Email, d.Phone, "sms", "Parcel "+d.ShipmentID+" is on its way", d.OccurredAt)
}

func (s *Shop) notify(ctx context.Context, tx pgx.Tx, cause, email, phone, channel, subject string, at time.Time) error {
	if gone, err := s.Rights.Forgotten(ctx, tx, at, map[string]string{"email": email, "phone": phone}); gone || err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO notifications (notification_id, email, phone, channel, subject, created_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
		number("N", cause), email, phone, channel, subject, at)
	return err
}

// copyContact is the work of the exporter nobody declared.
func copyContact(ctx context.Context, tx pgx.Tx, s *Shop, event any) error {
	c := event.(*customerRegistered)
	if gone, err := s.Rights.Forgotten(ctx, tx, c.OccurredAt, map[string]string{"email": c.Email}); gone || err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO marketing_contacts (email, full_name, language, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		c.Email, c.FullName, c.Language, c.OccurredAt)
	return err
}
