-- Passkeys, codes by SMS, tokens of the API, webhooks (AC-02, AC-05, PT-02).
ALTER TABLE accounts ADD COLUMN sms_number TEXT;
CREATE TABLE passkeys (
    id BYTEA PRIMARY KEY, account_id BYTEA NOT NULL REFERENCES accounts (id), credential BYTEA NOT NULL UNIQUE,
    public_key BYTEA NOT NULL, name TEXT NOT NULL, sign_count BIGINT NOT NULL, created_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX passkeys_by_account ON passkeys (account_id);
CREATE TABLE used_challenges (hash BYTEA PRIMARY KEY, expires_at BIGINT NOT NULL);
CREATE TABLE login_codes (
    id BYTEA PRIMARY KEY, account_id BYTEA NOT NULL REFERENCES accounts (id), number TEXT NOT NULL,
    code_hash BYTEA NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, used_at BIGINT
);
CREATE INDEX login_codes_by_account ON login_codes (account_id, created_at);
CREATE TABLE api_tokens (
    id BYTEA PRIMARY KEY, customer_id BYTEA NOT NULL REFERENCES customers (id),
    account_id BYTEA NOT NULL REFERENCES accounts (id), name TEXT NOT NULL, token_hash BYTEA NOT NULL UNIQUE,
    scopes TEXT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, used_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX api_tokens_by_customer ON api_tokens (customer_id, created_at);
CREATE TABLE webhooks (
    id BYTEA PRIMARY KEY, customer_id BYTEA NOT NULL REFERENCES customers (id), url TEXT NOT NULL,
    secret BYTEA NOT NULL, old_secret BYTEA, old_until BIGINT NOT NULL DEFAULT 0, state TEXT NOT NULL,
    failures BIGINT NOT NULL DEFAULT 0, created_at BIGINT NOT NULL
);
CREATE INDEX webhooks_by_customer ON webhooks (customer_id);
CREATE TABLE webhook_deliveries (
    id BYTEA PRIMARY KEY, webhook_id BYTEA NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    customer_id BYTEA NOT NULL REFERENCES customers (id), notice_id BYTEA, body TEXT NOT NULL,
    state TEXT NOT NULL, attempts BIGINT NOT NULL DEFAULT 0, next_at BIGINT NOT NULL, lease_token BYTEA,
    lease_until BIGINT NOT NULL DEFAULT 0, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    answer TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX webhook_deliveries_once ON webhook_deliveries (webhook_id, notice_id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_at) WHERE state = 'queued';
CREATE INDEX webhook_deliveries_by_customer ON webhook_deliveries (customer_id, created_at);

ALTER TABLE passkeys ENABLE ROW LEVEL SECURITY;
ALTER TABLE passkeys FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON passkeys USING (app_scope() = 'system');

ALTER TABLE used_challenges ENABLE ROW LEVEL SECURITY;
ALTER TABLE used_challenges FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON used_challenges USING (app_scope() = 'system');

ALTER TABLE login_codes ENABLE ROW LEVEL SECURITY;
ALTER TABLE login_codes FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON login_codes USING (app_scope() = 'system');

ALTER TABLE api_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON api_tokens USING (app_sees_customer(customer_id));

ALTER TABLE webhooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhooks FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON webhooks USING (app_sees_customer(customer_id));

ALTER TABLE webhook_deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON webhook_deliveries USING (app_sees_customer(customer_id));
