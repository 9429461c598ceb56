-- How far each partition of alert is, and for how many households which rules stood still when all were last looked
-- at: upserts by offset of the record `progress` in the compacted topic `households.cases`. Read them with FINAL.
-- Alert writes that record in the transaction of the cases, so what stands here is what its cases rest on; a metric is
-- gone with its process, and belongs to no closed day.
CREATE TABLE IF NOT EXISTS backstop.alert_progress
(
    closed_day       Nullable(Date32) COMMENT 'the last closed day',
    first_closed_day Nullable(Date32) COMMENT 'the first one: what lies before it was not observed',
    income_unknown   Int64 COMMENT 'households whose income was not known',
    standing_still   Array(Tuple(rule LowCardinality(String), county String, why LowCardinality(String), households Int64)) COMMENT 'households for which a rule stood still; why: silent_feed or not_known',
    _topic           LowCardinality(String),
    _partition       Int32,
    _offset          Int64
)
ENGINE = ReplacingMergeTree(_offset)
ORDER BY _partition;
