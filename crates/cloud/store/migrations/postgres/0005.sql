-- Rating: policies as data, exceptions, investigations, how mail reaches each address.
CREATE TABLE policies (
    id BYTEA PRIMARY KEY, version TEXT NOT NULL, source TEXT NOT NULL, note TEXT NOT NULL, author TEXT NOT NULL,
    created_at BIGINT NOT NULL, trial_state TEXT NOT NULL DEFAULT 'never', trial_at BIGINT NOT NULL DEFAULT 0,
    trial TEXT NOT NULL DEFAULT ''
);
CREATE TABLE policy_live (
    id BYTEA PRIMARY KEY, at BIGINT NOT NULL, policy_id BYTEA NOT NULL REFERENCES policies (id),
    actor TEXT NOT NULL, why TEXT NOT NULL
);
CREATE TABLE exceptions (
    id BYTEA PRIMARY KEY, customer_id BYTEA NOT NULL REFERENCES customers (id), state TEXT NOT NULL,
    created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, version BIGINT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX exceptions_by_customer ON exceptions (customer_id, state);
CREATE TABLE investigations (
    alert_id BYTEA PRIMARY KEY, version BIGINT NOT NULL, updated_at BIGINT NOT NULL, body TEXT NOT NULL
);
CREATE TABLE verified_addresses (
    customer_id BYTEA NOT NULL REFERENCES customers (id), address TEXT NOT NULL, verified_at BIGINT NOT NULL,
    actor TEXT NOT NULL, PRIMARY KEY (customer_id, address)
);
ALTER TABLE deliveries ADD COLUMN opened_at BIGINT;
CREATE INDEX deliveries_by_address ON deliveries (customer_id, recipient, created_at);
CREATE INDEX mails_by_customer ON mails (customer_id, created_at);
ALTER TABLE detections ADD COLUMN sid BIGINT;
CREATE INDEX detections_by_signature ON detections (sid, received_at) WHERE sid IS NOT NULL;
CREATE INDEX alerts_to_investigate ON alerts (raised_at) WHERE rating = 'investigating';
ALTER TABLE gateways ADD COLUMN planned_until BIGINT;

ALTER TABLE policies ENABLE ROW LEVEL SECURITY;
ALTER TABLE policies FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON policies USING (app_scope() IN ('operator', 'system'));

ALTER TABLE policy_live ENABLE ROW LEVEL SECURITY;
ALTER TABLE policy_live FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON policy_live USING (app_scope() IN ('operator', 'system'));

ALTER TABLE exceptions ENABLE ROW LEVEL SECURITY;
ALTER TABLE exceptions FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON exceptions USING (app_sees_customer(customer_id));

ALTER TABLE investigations ENABLE ROW LEVEL SECURITY;
ALTER TABLE investigations FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON investigations USING (app_scope() IN ('operator', 'system'));

ALTER TABLE verified_addresses ENABLE ROW LEVEL SECURITY;
ALTER TABLE verified_addresses FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON verified_addresses USING (app_sees_customer(customer_id));
