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
    _offset          Int64,
    INDEX by_entry entry TYPE bloom_filter GRANULARITY 4 -- which other household an entry moved to
)
ENGINE = MergeTree
ORDER BY (household, day, entry)
TTL toDateTime(reported_at) + INTERVAL 10 YEAR -- retention; a city with another rule changes it with ALTER TABLE ... MODIFY TTL
SETTINGS non_replicated_deduplication_window = 250000;

-- What was ever said of a household, a row for each entry: whether it still counts, and which event took it back.
CREATE OR REPLACE VIEW backstop.entry_standing AS
SELECT
    household,
    entry,
    kind,
    code,
    sum(sign) > 0 AS is_live,
    argMaxIf(source, _offset, sign = 1) AS source,
    argMaxIf(category, _offset, sign = 1) AS category,
    argMaxIf(cause, _offset, sign = 1) AS cause,
    argMaxIf(amount_fen, _offset, sign = 1) AS amount_fen,
    argMaxIf(day, _offset, sign = 1) AS day,
    argMaxIf(month, _offset, sign = 1) AS month,
    argMaxIf(months, _offset, sign = 1) AS months,
    argMaxIf(value, _offset, sign = 1) AS value,
    argMaxIf(person, _offset, sign = 1) AS person,
    argMaxIf(document, _offset, sign = 1) AS document,
    minIf(reported_at, sign = 1) AS first_said_at,
    if(is_live, '', argMaxIf(event, _offset, sign = -1)) AS superseded_by_event,
    if(is_live, '', argMaxIf(event_type, _offset, sign = -1)) AS superseded_by_event_type,
    if(is_live, '', argMaxIf(origin_topic, _offset, sign = -1)) AS superseded_by_topic,
    if(is_live, NULL, argMaxIf(reported_at, _offset, sign = -1)) AS superseded_at
FROM backstop.entries
GROUP BY household, entry, kind, code;
