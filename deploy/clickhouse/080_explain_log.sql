-- Who asked for the explanation of a household: written before each answer, by the command itself or by recorded intents
-- from the topic `explain.log`. Give people INSERT on it, never ALTER or DELETE.
CREATE TABLE IF NOT EXISTS backstop.explain_log
(
    asked_at      DateTime64(3, 'Asia/Shanghai'),
    asked_by      String COMMENT 'the name that was given, else that of the account',
    account       String COMMENT 'operating system user that ran the command',
    host          String COMMENT 'machine on which it ran',
    household     String COMMENT '16 digits',
    answered_from LowCardinality(String) COMMENT 'topics or clickhouse',
    _topic        LowCardinality(String) COMMENT 'empty where the command wrote here itself',
    _partition    Int32,
    _offset       Int64
)
ENGINE = MergeTree
ORDER BY (household, asked_at)
SETTINGS non_replicated_deduplication_window = 250000;
