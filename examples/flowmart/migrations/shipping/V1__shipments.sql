-- What the shipping service keeps. What the columns are is said in the catalog.
CREATE TABLE shipments (
    shipment_id    text PRIMARY KEY,
    order_id       text NOT NULL,
    customer_id    text NOT NULL,
    recipient_name text NOT NULL,
    phone          text NOT NULL,
    street         text NOT NULL,
    postal_code    text NOT NULL,
    city           text NOT NULL,
    country        text NOT NULL,
    carrier        text NOT NULL,
    created_at     timestamptz NOT NULL
);
