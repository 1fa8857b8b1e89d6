package shop

import (
	"embed"
	"fmt"
	"time"

	"github.com/hamba/avro/v2"
)

// The topics, and what stands in them.
const (
	topicCustomers = "flowmart.customers.v1"
	topicOrders    = "flowmart.orders.v1"
	topicPayments  = "flowmart.payments.v1"
	topicShipments = "flowmart.shipments.v1"
	topicReviews   = "flowmart.reviews.v1"
)

// retentionDays is how long Kafka keeps a record of any of the topics.
const retentionDays = 7

//go:embed schemas/*.avsc
var schemaFiles embed.FS

// schemaText is the Avro schema of a topic's records.
func schemaText(topic string) (string, error) {
	text, err := schemaFiles.ReadFile("schemas/" + topic + ".avsc")
	return string(text), err
}

// freshEvent makes an empty event of a topic, to decode into.
func freshEvent(topic string) (any, error) {
	switch topic {
	case topicCustomers:
		return &customerRegistered{}, nil
	case topicOrders:
		return &orderPlaced{}, nil
	case topicPayments:
		return &paymentProcessed{}, nil
	case topicShipments:
		return &shipmentDispatched{}, nil
	case topicReviews:
		return &reviewSubmitted{}, nil
	}
	return nil, fmt.Errorf("topic %s has no schema", topic)
}

func encodeEvent(topic string, event any) ([]byte, error) {
	text, err := schemaText(topic)
	if err != nil {
		return nil, err
	}
	schema, err := avro.Parse(text)
	if err != nil {
		return nil, err
	}
	return avro.Marshal(schema, event)
}

type place struct {
	Street     string `avro:"street"`
	PostalCode string `avro:"postalCode"`
	City       string `avro:"city"`
	Country    string `avro:"country"`
}

type customerRegistered struct {
	CustomerID string `avro:"customerId"`
	FullName   string `avro:"fullName"`
	Email      string `avro:"email"`
	Phone      string `avro:"phone"`
	Language   string `avro:"language"`
	place
	OccurredAt time.Time `avro:"occurredAt"`
}

type orderItem struct {
	SKU        string `avro:"sku" json:"sku"`
	Product    string `avro:"product" json:"product"`
	Quantity   int    `avro:"quantity" json:"quantity"`
	PriceCents int64  `avro:"priceCents" json:"price_cents"`
}

type orderPlaced struct {
	OrderID    string `avro:"orderId"`
	CustomerID string `avro:"customerId"`
	FullName   string `avro:"fullName"`
	Email      string `avro:"email"`
	Phone      string `avro:"phone"`
	place
	Items      []orderItem `avro:"items"`
	TotalCents int64       `avro:"totalCents"`
	Currency   string      `avro:"currency"`
	OccurredAt time.Time   `avro:"occurredAt"`
}

type paymentProcessed struct {
	PaymentID   string    `avro:"paymentId"`
	OrderID     string    `avro:"orderId"`
	CustomerID  string    `avro:"customerId"`
	Email       string    `avro:"email"`
	Phone       string    `avro:"phone"`
	AmountCents int64     `avro:"amountCents"`
	Currency    string    `avro:"currency"`
	CardLast4   string    `avro:"cardLast4"`
	OccurredAt  time.Time `avro:"occurredAt"`
}

type shipmentDispatched struct {
	ShipmentID    string `avro:"shipmentId"`
	OrderID       string `avro:"orderId"`
	CustomerID    string `avro:"customerId"`
	RecipientName string `avro:"recipientName"`
	Email         string `avro:"email"`
	Phone         string `avro:"phone"`
	place
	Carrier    string    `avro:"carrier"`
	OccurredAt time.Time `avro:"occurredAt"`
}

type reviewSubmitted struct {
	ReviewID   string    `avro:"reviewId"`
	CustomerID string    `avro:"customerId"`
	AuthorName string    `avro:"authorName"`
	SKU        string    `avro:"sku"`
	Stars      int       `avro:"stars"`
	Title      string    `avro:"title"`
	Body       string    `avro:"body"`
	OccurredAt time.Time `avro:"occurredAt"`
}
