-- Use of the web and of applications, and how deep traffic was looked into, by the hour (GW-04).
-- A device is kept longer than its gateway remembers it (GW-14).
CREATE TABLE usage_hours (
    customer_id BYTEA NOT NULL, hour BIGINT NOT NULL, gateway_id BYTEA NOT NULL, device_key TEXT NOT NULL,
    subject TEXT NOT NULL, item TEXT NOT NULL, kind TEXT NOT NULL, title TEXT NOT NULL,
    flows BIGINT NOT NULL, bytes_up BIGINT NOT NULL, bytes_down BIGINT NOT NULL,
    PRIMARY KEY (customer_id, subject, hour, gateway_id, device_key, item)
);
CREATE INDEX usage_hours_by_age ON usage_hours (hour);
CREATE TABLE inspection_hours (
    customer_id BYTEA NOT NULL, hour BIGINT NOT NULL, gateway_id BYTEA NOT NULL, device_key TEXT NOT NULL,
    how TEXT NOT NULL, flows BIGINT NOT NULL, bytes BIGINT NOT NULL,
    PRIMARY KEY (customer_id, hour, gateway_id, device_key, how)
);
CREATE INDEX inspection_hours_by_age ON inspection_hours (hour);
CREATE TABLE devices (
    gateway_id BYTEA NOT NULL, device_key TEXT NOT NULL, customer_id BYTEA NOT NULL,
    first_seen BIGINT NOT NULL, last_seen BIGINT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (gateway_id, device_key)
);
CREATE INDEX devices_by_customer ON devices (customer_id, last_seen);

ALTER TABLE usage_hours ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage_hours FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON usage_hours USING (app_sees_customer(customer_id));

ALTER TABLE inspection_hours ENABLE ROW LEVEL SECURITY;
ALTER TABLE inspection_hours FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON inspection_hours USING (app_sees_customer(customer_id));

ALTER TABLE devices ENABLE ROW LEVEL SECURITY;
ALTER TABLE devices FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON devices USING (app_sees_customer(customer_id));
