-- Why and where records became dead letters, exactly once: by recorded intents from the topic `ingest.dead-letters`.
-- Never the bytes, which can hold a citizen number: their hash finds them again in the restricted topic.
CREATE TABLE IF NOT EXISTS backstop.dead_letters
(
    reason           LowCardinality(String),
    stage            LowCardinality(String) COMMENT 'normalise or resolve',
    department       LowCardinality(String),
    origin_topic     LowCardinality(String),
    origin_partition Int32,
    origin_offset    Int64,
    value_sha256     String COMMENT '64 hex characters, of the value in the dead letter',
    value_bytes      UInt32,
    published_at     DateTime64(3, 'Asia/Shanghai') COMMENT 'when the dead letter was written; for dashboards',
    _topic           LowCardinality(String),
    _partition       Int32,
    _offset          Int64
)
ENGINE = MergeTree
ORDER BY (department, reason, origin_topic, origin_partition, origin_offset)
SETTINGS non_replicated_deduplication_window = 250000;
