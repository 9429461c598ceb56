-- The latest picture of each household: upserts by number from the compacted topic `households.states`. Rows may come
-- twice or be overtaken; read them with FINAL.
CREATE TABLE IF NOT EXISTS backstop.household_states
(
    household             String COMMENT '16 digits',
    county                String MATERIALIZED substring(household, 1, 6),
    village               String MATERIALIZED substring(household, 1, 12),
    number                Int64,
    registered_day        Nullable(Date32),
    classes               Array(LowCardinality(String)) COMMENT 'empty is general',
    members               UInt16 COMMENT 'registered',
    provisional_members   UInt16 COMMENT 'born and not registered yet',
    surveyed_day          Nullable(Date32),
    surveyed_members      Nullable(Int32) COMMENT 'who share the economy, later changes counted in',
    unreported_income_fen Nullable(Int64) COMMENT 'fen a year, by the survey',
    sums                  Array(Tuple(month UInt32, category LowCardinality(String), cause LowCardinality(String), amount_fen Int64)),
    _topic                LowCardinality(String),
    _partition            Int32,
    _offset               Int64
)
ENGINE = ReplacingMergeTree(number)
ORDER BY household;

-- Months by category and cause of every household, as the latest state has them.
CREATE VIEW IF NOT EXISTS backstop.household_months AS
SELECT
    household,
    county,
    sum.month AS month,
    sum.category AS category,
    sum.cause AS cause,
    sum.amount_fen AS amount_fen
FROM
(
    SELECT household, county, arrayJoin(sums) AS sum
    FROM backstop.household_states FINAL
);
