-- Short messages: numbers, and the queue to the provider.
CREATE TABLE sms_numbers (
    customer_id BYTEA NOT NULL REFERENCES customers (id), number TEXT NOT NULL, created_at BIGINT NOT NULL,
    verified_at BIGINT, code_hash BYTEA, code_expires BIGINT NOT NULL DEFAULT 0,
    code_tries BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (customer_id, number)
);
CREATE TABLE sms_outbox (
    id BYTEA PRIMARY KEY, customer_id BYTEA, recipient TEXT NOT NULL, purpose TEXT NOT NULL, alert_id BYTEA,
    body TEXT NOT NULL, state TEXT NOT NULL, attempts BIGINT NOT NULL, next_at BIGINT NOT NULL,
    lease_token BYTEA, lease_until BIGINT, reply TEXT NOT NULL, created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX sms_due ON sms_outbox (next_at) WHERE state = 'queued';
CREATE INDEX sms_by_number ON sms_outbox (recipient, created_at);
CREATE INDEX sms_by_customer ON sms_outbox (customer_id, created_at);
CREATE INDEX sms_by_time ON sms_outbox (created_at);

ALTER TABLE sms_numbers ENABLE ROW LEVEL SECURITY;
ALTER TABLE sms_numbers FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON sms_numbers USING (app_sees_customer(customer_id));

-- Codes for staff belong to no customer.
ALTER TABLE sms_outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE sms_outbox FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON sms_outbox USING (
    CASE WHEN customer_id IS NULL THEN app_scope() IN ('operator', 'system') ELSE app_sees_customer(customer_id) END);
