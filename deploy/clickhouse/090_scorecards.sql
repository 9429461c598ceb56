-- How each department reports, by month, as each partition of resolve has seen it: upserts by number from the compacted
-- topic `ingest.scorecards`. Rows may come twice or be overtaken; read them with FINAL.
CREATE TABLE IF NOT EXISTS backstop.scorecards
(
    source          LowCardinality(String) COMMENT 'department',
    month           UInt32 COMMENT 'yyyymm, in which it was reported',
    number          Int64 COMMENT 'how many things are noted: the higher is the later',
    corrections     Int64,
    retractions     Int64,
    content_changed Int64 COMMENT 'came again with other content',
    conflicts       Int64 COMMENT 'registrations of a person who belonged to another household',
    duplicates      Int64 COMMENT 'came again with the same content',
    documents_twice Int64 COMMENT 'another department had sent the document too',
    unattributed    Int64 COMMENT 'of persons who belonged to no household',
    parked          Int64 COMMENT 'had to wait for their person or household',
    refused         Int64 COMMENT 'became dead letters in resolve',
    delays          Array(Int64) COMMENT 'applied records by days from occurrence to report',
    delay_days_max  Array(Int32) COMMENT 'the longest delay of each bucket but the last, which is open',
    _topic          LowCardinality(String),
    _partition      Int32,
    _offset         Int64
)
ENGINE = ReplacingMergeTree(number)
ORDER BY (source, month, _partition);

-- One row for each department and month: the partitions summed up, with the delay that half and 95 of 100 records do
-- not exceed. A delay in the open bucket is shown as one day more than the longest bound.
CREATE OR REPLACE VIEW backstop.department_scorecards AS
SELECT
    source,
    month,
    toDate32(parseDateTime(toString(month), '%Y%m')) AS month_day,
    arraySum(counts) AS applied,
    arrayPushBack(bounds, bounds[-1] + 1) AS days,
    if(applied = 0, NULL, days[arrayFirstIndex(sum -> sum >= 0.5 * applied, arrayCumSum(counts))]) AS delay_days_p50,
    if(applied = 0, NULL, days[arrayFirstIndex(sum -> sum >= 0.95 * applied, arrayCumSum(counts))]) AS delay_days_p95,
    corrections,
    retractions,
    content_changed,
    conflicts,
    duplicates,
    documents_twice,
    unattributed,
    parked,
    refused
FROM
(
    SELECT
        source,
        month,
        sumForEach(delays) AS counts,
        any(delay_days_max) AS bounds,
        sum(corrections) AS corrections,
        sum(retractions) AS retractions,
        sum(content_changed) AS content_changed,
        sum(conflicts) AS conflicts,
        sum(duplicates) AS duplicates,
        sum(documents_twice) AS documents_twice,
        sum(unattributed) AS unattributed,
        sum(parked) AS parked,
        sum(refused) AS refused
    FROM backstop.scorecards FINAL
    GROUP BY source, month
);

-- Dead letters of both stages by department, reason and the month in which they were written, which is the month of
-- the report unless the department's topic was read late.
CREATE OR REPLACE VIEW backstop.department_dead_letters AS
SELECT
    department AS source,
    toYYYYMM(published_at) AS month,
    reason,
    count() AS dead_letters
FROM backstop.dead_letters
GROUP BY source, month, reason;
