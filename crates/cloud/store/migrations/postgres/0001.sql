-- Ids are 16-byte blobs, times are microseconds since 1970 (UTC), flags are 0 or 1.
CREATE TABLE resellers (
    id BYTEA PRIMARY KEY, name TEXT NOT NULL, desk_phone TEXT NOT NULL, desk_hours TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE customers (
    id BYTEA PRIMARY KEY, reseller_id BYTEA NOT NULL REFERENCES resellers (id), name TEXT NOT NULL,
    addresses TEXT NOT NULL, created_at BIGINT NOT NULL
);
CREATE INDEX customers_by_reseller ON customers (reseller_id);
CREATE TABLE gateways (
    id BYTEA PRIMARY KEY, customer_id BYTEA NOT NULL REFERENCES customers (id),
    serial TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    state TEXT NOT NULL, enrolled_at BIGINT, secret_expires BIGINT, stopped_since BIGINT,
    secret_hash BYTEA, secret_used_by TEXT, fingerprint TEXT, last_seen BIGINT, created_at BIGINT NOT NULL,
    epoch BIGINT NOT NULL DEFAULT 0, seq BIGINT NOT NULL DEFAULT 0, heartbeat TEXT
);
CREATE INDEX gateways_by_customer ON gateways (customer_id);
CREATE TABLE accounts (
    id BYTEA PRIMARY KEY, login TEXT NOT NULL UNIQUE, name TEXT NOT NULL, email TEXT NOT NULL,
    role TEXT NOT NULL, customer_id BYTEA REFERENCES customers (id),
    reseller_id BYTEA REFERENCES resellers (id), password_hash TEXT NOT NULL,
    must_change BIGINT NOT NULL, failures BIGINT NOT NULL DEFAULT 0, locked_until BIGINT,
    last_login BIGINT, created_at BIGINT NOT NULL
);
CREATE TABLE sessions (
    token_hash BYTEA PRIMARY KEY, id BYTEA NOT NULL, account_id BYTEA NOT NULL REFERENCES accounts (id),
    csrf BYTEA NOT NULL, created_at BIGINT NOT NULL, seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL, client TEXT NOT NULL
);
CREATE INDEX sessions_by_account ON sessions (account_id);
CREATE TABLE audit (
    id BYTEA PRIMARY KEY, at BIGINT NOT NULL, account_id BYTEA, actor TEXT NOT NULL,
    customer_id BYTEA, reseller_id BYTEA, action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL
);
CREATE INDEX audit_by_customer ON audit (customer_id, at);
CREATE TABLE detections (
    id BYTEA PRIMARY KEY, customer_id BYTEA NOT NULL, gateway_id BYTEA NOT NULL,
    received_at BIGINT NOT NULL, at BIGINT NOT NULL, kind TEXT NOT NULL, device_key TEXT NOT NULL,
    alert_id BYTEA, body TEXT NOT NULL
);
CREATE INDEX detections_by_time ON detections (customer_id, at DESC, id DESC);
CREATE INDEX detections_by_alert ON detections (alert_id) WHERE alert_id IS NOT NULL;
CREATE INDEX detections_by_receipt ON detections (received_at);
CREATE TABLE alerts (
    id BYTEA PRIMARY KEY, customer_id BYTEA NOT NULL, gateway_id BYTEA NOT NULL,
    device_key TEXT NOT NULL, cause TEXT NOT NULL, state TEXT NOT NULL, rating TEXT NOT NULL,
    takes_more BIGINT NOT NULL, is_open BIGINT NOT NULL, last_seen BIGINT NOT NULL,
    raised_at BIGINT NOT NULL, version BIGINT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX alerts_by_time ON alerts (customer_id, raised_at DESC, id DESC);
CREATE INDEX alerts_taking ON alerts (gateway_id, device_key) WHERE takes_more = 1;
CREATE TABLE device_activity (
    gateway_id BYTEA NOT NULL, device_key TEXT NOT NULL, kind TEXT NOT NULL,
    customer_id BYTEA NOT NULL, last_at BIGINT NOT NULL,
    PRIMARY KEY (gateway_id, device_key, kind)
);
CREATE TABLE rollups (
    customer_id BYTEA NOT NULL, day BIGINT NOT NULL, gateway_id BYTEA NOT NULL, kind TEXT NOT NULL,
    total BIGINT NOT NULL, stopped BIGINT NOT NULL,
    PRIMARY KEY (customer_id, day, gateway_id, kind)
);
CREATE TABLE uptime (
    gateway_id BYTEA NOT NULL, hour BIGINT NOT NULL, customer_id BYTEA NOT NULL, beats BIGINT NOT NULL,
    PRIMARY KEY (gateway_id, hour)
);
CREATE TABLE quarantine (
    gateway_id BYTEA NOT NULL, epoch BIGINT NOT NULL, seq BIGINT NOT NULL, customer_id BYTEA NOT NULL,
    received_at BIGINT NOT NULL, reason TEXT NOT NULL, raw BYTEA NOT NULL,
    PRIMARY KEY (gateway_id, epoch, seq)
);
CREATE TABLE gateway_notes (
    gateway_id BYTEA NOT NULL, epoch BIGINT NOT NULL, seq BIGINT NOT NULL, customer_id BYTEA NOT NULL,
    received_at BIGINT NOT NULL, note TEXT NOT NULL,
    PRIMARY KEY (gateway_id, epoch, seq)
);
CREATE TABLE mails (
    id BYTEA PRIMARY KEY, customer_id BYTEA NOT NULL, created_at BIGINT NOT NULL,
    subject TEXT NOT NULL, body_text TEXT NOT NULL, body_html TEXT NOT NULL, alerts TEXT NOT NULL
);
CREATE TABLE notices (
    id BYTEA PRIMARY KEY, customer_id BYTEA NOT NULL, created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL, mail_id BYTEA, body TEXT NOT NULL
);
CREATE INDEX notices_waiting ON notices (due_at) WHERE mail_id IS NULL;
CREATE INDEX notices_waiting_of ON notices (customer_id) WHERE mail_id IS NULL;
CREATE TABLE deliveries (
    id BYTEA PRIMARY KEY, mail_id BYTEA NOT NULL REFERENCES mails (id), customer_id BYTEA NOT NULL,
    recipient TEXT NOT NULL, message_id TEXT NOT NULL UNIQUE, state TEXT NOT NULL,
    attempts BIGINT NOT NULL, next_at BIGINT NOT NULL, lease_token BYTEA, lease_until BIGINT,
    reply TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL
);
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE state = 'queued';
CREATE INDEX deliveries_by_time ON deliveries (created_at);
CREATE TABLE jobs (
    name TEXT PRIMARY KEY, lease_token BYTEA, lease_until BIGINT NOT NULL, last_finished BIGINT,
    next_due BIGINT NOT NULL
);
CREATE TABLE receiving (
    node TEXT NOT NULL, from_at BIGINT NOT NULL, to_at BIGINT NOT NULL, PRIMARY KEY (node, from_at)
);

-- Row level security: what a session sees follows from two settings that each transaction makes,
-- `app.scope` and `app.id`. Without them it sees nothing. FORCE: the owner is bound as well.
CREATE FUNCTION app_scope() RETURNS TEXT LANGUAGE sql STABLE AS
$$ SELECT COALESCE(current_setting('app.scope', true), '') $$;
CREATE FUNCTION app_id() RETURNS BYTEA LANGUAGE sql STABLE AS
$$ SELECT decode(COALESCE(current_setting('app.id', true), ''), 'hex') $$;
CREATE FUNCTION app_sees_customer(c BYTEA) RETURNS BOOLEAN LANGUAGE sql STABLE AS
$$ SELECT CASE app_scope()
       WHEN 'system' THEN true
       WHEN 'operator' THEN true
       WHEN 'customer' THEN c = app_id()
       WHEN 'reseller' THEN EXISTS (SELECT 1 FROM customers k WHERE k.id = c AND k.reseller_id = app_id())
       ELSE false
   END $$;

ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
ALTER TABLE customers FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON customers USING (
    CASE app_scope()
        WHEN 'system' THEN true WHEN 'operator' THEN true
        WHEN 'customer' THEN id = app_id() WHEN 'reseller' THEN reseller_id = app_id()
        ELSE false
    END);

ALTER TABLE resellers ENABLE ROW LEVEL SECURITY;
ALTER TABLE resellers FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON resellers USING (
    CASE app_scope()
        WHEN 'system' THEN true WHEN 'operator' THEN true
        WHEN 'customer' THEN EXISTS (SELECT 1 FROM customers k WHERE k.reseller_id = resellers.id)
        WHEN 'reseller' THEN id = app_id()
        ELSE false
    END);

ALTER TABLE gateways ENABLE ROW LEVEL SECURITY;
ALTER TABLE gateways FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON gateways USING (app_sees_customer(customer_id));

ALTER TABLE detections ENABLE ROW LEVEL SECURITY;
ALTER TABLE detections FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON detections USING (app_sees_customer(customer_id));

ALTER TABLE alerts ENABLE ROW LEVEL SECURITY;
ALTER TABLE alerts FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON alerts USING (app_sees_customer(customer_id));

ALTER TABLE device_activity ENABLE ROW LEVEL SECURITY;
ALTER TABLE device_activity FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON device_activity USING (app_sees_customer(customer_id));

ALTER TABLE rollups ENABLE ROW LEVEL SECURITY;
ALTER TABLE rollups FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON rollups USING (app_sees_customer(customer_id));

ALTER TABLE uptime ENABLE ROW LEVEL SECURITY;
ALTER TABLE uptime FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON uptime USING (app_sees_customer(customer_id));

ALTER TABLE quarantine ENABLE ROW LEVEL SECURITY;
ALTER TABLE quarantine FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON quarantine USING (app_sees_customer(customer_id));

ALTER TABLE gateway_notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE gateway_notes FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON gateway_notes USING (app_sees_customer(customer_id));

ALTER TABLE mails ENABLE ROW LEVEL SECURITY;
ALTER TABLE mails FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON mails USING (app_sees_customer(customer_id));

ALTER TABLE notices ENABLE ROW LEVEL SECURITY;
ALTER TABLE notices FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON notices USING (app_sees_customer(customer_id));

ALTER TABLE deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON deliveries USING (app_sees_customer(customer_id));

ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE accounts FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON accounts USING (
    CASE app_scope()
        WHEN 'system' THEN true WHEN 'operator' THEN true
        WHEN 'customer' THEN customer_id = app_id()
        WHEN 'reseller' THEN reseller_id = app_id() OR app_sees_customer(customer_id)
        ELSE false
    END);

ALTER TABLE audit ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON audit USING (
    CASE app_scope()
        WHEN 'system' THEN true WHEN 'operator' THEN true
        WHEN 'customer' THEN customer_id = app_id()
        WHEN 'reseller' THEN reseller_id = app_id() OR app_sees_customer(customer_id)
        ELSE false
    END);

ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON sessions USING (app_scope() = 'system');

ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON jobs USING (app_scope() = 'system');

ALTER TABLE receiving ENABLE ROW LEVEL SECURITY;
ALTER TABLE receiving FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON receiving USING (app_scope() = 'system');
