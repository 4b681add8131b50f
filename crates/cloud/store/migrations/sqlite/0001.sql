-- Ids are 16-byte blobs, times are microseconds since 1970 (UTC), flags are 0 or 1.
CREATE TABLE resellers (
    id BLOB PRIMARY KEY, name TEXT NOT NULL, desk_phone TEXT NOT NULL, desk_hours TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE customers (
    id BLOB PRIMARY KEY, reseller_id BLOB NOT NULL REFERENCES resellers (id), name TEXT NOT NULL,
    addresses TEXT NOT NULL, created_at BIGINT NOT NULL
);
CREATE INDEX customers_by_reseller ON customers (reseller_id);
CREATE TABLE gateways (
    id BLOB PRIMARY KEY, customer_id BLOB NOT NULL REFERENCES customers (id),
    serial TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    state TEXT NOT NULL, enrolled_at BIGINT, secret_expires BIGINT, stopped_since BIGINT,
    secret_hash BLOB, secret_used_by TEXT, fingerprint TEXT, last_seen BIGINT, created_at BIGINT NOT NULL,
    epoch BIGINT NOT NULL DEFAULT 0, seq BIGINT NOT NULL DEFAULT 0, heartbeat TEXT
);
CREATE INDEX gateways_by_customer ON gateways (customer_id);
CREATE TABLE accounts (
    id BLOB PRIMARY KEY, login TEXT NOT NULL UNIQUE, name TEXT NOT NULL, email TEXT NOT NULL,
    role TEXT NOT NULL, customer_id BLOB REFERENCES customers (id),
    reseller_id BLOB REFERENCES resellers (id), password_hash TEXT NOT NULL,
    must_change BIGINT NOT NULL, failures BIGINT NOT NULL DEFAULT 0, locked_until BIGINT,
    last_login BIGINT, created_at BIGINT NOT NULL
);
CREATE TABLE sessions (
    token_hash BLOB PRIMARY KEY, id BLOB NOT NULL, account_id BLOB NOT NULL REFERENCES accounts (id),
    csrf BLOB NOT NULL, created_at BIGINT NOT NULL, seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL, client TEXT NOT NULL
);
CREATE INDEX sessions_by_account ON sessions (account_id);
CREATE TABLE audit (
    id BLOB PRIMARY KEY, at BIGINT NOT NULL, account_id BLOB, actor TEXT NOT NULL,
    customer_id BLOB, reseller_id BLOB, action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL
);
CREATE INDEX audit_by_customer ON audit (customer_id, at);
CREATE TABLE detections (
    id BLOB PRIMARY KEY, customer_id BLOB NOT NULL, gateway_id BLOB NOT NULL,
    received_at BIGINT NOT NULL, at BIGINT NOT NULL, kind TEXT NOT NULL, device_key TEXT NOT NULL,
    alert_id BLOB, body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX detections_by_time ON detections (customer_id, at DESC, id DESC);
CREATE INDEX detections_by_alert ON detections (alert_id) WHERE alert_id IS NOT NULL;
CREATE INDEX detections_by_receipt ON detections (received_at);
CREATE TABLE alerts (
    id BLOB PRIMARY KEY, customer_id BLOB NOT NULL, gateway_id BLOB NOT NULL,
    device_key TEXT NOT NULL, cause TEXT NOT NULL, state TEXT NOT NULL, rating TEXT NOT NULL,
    takes_more BIGINT NOT NULL, is_open BIGINT NOT NULL, last_seen BIGINT NOT NULL,
    raised_at BIGINT NOT NULL, version BIGINT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX alerts_by_time ON alerts (customer_id, raised_at DESC, id DESC);
CREATE INDEX alerts_taking ON alerts (gateway_id, device_key) WHERE takes_more = 1;
CREATE TABLE device_activity (
    gateway_id BLOB NOT NULL, device_key TEXT NOT NULL, kind TEXT NOT NULL,
    customer_id BLOB NOT NULL, last_at BIGINT NOT NULL,
    PRIMARY KEY (gateway_id, device_key, kind)
) WITHOUT ROWID;
CREATE TABLE rollups (
    customer_id BLOB NOT NULL, day BIGINT NOT NULL, gateway_id BLOB NOT NULL, kind TEXT NOT NULL,
    total BIGINT NOT NULL, stopped BIGINT NOT NULL,
    PRIMARY KEY (customer_id, day, gateway_id, kind)
) WITHOUT ROWID;
CREATE TABLE uptime (
    gateway_id BLOB NOT NULL, hour BIGINT NOT NULL, customer_id BLOB NOT NULL, beats BIGINT NOT NULL,
    PRIMARY KEY (gateway_id, hour)
) WITHOUT ROWID;
CREATE TABLE quarantine (
    gateway_id BLOB NOT NULL, epoch BIGINT NOT NULL, seq BIGINT NOT NULL, customer_id BLOB NOT NULL,
    received_at BIGINT NOT NULL, reason TEXT NOT NULL, raw BLOB NOT NULL,
    PRIMARY KEY (gateway_id, epoch, seq)
);
CREATE TABLE gateway_notes (
    gateway_id BLOB NOT NULL, epoch BIGINT NOT NULL, seq BIGINT NOT NULL, customer_id BLOB NOT NULL,
    received_at BIGINT NOT NULL, note TEXT NOT NULL,
    PRIMARY KEY (gateway_id, epoch, seq)
);
CREATE TABLE mails (
    id BLOB PRIMARY KEY, customer_id BLOB NOT NULL, created_at BIGINT NOT NULL,
    subject TEXT NOT NULL, body_text TEXT NOT NULL, body_html TEXT NOT NULL, alerts TEXT NOT NULL
);
CREATE TABLE notices (
    id BLOB PRIMARY KEY, customer_id BLOB NOT NULL, created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL, mail_id BLOB, body TEXT NOT NULL
);
CREATE INDEX notices_waiting ON notices (due_at) WHERE mail_id IS NULL;
CREATE INDEX notices_waiting_of ON notices (customer_id) WHERE mail_id IS NULL;
CREATE TABLE deliveries (
    id BLOB PRIMARY KEY, mail_id BLOB NOT NULL REFERENCES mails (id), customer_id BLOB NOT NULL,
    recipient TEXT NOT NULL, message_id TEXT NOT NULL UNIQUE, state TEXT NOT NULL,
    attempts BIGINT NOT NULL, next_at BIGINT NOT NULL, lease_token BLOB, lease_until BIGINT,
    reply TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL
);
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE state = 'queued';
CREATE INDEX deliveries_by_time ON deliveries (created_at);
CREATE TABLE jobs (
    name TEXT PRIMARY KEY, lease_token BLOB, lease_until BIGINT NOT NULL, last_finished BIGINT,
    next_due BIGINT NOT NULL
);
CREATE TABLE receiving (
    node TEXT NOT NULL, from_at BIGINT NOT NULL, to_at BIGINT NOT NULL, PRIMARY KEY (node, from_at)
);
