-- Every signed amount and fact that was attributed to a household, exactly once: by recorded intents from the topic
-- `households.entries`. Persons are tokens; documents and events are keyed hashes.
CREATE TABLE IF NOT EXISTS backstop.entries
(
    household        String COMMENT '16 digits',
    county           String MATERIALIZED substring(household, 1, 6),
    entry            String COMMENT '16 hex characters',
    event            String COMMENT '16 hex characters, hashed with the key',
    source           LowCardinality(String) COMMENT 'department',
    event_type       LowCardinality(String),
    reported_at      DateTime64(3, 'Asia/Shanghai'),
    sign             Int8 COMMENT '1 said, -1 taken back',
    kind             LowCardinality(String),
    category         LowCardinality(String),
    cause            LowCardinality(String) COMMENT 'code of two digits',
    amount_fen       Int64 COMMENT 'fen',
    day              Date32,
    month            UInt32 COMMENT 'yyyymm, the first month for which it counts; 0 for facts',
    months           UInt16 COMMENT 'over how many months it is spread; 0 for facts',
    code             LowCardinality(String) COMMENT 'of a fact',
    value            String COMMENT 'of a fact',
    person           String COMMENT 'token, 32 hex characters; empty where no person is named',
    document         String COMMENT '16 hex characters, hashed with the key; empty where there is none',
    origin_topic     LowCardinality(String),
    origin_partition Int32,
    origin_offset    Int64,
    _topic           LowCardinality(String),
    _partition       Int32,
    _offset          Int64
)
ENGINE = MergeTree
ORDER BY (household, day, entry)
SETTINGS non_replicated_deduplication_window = 250000;
