-- Announcements, inquiries with files, contracts and claims, monthly reports.
CREATE TABLE announcements (
    id BYTEA PRIMARY KEY, published_at BIGINT NOT NULL, important BIGINT NOT NULL, withdrawn BIGINT NOT NULL DEFAULT 0,
    mail_state TEXT NOT NULL, mailed_to BYTEA, body TEXT NOT NULL
);
CREATE INDEX announcements_by_time ON announcements (published_at);
CREATE TABLE announcement_reads (
    account_id BYTEA NOT NULL, announcement_id BYTEA NOT NULL, customer_id BYTEA NOT NULL, at BIGINT NOT NULL,
    PRIMARY KEY (account_id, announcement_id)
);
CREATE TABLE inquiries (
    id BYTEA PRIMARY KEY, customer_id BYTEA NOT NULL REFERENCES customers (id), state TEXT NOT NULL,
    created_at BIGINT NOT NULL, changed_at BIGINT NOT NULL, due_at BIGINT NOT NULL, version BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX inquiries_by_customer ON inquiries (customer_id, changed_at);
CREATE INDEX inquiries_by_due ON inquiries (state, due_at);
CREATE TABLE attachments (
    id BYTEA PRIMARY KEY, customer_id BYTEA NOT NULL REFERENCES customers (id), about TEXT NOT NULL,
    about_id BYTEA NOT NULL, name TEXT NOT NULL, file_type TEXT NOT NULL, size BIGINT NOT NULL,
    created_at BIGINT NOT NULL, author TEXT NOT NULL, content BYTEA NOT NULL
);
CREATE INDEX attachments_of ON attachments (about_id, created_at);
CREATE INDEX attachments_by_customer ON attachments (customer_id);
CREATE TABLE contracts (
    customer_id BYTEA PRIMARY KEY REFERENCES customers (id), body TEXT NOT NULL
);
CREATE TABLE claims (
    id BYTEA PRIMARY KEY, customer_id BYTEA NOT NULL REFERENCES customers (id), at BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX claims_by_customer ON claims (customer_id, at);
CREATE TABLE monthly_wishes (
    customer_id BYTEA PRIMARY KEY REFERENCES customers (id), by_mail BIGINT NOT NULL
);
CREATE TABLE monthly_reports (
    id BYTEA PRIMARY KEY, customer_id BYTEA NOT NULL REFERENCES customers (id), month BIGINT NOT NULL,
    made_at BIGINT NOT NULL, sentence TEXT NOT NULL, size BIGINT NOT NULL, pdf BYTEA NOT NULL,
    UNIQUE (customer_id, month)
);
CREATE INDEX monthly_by_month ON monthly_reports (month);
ALTER TABLE mails ADD COLUMN monthly_id BYTEA;

ALTER TABLE announcements ENABLE ROW LEVEL SECURITY;
ALTER TABLE announcements FORCE ROW LEVEL SECURITY;
CREATE POLICY everybody_reads ON announcements FOR SELECT USING (app_scope() IN ('customer', 'reseller', 'operator', 'system'));
CREATE POLICY by_scope ON announcements USING (app_scope() IN ('operator', 'system'));

ALTER TABLE announcement_reads ENABLE ROW LEVEL SECURITY;
ALTER TABLE announcement_reads FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON announcement_reads USING (app_sees_customer(customer_id));

ALTER TABLE inquiries ENABLE ROW LEVEL SECURITY;
ALTER TABLE inquiries FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON inquiries USING (app_sees_customer(customer_id));

ALTER TABLE attachments ENABLE ROW LEVEL SECURITY;
ALTER TABLE attachments FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON attachments USING (app_sees_customer(customer_id));

ALTER TABLE contracts ENABLE ROW LEVEL SECURITY;
ALTER TABLE contracts FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON contracts USING (app_sees_customer(customer_id));

ALTER TABLE claims ENABLE ROW LEVEL SECURITY;
ALTER TABLE claims FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON claims USING (app_sees_customer(customer_id));

ALTER TABLE monthly_wishes ENABLE ROW LEVEL SECURITY;
ALTER TABLE monthly_wishes FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON monthly_wishes USING (app_sees_customer(customer_id));

ALTER TABLE monthly_reports ENABLE ROW LEVEL SECURITY;
ALTER TABLE monthly_reports FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON monthly_reports USING (app_sees_customer(customer_id));
