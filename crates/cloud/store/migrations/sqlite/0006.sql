-- Short messages: numbers, and the queue to the provider.
CREATE TABLE sms_numbers (
    customer_id BLOB NOT NULL REFERENCES customers (id), number TEXT NOT NULL, created_at INTEGER NOT NULL,
    verified_at INTEGER, code_hash BLOB, code_expires INTEGER NOT NULL DEFAULT 0,
    code_tries INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (customer_id, number)
);
CREATE TABLE sms_outbox (
    id BLOB PRIMARY KEY, customer_id BLOB, recipient TEXT NOT NULL, purpose TEXT NOT NULL, alert_id BLOB,
    body TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, next_at INTEGER NOT NULL,
    lease_token BLOB, lease_until INTEGER, reply TEXT NOT NULL, created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE INDEX sms_due ON sms_outbox (next_at) WHERE state = 'queued';
CREATE INDEX sms_by_number ON sms_outbox (recipient, created_at);
CREATE INDEX sms_by_customer ON sms_outbox (customer_id, created_at);
CREATE INDEX sms_by_time ON sms_outbox (created_at);
