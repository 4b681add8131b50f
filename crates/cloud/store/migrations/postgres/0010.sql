-- Partitions by the day: retention drops them. Signatures are named by a digest and stored once; the
-- detections' bodies are packed from now on, those written before stay JSON until they have aged out.
-- Policies of the large tables ask for scope and id once a query, not once a row.
SELECT set_config('app.scope', 'system', true);

CREATE TABLE signatures (id BYTEA PRIMARY KEY, last_day BIGINT NOT NULL, body TEXT NOT NULL);
ALTER TABLE signatures ENABLE ROW LEVEL SECURITY;
ALTER TABLE signatures FORCE ROW LEVEL SECURITY;
CREATE POLICY for_all ON signatures FOR SELECT USING (app_scope() <> '');
CREATE POLICY by_job ON signatures USING (app_scope() = 'system');

ALTER TABLE detections RENAME TO detections_old;
ALTER TABLE usage_hours RENAME TO usage_hours_old;
ALTER TABLE inspection_hours RENAME TO inspection_hours_old;
ALTER TABLE uptime RENAME TO uptime_old;

-- An id begins with the milliseconds of its receipt. Columns of fixed length first: no padding.
CREATE TABLE detections (
    received_at BIGINT NOT NULL, at BIGINT NOT NULL, sid BIGINT,
    id BYTEA PRIMARY KEY, customer_id BYTEA NOT NULL, gateway_id BYTEA NOT NULL, alert_id BYTEA,
    kind TEXT NOT NULL, device_key TEXT NOT NULL, body BYTEA NOT NULL
) PARTITION BY RANGE (id);
CREATE TABLE usage_hours (
    hour BIGINT NOT NULL, flows BIGINT NOT NULL, bytes_up BIGINT NOT NULL, bytes_down BIGINT NOT NULL,
    customer_id BYTEA NOT NULL, gateway_id BYTEA NOT NULL, device_key TEXT NOT NULL,
    subject TEXT NOT NULL, item TEXT NOT NULL, kind TEXT NOT NULL, title TEXT NOT NULL,
    PRIMARY KEY (customer_id, subject, hour, gateway_id, device_key, item)
) PARTITION BY RANGE (hour);
-- `day`: of the Japanese calendar.
CREATE TABLE usage_days (
    day BIGINT NOT NULL, flows BIGINT NOT NULL, bytes_up BIGINT NOT NULL, bytes_down BIGINT NOT NULL,
    customer_id BYTEA NOT NULL, gateway_id BYTEA NOT NULL, device_key TEXT NOT NULL,
    subject TEXT NOT NULL, item TEXT NOT NULL, kind TEXT NOT NULL, title TEXT NOT NULL,
    PRIMARY KEY (customer_id, subject, day, gateway_id, device_key, item)
) PARTITION BY RANGE (day);
CREATE TABLE inspection_hours (
    hour BIGINT NOT NULL, flows BIGINT NOT NULL, bytes BIGINT NOT NULL,
    customer_id BYTEA NOT NULL, gateway_id BYTEA NOT NULL, device_key TEXT NOT NULL, how TEXT NOT NULL,
    PRIMARY KEY (customer_id, hour, gateway_id, device_key, how)
) PARTITION BY RANGE (hour);
CREATE TABLE uptime (
    hour BIGINT NOT NULL, beats BIGINT NOT NULL, gateway_id BYTEA NOT NULL, customer_id BYTEA NOT NULL,
    PRIMARY KEY (gateway_id, hour)
) PARTITION BY RANGE (hour);

-- Rows of days that have no partition (a clock that is wrong) are not lost.
CREATE TABLE detections_default PARTITION OF detections DEFAULT;
CREATE TABLE usage_hours_default PARTITION OF usage_hours DEFAULT;
CREATE TABLE usage_days_default PARTITION OF usage_days DEFAULT;
CREATE TABLE inspection_hours_default PARTITION OF inspection_hours DEFAULT;
CREATE TABLE uptime_default PARTITION OF uptime DEFAULT;

-- What every policy of the large tables says. The subqueries run once a query, the last one only
-- for resellers.
CREATE FUNCTION app_guard(guarded TEXT) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', guarded);
    EXECUTE format('DROP POLICY IF EXISTS by_scope ON %I', guarded);
    EXECUTE format('CREATE POLICY by_scope ON %I USING (
        (SELECT app_scope()) IN (''system'', ''operator'')
        OR ((SELECT app_scope()) = ''customer'' AND customer_id = (SELECT app_id()))
        OR ((SELECT app_scope()) = ''reseller''
            AND customer_id IN (SELECT k.id FROM customers k WHERE k.reseller_id = (SELECT app_id()))))', guarded);
END $$;

