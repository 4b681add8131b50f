-- Rating: policies as data, exceptions, investigations, how mail reaches each address.
CREATE TABLE policies (
    id BLOB PRIMARY KEY, version TEXT NOT NULL, source TEXT NOT NULL, note TEXT NOT NULL, author TEXT NOT NULL,
    created_at BIGINT NOT NULL, trial_state TEXT NOT NULL DEFAULT 'never', trial_at BIGINT NOT NULL DEFAULT 0,
    trial TEXT NOT NULL DEFAULT ''
);
CREATE TABLE policy_live (
    id BLOB PRIMARY KEY, at BIGINT NOT NULL, policy_id BLOB NOT NULL REFERENCES policies (id),
    actor TEXT NOT NULL, why TEXT NOT NULL
);
CREATE TABLE exceptions (
    id BLOB PRIMARY KEY, customer_id BLOB NOT NULL REFERENCES customers (id), state TEXT NOT NULL,
    created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, version BIGINT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX exceptions_by_customer ON exceptions (customer_id, state);
CREATE TABLE investigations (
    alert_id BLOB PRIMARY KEY, version BIGINT NOT NULL, updated_at BIGINT NOT NULL, body TEXT NOT NULL
);
CREATE TABLE verified_addresses (
    customer_id BLOB NOT NULL REFERENCES customers (id), address TEXT NOT NULL, verified_at BIGINT NOT NULL,
    actor TEXT NOT NULL, PRIMARY KEY (customer_id, address)
);
ALTER TABLE deliveries ADD COLUMN opened_at BIGINT;
CREATE INDEX deliveries_by_address ON deliveries (customer_id, recipient, created_at);
CREATE INDEX mails_by_customer ON mails (customer_id, created_at);
ALTER TABLE detections ADD COLUMN sid BIGINT;
CREATE INDEX detections_by_signature ON detections (sid, received_at) WHERE sid IS NOT NULL;
CREATE INDEX alerts_to_investigate ON alerts (raised_at) WHERE rating = 'investigating';
ALTER TABLE gateways ADD COLUMN planned_until BIGINT;
