-- Monthly reports that could not be made: tried again later, shown to the operator.
CREATE TABLE monthly_failures (
    customer_id BYTEA PRIMARY KEY REFERENCES customers (id), month BIGINT NOT NULL, attempts BIGINT NOT NULL,
    failed_at BIGINT NOT NULL, next_at BIGINT NOT NULL, reason TEXT NOT NULL
);
ALTER TABLE monthly_failures ENABLE ROW LEVEL SECURITY;
ALTER TABLE monthly_failures FORCE ROW LEVEL SECURITY;
CREATE POLICY by_job ON monthly_failures USING (app_scope() = 'system');
CREATE POLICY shown ON monthly_failures FOR SELECT USING (app_scope() = 'operator');

-- Use by the day without devices, by device without items, and who used what last: pages of a long
-- period add up a few thousand rows instead of a hundred thousand.
CREATE TABLE usage_items (
    customer_id BYTEA NOT NULL, day BIGINT NOT NULL, gateway_id BYTEA NOT NULL, subject TEXT NOT NULL,
    item TEXT NOT NULL, kind TEXT NOT NULL, title TEXT NOT NULL,
    flows BIGINT NOT NULL, bytes_up BIGINT NOT NULL, bytes_down BIGINT NOT NULL,
    PRIMARY KEY (customer_id, subject, day, gateway_id, item)
);
CREATE TABLE usage_device_days (
    customer_id BYTEA NOT NULL, day BIGINT NOT NULL, gateway_id BYTEA NOT NULL, subject TEXT NOT NULL,
    device_key TEXT NOT NULL, flows BIGINT NOT NULL, bytes_up BIGINT NOT NULL, bytes_down BIGINT NOT NULL,
    PRIMARY KEY (customer_id, subject, day, gateway_id, device_key)
);
CREATE TABLE usage_users (
    customer_id BYTEA NOT NULL, gateway_id BYTEA NOT NULL, subject TEXT NOT NULL, item TEXT NOT NULL,
    device_key TEXT NOT NULL, kind TEXT NOT NULL, last_day BIGINT NOT NULL,
    PRIMARY KEY (customer_id, subject, item, device_key, gateway_id)
);
SELECT app_guard(t) FROM unnest(ARRAY['usage_items', 'usage_device_days', 'usage_users']) t;
SELECT set_config('app.scope', 'system', true);
INSERT INTO usage_items (customer_id, day, gateway_id, subject, item, kind, title, flows, bytes_up, bytes_down)
    SELECT customer_id, day, gateway_id, subject, item, MAX(kind), MAX(title), SUM(flows), SUM(bytes_up), SUM(bytes_down)
    FROM usage_days GROUP BY customer_id, day, gateway_id, subject, item;
INSERT INTO usage_device_days (customer_id, day, gateway_id, subject, device_key, flows, bytes_up, bytes_down)
    SELECT customer_id, day, gateway_id, subject, device_key, SUM(flows), SUM(bytes_up), SUM(bytes_down)
    FROM usage_days GROUP BY customer_id, day, gateway_id, subject, device_key;
INSERT INTO usage_users (customer_id, gateway_id, subject, item, device_key, kind, last_day)
    SELECT customer_id, gateway_id, subject, item, device_key, MAX(kind), MAX(day)
    FROM usage_days GROUP BY customer_id, gateway_id, subject, item, device_key;
CREATE INDEX usage_items_by_age ON usage_items (day);
CREATE INDEX usage_device_days_by_age ON usage_device_days (day);
CREATE INDEX usage_users_by_age ON usage_users (last_day);
SELECT set_config('app.scope', '', true);
