-- Second factor, recovery codes, password resets, browsers that have logged in before (AC-01…AC-03).
ALTER TABLE accounts ADD COLUMN second_factor TEXT NOT NULL DEFAULT 'undecided';
ALTER TABLE accounts ADD COLUMN totp_secret BYTEA;
ALTER TABLE accounts ADD COLUMN totp_step BIGINT NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN password_expires BIGINT;
ALTER TABLE sessions ADD COLUMN stage TEXT NOT NULL DEFAULT 'full';
ALTER TABLE sessions ADD COLUMN proved_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
CREATE TABLE recovery_codes (
    account_id BYTEA NOT NULL REFERENCES accounts (id), code_hash BYTEA NOT NULL, used_at BIGINT,
    PRIMARY KEY (account_id, code_hash)
);
CREATE TABLE password_resets (
    token_hash BYTEA PRIMARY KEY, account_id BYTEA NOT NULL REFERENCES accounts (id),
    created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, used_at BIGINT
);
CREATE INDEX password_resets_by_account ON password_resets (account_id, created_at);
CREATE TABLE known_browsers (
    token_hash BYTEA PRIMARY KEY, account_id BYTEA NOT NULL REFERENCES accounts (id),
    created_at BIGINT NOT NULL, seen_at BIGINT NOT NULL,
    failures BIGINT NOT NULL DEFAULT 0, locked_until BIGINT
);
CREATE INDEX known_browsers_by_account ON known_browsers (account_id, seen_at);

ALTER TABLE recovery_codes ENABLE ROW LEVEL SECURITY;
ALTER TABLE recovery_codes FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON recovery_codes USING (app_scope() = 'system');

ALTER TABLE password_resets ENABLE ROW LEVEL SECURITY;
ALTER TABLE password_resets FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON password_resets USING (app_scope() = 'system');

ALTER TABLE known_browsers ENABLE ROW LEVEL SECURITY;
ALTER TABLE known_browsers FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON known_browsers USING (app_scope() = 'system');
