-- Every record of a person or household as normalise made it, exactly once: by recorded intents from the topic
-- `subjects.entries`. It tells where an entry came from, and which event it corrects or takes back.
CREATE TABLE IF NOT EXISTS backstop.subject_entries
(
    subject          String COMMENT 'token of a person, 32 hex characters, or code of a household, 16 digits',
    event            String COMMENT '16 hex characters, hashed with the key',
    ordinal          Int32 COMMENT 'place among the subject records of the event',
    source           LowCardinality(String) COMMENT 'department',
    event_type       LowCardinality(String),
    op               LowCardinality(String) COMMENT 'upsert, correct or retract',
    corrects         String COMMENT 'the event that is corrected or retracted, 16 hex characters; else empty',
    household        String COMMENT '16 digits; empty where none is named',
    occurred_day     Date32,
    reported_at      DateTime64(3, 'Asia/Shanghai'),
    document         String COMMENT '16 hex characters, hashed with the key; empty where there is none',
    entries          Array(String) COMMENT 'entry ids, 16 hex characters',
    origin_topic     LowCardinality(String),
    origin_partition Int32,
    origin_offset    Int64,
    _topic           LowCardinality(String),
    _partition       Int32,
    _offset          Int64
)
ENGINE = MergeTree
ORDER BY (subject, event, ordinal)
TTL toDateTime(reported_at) + INTERVAL 10 YEAR -- the retention of backstop.entries
SETTINGS non_replicated_deduplication_window = 250000;
