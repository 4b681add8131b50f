-- Passkeys, codes by SMS, tokens of the API, webhooks (AC-02, AC-05, PT-02).
ALTER TABLE accounts ADD COLUMN sms_number TEXT;
CREATE TABLE passkeys (
    id BLOB PRIMARY KEY, account_id BLOB NOT NULL REFERENCES accounts (id), credential BLOB NOT NULL UNIQUE,
    public_key BLOB NOT NULL, name TEXT NOT NULL, sign_count BIGINT NOT NULL, created_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX passkeys_by_account ON passkeys (account_id);
CREATE TABLE used_challenges (hash BLOB PRIMARY KEY, expires_at BIGINT NOT NULL);
CREATE TABLE login_codes (
    id BLOB PRIMARY KEY, account_id BLOB NOT NULL REFERENCES accounts (id), number TEXT NOT NULL,
    code_hash BLOB NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, used_at BIGINT
);
CREATE INDEX login_codes_by_account ON login_codes (account_id, created_at);
CREATE TABLE api_tokens (
    id BLOB PRIMARY KEY, customer_id BLOB NOT NULL REFERENCES customers (id),
    account_id BLOB NOT NULL REFERENCES accounts (id), name TEXT NOT NULL, token_hash BLOB NOT NULL UNIQUE,
    scopes TEXT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, used_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX api_tokens_by_customer ON api_tokens (customer_id, created_at);
CREATE TABLE webhooks (
    id BLOB PRIMARY KEY, customer_id BLOB NOT NULL REFERENCES customers (id), url TEXT NOT NULL,
    secret BLOB NOT NULL, old_secret BLOB, old_until BIGINT NOT NULL DEFAULT 0, state TEXT NOT NULL,
    failures BIGINT NOT NULL DEFAULT 0, created_at BIGINT NOT NULL
);
CREATE INDEX webhooks_by_customer ON webhooks (customer_id);
CREATE TABLE webhook_deliveries (
    id BLOB PRIMARY KEY, webhook_id BLOB NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    customer_id BLOB NOT NULL REFERENCES customers (id), notice_id BLOB, body TEXT NOT NULL,
    state TEXT NOT NULL, attempts BIGINT NOT NULL DEFAULT 0, next_at BIGINT NOT NULL, lease_token BLOB,
    lease_until BIGINT NOT NULL DEFAULT 0, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    answer TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX webhook_deliveries_once ON webhook_deliveries (webhook_id, notice_id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_at) WHERE state = 'queued';
CREATE INDEX webhook_deliveries_by_customer ON webhook_deliveries (customer_id, created_at);
