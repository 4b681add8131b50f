-- Monthly reports that could not be made: tried again later, shown to the operator.
CREATE TABLE monthly_failures (
    customer_id BLOB PRIMARY KEY REFERENCES customers (id), month BIGINT NOT NULL, attempts BIGINT NOT NULL,
    failed_at BIGINT NOT NULL, next_at BIGINT NOT NULL, reason TEXT NOT NULL
) WITHOUT ROWID;

-- Use by the day without devices, by device without items, and who used what last: pages of a long
-- period add up a few thousand rows instead of a hundred thousand.
CREATE TABLE usage_items (
    customer_id BLOB NOT NULL, day BIGINT NOT NULL, gateway_id BLOB NOT NULL, subject TEXT NOT NULL,
    item TEXT NOT NULL, kind TEXT NOT NULL, title TEXT NOT NULL,
    flows BIGINT NOT NULL, bytes_up BIGINT NOT NULL, bytes_down BIGINT NOT NULL,
    PRIMARY KEY (customer_id, subject, day, gateway_id, item)
) WITHOUT ROWID;
CREATE TABLE usage_device_days (
    customer_id BLOB NOT NULL, day BIGINT NOT NULL, gateway_id BLOB NOT NULL, subject TEXT NOT NULL,
    device_key TEXT NOT NULL, flows BIGINT NOT NULL, bytes_up BIGINT NOT NULL, bytes_down BIGINT NOT NULL,
    PRIMARY KEY (customer_id, subject, day, gateway_id, device_key)
) WITHOUT ROWID;
CREATE TABLE usage_users (
    customer_id BLOB NOT NULL, gateway_id BLOB NOT NULL, subject TEXT NOT NULL, item TEXT NOT NULL,
    device_key TEXT NOT NULL, kind TEXT NOT NULL, last_day BIGINT NOT NULL,
    PRIMARY KEY (customer_id, subject, item, device_key, gateway_id)
) WITHOUT ROWID;
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

-- A customer's detections lie together, in the order of the lists.
ALTER TABLE detections RENAME TO detections_old;
CREATE TABLE detections (
    id BLOB NOT NULL, customer_id BLOB NOT NULL, gateway_id BLOB NOT NULL,
    received_at BIGINT NOT NULL, at BIGINT NOT NULL, kind TEXT NOT NULL, device_key TEXT NOT NULL,
    alert_id BLOB, body TEXT NOT NULL, sid BIGINT,
    PRIMARY KEY (customer_id, at DESC, id DESC)
) WITHOUT ROWID;
INSERT INTO detections SELECT id, customer_id, gateway_id, received_at, at, kind, device_key, alert_id, body, sid
    FROM detections_old ORDER BY customer_id, at DESC, id DESC;
DROP TABLE detections_old;
CREATE UNIQUE INDEX detections_by_id ON detections (id);
CREATE INDEX detections_by_alert ON detections (alert_id) WHERE alert_id IS NOT NULL;
CREATE INDEX detections_by_receipt ON detections (received_at);
CREATE INDEX detections_by_signature ON detections (sid, received_at) WHERE sid IS NOT NULL;
