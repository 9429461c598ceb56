-- Every warning record, exactly once: inserted by recorded intents from the topic `warnings`.
-- No PARTITION BY: an insert of several partitions would not be atomic. The deduplication window is larger than
-- partitions x inserts a second x an hour of outage.
CREATE TABLE IF NOT EXISTS backstop.warnings
(
    warning_id     String COMMENT 'the same from raised to closed',
    record_id      String COMMENT 'unique per record',
    kind           LowCardinality(String) COMMENT 'raised, updated, no_longer_met, withdrawn, escalated, closed',
    household      String COMMENT '16 digits',
    county         String MATERIALIZED substring(household, 1, 6),
    village        String MATERIALIZED substring(household, 1, 12),
    case_number    Int32 COMMENT 'which case of the household; 0 for a signal outside a case',
    rule           LowCardinality(String),
    policy         LowCardinality(String) COMMENT 'name@version',
    cause          LowCardinality(String) COMMENT 'code of two digits',
    level          LowCardinality(String) COMMENT 'L, M or H',
    window         LowCardinality(String),
    month          UInt32 COMMENT 'yyyymm, where the rule looks at each month by itself; else 0',
    value_fen      Int64 COMMENT 'fen',
    threshold_fen  Int64 COMMENT 'fen',
    margin_fen     Int64 COMMENT 'fen',
    day            Date32 COMMENT 'the first day not closed when it was decided: when it became known',
    occurred_day   Date32 COMMENT 'of the newest entry behind it',
    state_number   Int64,
    contributions  Array(Tuple(category LowCardinality(String), cause LowCardinality(String), amount_fen Int64)),
    evidence       Array(String) COMMENT 'entry ids, 16 hex characters',
    verifier       LowCardinality(String),
    departments    Array(LowCardinality(String)),
    action         LowCardinality(String),
    sentence_zh    String,
    sentence_en    String,
    asks_visit     Bool COMMENT 'whether a new visit at the door is asked for',
    round          Int32 COMMENT 'which visit of the household it belongs to; 0 for none',
    due_day        Nullable(Date32) COMMENT 'by the end of which day the step is due',
    post           LowCardinality(String) COMMENT 'the post that holds it',
    attached_to    String COMMENT 'the warning of the village that it is attached to; empty for one sent by itself',
    attached       Array(String) COMMENT 'in a warning of a village: its households',
    _topic         LowCardinality(String),
    _partition     Int32,
    _offset        Int64
)
ENGINE = MergeTree
ORDER BY (county, day, record_id)
SETTINGS non_replicated_deduplication_window = 250000;
