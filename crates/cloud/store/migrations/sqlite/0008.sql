-- Announcements, inquiries with files, contracts and claims, monthly reports.
CREATE TABLE announcements (
    id BLOB PRIMARY KEY, published_at BIGINT NOT NULL, important BIGINT NOT NULL, withdrawn BIGINT NOT NULL DEFAULT 0,
    mail_state TEXT NOT NULL, mailed_to BLOB, body TEXT NOT NULL
);
CREATE INDEX announcements_by_time ON announcements (published_at);
CREATE TABLE announcement_reads (
    account_id BLOB NOT NULL, announcement_id BLOB NOT NULL, customer_id BLOB NOT NULL, at BIGINT NOT NULL,
    PRIMARY KEY (account_id, announcement_id)
);
CREATE TABLE inquiries (
    id BLOB PRIMARY KEY, customer_id BLOB NOT NULL REFERENCES customers (id), state TEXT NOT NULL,
    created_at BIGINT NOT NULL, changed_at BIGINT NOT NULL, due_at BIGINT NOT NULL, version BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX inquiries_by_customer ON inquiries (customer_id, changed_at);
CREATE INDEX inquiries_by_due ON inquiries (state, due_at);
CREATE TABLE attachments (
    id BLOB PRIMARY KEY, customer_id BLOB NOT NULL REFERENCES customers (id), about TEXT NOT NULL,
    about_id BLOB NOT NULL, name TEXT NOT NULL, file_type TEXT NOT NULL, size BIGINT NOT NULL,
    created_at BIGINT NOT NULL, author TEXT NOT NULL, content BLOB NOT NULL
);
CREATE INDEX attachments_of ON attachments (about_id, created_at);
CREATE INDEX attachments_by_customer ON attachments (customer_id);
CREATE TABLE contracts (
    customer_id BLOB PRIMARY KEY REFERENCES customers (id), body TEXT NOT NULL
);
CREATE TABLE claims (
    id BLOB PRIMARY KEY, customer_id BLOB NOT NULL REFERENCES customers (id), at BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX claims_by_customer ON claims (customer_id, at);
CREATE TABLE monthly_wishes (
    customer_id BLOB PRIMARY KEY REFERENCES customers (id), by_mail BIGINT NOT NULL
);
CREATE TABLE monthly_reports (
    id BLOB PRIMARY KEY, customer_id BLOB NOT NULL REFERENCES customers (id), month BIGINT NOT NULL,
    made_at BIGINT NOT NULL, sentence TEXT NOT NULL, size BIGINT NOT NULL, pdf BLOB NOT NULL,
    UNIQUE (customer_id, month)
);
CREATE INDEX monthly_by_month ON monthly_reports (month);
ALTER TABLE mails ADD COLUMN monthly_id BLOB;
