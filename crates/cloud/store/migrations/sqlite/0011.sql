-- Deliveries are claimed in this order, so that a claim costs the same however many wait.
DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (urgent DESC, next_at, id) WHERE state = 'queued';
