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
    sums                  Array(Tuple(category LowCardinality(String), cause LowCardinality(String), first_month UInt32, amounts_fen Array(Int64))) COMMENT 'first_month: yyyymm; its amount and those of the months after it, 0 for a month without one',
    _topic                LowCardinality(String),
    _partition            Int32,
    _offset               Int64
)
ENGINE = ReplacingMergeTree(number)
ORDER BY household;

-- Months by category and cause of every household, as the latest state has them.
CREATE OR REPLACE VIEW backstop.household_months AS
SELECT
    household,
    county,
    toYYYYMM(addMonths(YYYYMMDDToDate32(sum.first_month * 100 + 1), at - 1)) AS month,
    sum.category AS category,
    sum.cause AS cause,
    amount_fen
FROM
(
    SELECT household, county, arrayJoin(sums) AS sum
    FROM backstop.household_states FINAL
)
ARRAY JOIN
    sum.amounts_fen AS amount_fen,
    arrayEnumerate(sum.amounts_fen) AS at
WHERE amount_fen != 0;
