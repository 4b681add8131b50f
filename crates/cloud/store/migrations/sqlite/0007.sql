-- Comparison with all companies (PT-05): who is counted, and what may be shown.
CREATE TABLE comparison_cohort (customer_id BLOB PRIMARY KEY, class TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE comparison_cells (
    until_day BIGINT NOT NULL, from_day BIGINT NOT NULL, class TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (until_day, from_day, class)
) WITHOUT ROWID;