-- Makes the partitions of these days (UTC, since 1970) where they are missing. Owned by the owner of
-- the tables: the role of the queries can make and drop nothing else.
CREATE FUNCTION app_make_days(first BIGINT, last BIGINT) RETURNS BIGINT LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    parent TEXT; part TEXT; low TEXT; high TEXT; made BIGINT := 0;
BEGIN
    FOREACH parent IN ARRAY ARRAY['detections', 'usage_hours', 'usage_days', 'inspection_hours', 'uptime'] LOOP
        FOR day IN greatest(first, 0)..last LOOP
            part := parent || '_d' || day;
            CONTINUE WHEN to_regclass('public.' || part) IS NOT NULL;
            CASE parent
                WHEN 'detections' THEN
                    low := quote_literal('\x' || lpad(to_hex(day::BIGINT * 86400000), 12, '0'));
                    high := quote_literal('\x' || lpad(to_hex((day::BIGINT + 1) * 86400000), 12, '0'));
                WHEN 'usage_days' THEN low := day; high := day + 1;
                ELSE low := day::BIGINT * 86400000000; high := (day::BIGINT + 1) * 86400000000;
            END CASE;
            BEGIN
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%s) TO (%s)', part, parent, low, high);
                PERFORM app_guard(part);
                made := made + 1;
            EXCEPTION WHEN check_violation OR duplicate_table OR unique_violation THEN
                NULL; -- Rows of that day wait in the default partition and go from there; or another node was first.
            END;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;

-- Drops the partitions of days before this one.
CREATE FUNCTION app_drop_days(before BIGINT) RETURNS BIGINT LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    part TEXT; dropped BIGINT := 0;
BEGIN
    FOR part IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        JOIN pg_class p ON p.oid = i.inhparent
        WHERE p.relnamespace = 'public'::regnamespace AND p.relkind = 'p' AND c.relname ~ '_d[0-9]+$'
            AND substring(c.relname FROM '_d([0-9]+)$')::BIGINT < before
        ORDER BY c.relname
    LOOP
        EXECUTE format('DROP TABLE IF EXISTS %I', part);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;
REVOKE ALL ON FUNCTION app_make_days(BIGINT, BIGINT), app_drop_days(BIGINT), app_guard(TEXT) FROM PUBLIC;

SELECT app_guard(t) FROM unnest(ARRAY['detections', 'usage_hours', 'usage_days', 'inspection_hours', 'uptime',
    'detections_default', 'usage_hours_default', 'usage_days_default', 'inspection_hours_default',
    'uptime_default', 'rollups', 'alerts', 'devices', 'device_activity', 'gateways']) t;

-- The days that have rows, and a week ahead.
SELECT app_make_days(
    COALESCE((SELECT min(d) FROM (SELECT min(received_at) / 86400000000 AS d FROM detections_old
        UNION ALL SELECT min(hour) / 86400000000 FROM usage_hours_old
        UNION ALL SELECT min(hour) / 86400000000 FROM inspection_hours_old
        UNION ALL SELECT min(hour) / 86400000000 FROM uptime_old) a
        WHERE d > extract(epoch FROM now())::BIGINT / 86400 - 120), extract(epoch FROM now())::BIGINT / 86400 - 1),
    extract(epoch FROM now())::BIGINT / 86400 + 7);

INSERT INTO detections (id, customer_id, gateway_id, received_at, at, kind, device_key, alert_id, sid, body)
    SELECT id, customer_id, gateway_id, received_at, at, kind, device_key, alert_id, sid, convert_to(body, 'UTF8')
    FROM detections_old;
INSERT INTO usage_hours (customer_id, hour, gateway_id, device_key, subject, item, kind, title, flows, bytes_up, bytes_down)
    SELECT customer_id, hour, gateway_id, device_key, subject, item, kind, title, flows, bytes_up, bytes_down
    FROM usage_hours_old;
INSERT INTO usage_days (customer_id, day, gateway_id, device_key, subject, item, kind, title, flows, bytes_up, bytes_down)
    SELECT customer_id, (hour + 32400000000) / 86400000000 AS day, gateway_id, device_key, subject, item, max(kind),
        max(title), sum(flows), sum(bytes_up), sum(bytes_down) FROM usage_hours_old
    GROUP BY customer_id, (hour + 32400000000) / 86400000000, gateway_id, device_key, subject, item;
INSERT INTO inspection_hours (customer_id, hour, gateway_id, device_key, how, flows, bytes)
    SELECT customer_id, hour, gateway_id, device_key, how, flows, bytes FROM inspection_hours_old;
INSERT INTO uptime (gateway_id, hour, customer_id, beats) SELECT gateway_id, hour, customer_id, beats FROM uptime_old;
DROP TABLE detections_old, usage_hours_old, inspection_hours_old, uptime_old;

CREATE INDEX detections_by_time ON detections (customer_id, at DESC, id DESC);
CREATE INDEX detections_by_alert ON detections (alert_id) WHERE alert_id IS NOT NULL;
CREATE INDEX detections_by_signature ON detections (sid, received_at) WHERE sid IS NOT NULL;
CREATE INDEX alerts_open ON alerts (customer_id, raised_at) WHERE is_open = 1;
SELECT set_config('app.scope', '', true);
