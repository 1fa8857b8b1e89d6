package shop

import "github.com/flowmart/lethe/examples/flowmart/rights"

// Conditions that find a person. The values are in the form of rights.Normal.
const (
	byCustomer = `customer_id = ANY(?)`
	byEmail    = `lower(email) = ANY(?)`
	byPhone    = `regexp_replace(phone, '\D', '', 'g') = ANY(?)`
)

// kinds are FlowMart's services. README.md shows them as a table.
var kinds = map[string]*kind{
	"customers": {
		ref: "customers", writes: []string{topicCustomers}, begin: registerCustomers,
		schema: `
			CREATE TABLE IF NOT EXISTS customers (
				customer_id text PRIMARY KEY, full_name text NOT NULL, email text NOT NULL, phone text NOT NULL,
				language text NOT NULL, country text NOT NULL, created_at timestamptz NOT NULL);
			CREATE TABLE IF NOT EXISTS addresses (
				customer_id text PRIMARY KEY, street text NOT NULL, postal_code text NOT NULL, city text NOT NULL,
				country text NOT NULL, created_at timestamptz NOT NULL);`,
		holdings: rights.Holdings{
			Types:    []string{"customer_id", "email", "phone"},
			Identity: &rights.Identity{Table: "public.customers", Columns: []string{"customer_id", "email", "phone"}},
			Tables: []rights.Table{
				{Name: "public.addresses", Columns: "customer_id, street, postal_code, city, country, created_at", Who: map[string]string{
					"customer_id": byCustomer,
					"email":       `customer_id IN (SELECT customer_id FROM customers WHERE ` + byEmail + `)`,
					"phone":       `customer_id IN (SELECT customer_id FROM customers WHERE ` + byPhone + `)`}},
				{Name: "public.customers", Columns: "customer_id, full_name, email, phone, language, country, created_at",
					Who: map[string]string{"customer_id": byCustomer, "email": byEmail, "phone": byPhone}},
			},
			Topics: []rights.Topic{{Name: topicCustomers, Days: retentionDays}},
		},
	},
	"orders": {
		ref: "orders", group: "orders-service", writes: []string{topicOrders}, reads: map[string]reader{topicCustomers: placeOrders},
		schema: `
			CREATE TABLE IF NOT EXISTS order_customers (
				customer_id text PRIMARY KEY, full_name text NOT NULL, email text NOT NULL, phone text NOT NULL, created_at timestamptz NOT NULL);
			CREATE TABLE IF NOT EXISTS orders (
				order_id text PRIMARY KEY, customer_id text NOT NULL, email text NOT NULL, total_cents bigint NOT NULL, currency text NOT NULL,
				status text NOT NULL, created_at timestamptz NOT NULL);
			CREATE INDEX IF NOT EXISTS orders_customer ON orders (customer_id);
			CREATE TABLE IF NOT EXISTS order_items (
				order_id text NOT NULL, line int NOT NULL, sku text NOT NULL, product text NOT NULL, quantity int NOT NULL, price_cents bigint NOT NULL,
				created_at timestamptz NOT NULL, PRIMARY KEY (order_id, line));`,
		holdings: rights.Holdings{
			Types: []string{"customer_id", "email"},
			Tables: []rights.Table{
				{Name: "public.order_items", Columns: "order_id, line, sku, product, quantity, price_cents, created_at", Who: map[string]string{
					"customer_id": `order_id IN (SELECT order_id FROM orders WHERE ` + byCustomer + `)`,
					"email":       `order_id IN (SELECT order_id FROM orders WHERE ` + byEmail + `)`}},
				{Name: "public.orders", Columns: "order_id, customer_id, email, total_cents, currency, status, created_at",
					Who: map[string]string{"customer_id": byCustomer, "email": byEmail}},
				{Name: "public.order_customers", Columns: "customer_id, full_name, email, phone, created_at",
					Who: map[string]string{"customer_id": byCustomer, "email": byEmail}},
			},
			Topics: []rights.Topic{{Name: topicOrders, Days: retentionDays}},
		},
	},
	"payments": {
		ref: "payments", group: "payments-service", writes: []string{topicPayments}, reads: map[string]reader{topicOrders: collectPayment},
		schema: `
			CREATE TABLE IF NOT EXISTS payments (
				payment_id text PRIMARY KEY, order_id text NOT NULL, customer_id text, card_holder text, card_last4 text,
				amount_cents bigint NOT NULL, currency text NOT NULL, created_at timestamptz NOT NULL);
			CREATE INDEX IF NOT EXISTS payments_customer ON payments (customer_id);
			CREATE TABLE IF NOT EXISTS invoices (
				invoice_id text PRIMARY KEY, order_id text NOT NULL, customer_id text NOT NULL, full_name text NOT NULL, address text NOT NULL,
				total_cents bigint NOT NULL, currency text NOT NULL, issued_on date NOT NULL, created_at timestamptz NOT NULL);
			CREATE INDEX IF NOT EXISTS invoices_customer ON invoices (customer_id);`,
		holdings: rights.Holdings{
			Types: []string{"customer_id"},
			Tables: []rights.Table{
				{Name: "public.payments", Columns: "payment_id, order_id, customer_id, card_holder, card_last4, amount_cents, currency, created_at",
					Who:   map[string]string{"customer_id": byCustomer},
					Erase: rights.Erasure{Anonymise: "customer_id = NULL, card_holder = NULL, card_last4 = NULL"}},
				// § 147 AO and § 257 HGB: ten years from the end of the year of the invoice.
				{Name: "public.invoices", Columns: "invoice_id, order_id, customer_id, full_name, address, total_cents, currency, issued_on, created_at",
					Who:   map[string]string{"customer_id": byCustomer},
					Erase: rights.Erasure{Ground: "17(3)(b)", Until: "make_date(extract(year FROM max(issued_on))::int + 10, 12, 31)::timestamp"}},
			},
			Topics: []rights.Topic{{Name: topicPayments, Days: retentionDays}},
		},
	},
	"shipping": {
		ref: "shipping", group: "shipping-service", writes: []string{topicShipments}, reads: map[string]reader{topicOrders: dispatchParcel},
		schema: `
			CREATE TABLE IF NOT EXISTS shipments (
				shipment_id text PRIMARY KEY, order_id text NOT NULL, customer_id text NOT NULL, recipient_name text NOT NULL, phone text NOT NULL,
				street text NOT NULL, postal_code text NOT NULL, city text NOT NULL, country text NOT NULL, carrier text NOT NULL, created_at timestamptz NOT NULL);
			CREATE INDEX IF NOT EXISTS shipments_customer ON shipments (customer_id);`,
		holdings: rights.Holdings{
			Types: []string{"customer_id"},
			Tables: []rights.Table{{Name: "public.shipments", Columns: "shipment_id, order_id, customer_id, recipient_name, phone, street, postal_code, city, country, carrier, created_at",
				Who: map[string]string{"customer_id": byCustomer}}},
			Topics: []rights.Topic{{Name: topicShipments, Days: retentionDays}},
		},
	},
	"reviews": {
		ref: "reviews", group: "reviews-service", writes: []string{topicReviews}, reads: map[string]reader{topicOrders: writeReview},
		schema: `
			CREATE TABLE IF NOT EXISTS purchases (
				customer_id text NOT NULL, order_id text NOT NULL, sku text NOT NULL, created_at timestamptz NOT NULL, PRIMARY KEY (order_id, sku));
			CREATE INDEX IF NOT EXISTS purchases_customer ON purchases (customer_id);
			CREATE TABLE IF NOT EXISTS reviews (
				review_id text PRIMARY KEY, customer_id text, author_name text, sku text NOT NULL, stars int NOT NULL, title text, body text,
				created_at timestamptz NOT NULL);
			CREATE INDEX IF NOT EXISTS reviews_customer ON reviews (customer_id);`,
		holdings: rights.Holdings{
			Types: []string{"customer_id"},
			Tables: []rights.Table{
				{Name: "public.purchases", Columns: "order_id, sku, customer_id, created_at", Who: map[string]string{"customer_id": byCustomer}},
				{Name: "public.reviews", Columns: "review_id, customer_id, author_name, sku, stars, title, body, created_at", Who: map[string]string{"customer_id": byCustomer},
					Erase: rights.Erasure{Anonymise: "customer_id = NULL, author_name = NULL, title = NULL, body = NULL"}},
			},
			Topics: []rights.Topic{{Name: topicReviews, Days: retentionDays}},
		},
	},
	"notifications": {
		ref: "notifications", group: "notifications-service",
		reads: map[string]reader{topicOrders: notifyOrder, topicPayments: notifyPayment, topicShipments: notifyShipment},
		schema: `
			CREATE TABLE IF NOT EXISTS notifications (
				notification_id text PRIMARY KEY, email text NOT NULL, phone text NOT NULL, channel text NOT NULL, subject text NOT NULL, created_at timestamptz NOT NULL);
			CREATE INDEX IF NOT EXISTS notifications_email ON notifications (lower(email));`,
		holdings: rights.Holdings{
			Types: []string{"email", "phone"},
			Tables: []rights.Table{{Name: "public.notifications", Columns: "notification_id, email, phone, channel, subject, created_at",
				Who: map[string]string{"email": byEmail, "phone": byPhone}}},
		},
	},
	"marketing-exporter": {
		ref: "marketing-exporter", group: "marketing-exporter", reads: map[string]reader{topicCustomers: copyContact},
		schema: `
			CREATE TABLE IF NOT EXISTS marketing_contacts (
				email text PRIMARY KEY, full_name text NOT NULL, language text NOT NULL, created_at timestamptz NOT NULL);`,
		holdings: rights.Holdings{
			Types: []string{"email"},
			Tables: []rights.Table{{Name: "public.marketing_contacts", Columns: "email, full_name, language, created_at",
				Who: map[string]string{"email": byEmail}}},
		},
	},
}
