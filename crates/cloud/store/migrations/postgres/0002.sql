-- ★★★ is never held back by other mails (NT-06).
ALTER TABLE deliveries ADD COLUMN urgent BIGINT NOT NULL DEFAULT 0;
