-- Signatures are named by a digest and stored once; the detections' bodies are packed from now on,
-- those written before stay JSON until they have aged out. Sums of use by the day. Indexes of pages.
CREATE TABLE signatures (id BLOB PRIMARY KEY, last_day BIGINT NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE usage_days (
    customer_id BLOB NOT NULL, day BIGINT NOT NULL, gateway_id BLOB NOT NULL, device_key TEXT NOT NULL,
    subject TEXT NOT NULL, item TEXT NOT NULL, kind TEXT NOT NULL, title TEXT NOT NULL,
    flows BIGINT NOT NULL, bytes_up BIGINT NOT NULL, bytes_down BIGINT NOT NULL,
    PRIMARY KEY (customer_id, subject, day, gateway_id, device_key, item)
) WITHOUT ROWID;
CREATE INDEX usage_days_by_age ON usage_days (day);
INSERT INTO usage_days SELECT customer_id, (hour + 32400000000) / 86400000000 AS day, gateway_id, device_key,
    subject, item, MAX(kind), MAX(title), SUM(flows), SUM(bytes_up), SUM(bytes_down) FROM usage_hours
    GROUP BY customer_id, (hour + 32400000000) / 86400000000, gateway_id, device_key, subject, item;
CREATE INDEX alerts_open ON alerts (customer_id, raised_at) WHERE is_open = 1;
CREATE INDEX uptime_by_age ON uptime (hour);
