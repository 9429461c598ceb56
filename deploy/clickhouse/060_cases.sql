-- The latest record of each household's case: upserts by number from the compacted topic `households.cases`. Read them
-- with FINAL.
CREATE TABLE IF NOT EXISTS backstop.cases
(
    household     String COMMENT '16 digits',
    county        String MATERIALIZED substring(household, 1, 6),
    village       String MATERIALIZED substring(household, 1, 12),
    number        Int64,
    case_number   Int32 COMMENT 'which case of the household, from 1; 0 before the first',
    step          LowCardinality(String) COMMENT 'none where no case is open',
    opened_day    Nullable(Date32),
    level         LowCardinality(String) COMMENT 'L, M or H; empty where no finding holds',
    causes        Array(LowCardinality(String)) COMMENT 'codes of two digits',
    rules         Array(LowCardinality(String)) COMMENT 'of the findings that hold',
    findings      Array(Tuple(rule LowCardinality(String), warning_id String, opening_entry String, since_day Date32, level LowCardinality(String), cause LowCardinality(String), month Nullable(UInt32), value_fen Int64, threshold_fen Int64, evidence Array(String))) COMMENT 'that hold, with the entries on which they rest',
    state_number  Int64,
    evaluated_day Date32,
    step_day      Nullable(Date32) COMMENT 'from which the limit of the step counts',
    due_day       Nullable(Date32) COMMENT 'by the end of which the step is due',
    office        LowCardinality(String) COMMENT 'the level of government that holds the step',
    escalations   Int32 COMMENT 'how often the step has moved up',
    round         Int32 COMMENT 'how many visits were asked for',
    visit_day     Nullable(Date32) COMMENT 'when the last one was',
    closed_day    Nullable(Date32) COMMENT 'when the case was last dismissed or cleared',
    acts          Array(Tuple(entry String, case_number Int32, round Int32, code LowCardinality(String), value LowCardinality(String), cause LowCardinality(String), day Date32)) COMMENT 'what offices did',
    _topic        LowCardinality(String),
    _partition    Int32,
    _offset       Int64
)
ENGINE = ReplacingMergeTree(number)
ORDER BY household;
