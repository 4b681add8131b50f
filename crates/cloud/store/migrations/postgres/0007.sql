-- Comparison with all companies (PT-05): who is counted, and what may be shown.
CREATE TABLE comparison_cohort (customer_id BYTEA PRIMARY KEY, class TEXT NOT NULL);
CREATE TABLE comparison_cells (
    until_day BIGINT NOT NULL, from_day BIGINT NOT NULL, class TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (until_day, from_day, class)
);

ALTER TABLE comparison_cohort ENABLE ROW LEVEL SECURITY;
ALTER TABLE comparison_cohort FORCE ROW LEVEL SECURITY;
CREATE POLICY by_scope ON comparison_cohort USING (app_sees_customer(customer_id))
    WITH CHECK (app_scope() = 'system');

-- Made so that everybody may read them; only the job writes.
ALTER TABLE comparison_cells ENABLE ROW LEVEL SECURITY;
ALTER TABLE comparison_cells FORCE ROW LEVEL SECURITY;
CREATE POLICY for_all ON comparison_cells FOR SELECT USING (app_scope() <> '');
CREATE POLICY by_job ON comparison_cells USING (app_scope() = 'system');
