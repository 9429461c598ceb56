-- How much work is asked of the offices, who holds it, and what the rules cannot see. For many eyes: what is hidden is
-- what `verdicts` says of cells; rows that a total could be known of (a rule over the counties, a step over the counties)
-- are a breakdown.

-- Visits asked for, under the rule that asked. The days are those of the year from the first warning of all (before a city
-- goes live nothing is asked for) to the last closed day; the households are those of today.
CREATE OR REPLACE VIEW backstop.visits_by_rule
DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
WITH
    cells AS
    (
        SELECT
            toYear(day) AS year,
            rule,
            county,
            count() AS all_visits,
            uniqExact(household) AS asked_households
        FROM backstop.warnings
        WHERE asks_visit
        GROUP BY year, rule, county
    ),
    beside AS
    (
        SELECT
            *,
            asked_households < 5 AS is_small,
            sum(is_small) OVER (PARTITION BY year, rule) AS small_cells,
            sum(if(is_small, asked_households, 0)) OVER (PARTITION BY year, rule) AS small_households,
            row_number() OVER (PARTITION BY year, rule, is_small ORDER BY asked_households, county) AS place
        FROM cells
    ),
    (SELECT min(day) FROM backstop.warnings) AS first_day,
    (SELECT max(closed_day) + 1 FROM backstop.alert_progress FINAL) AS last_day
SELECT
    beside.year AS year,
    beside.rule AS rule,
    beside.county AS county,
    if(households.households < 5, NULL, households.households) AS households,
    greatest(0, 1 + dateDiff('day', greatest(first_day, makeDate32(year, 1, 1)), least(last_day, makeDate32(year, 12, 31)))) AS days,
    is_small OR place = 1 AND small_cells > 0 AND (small_cells = 1 OR small_households < 5) AS is_hidden,
    if(is_hidden, NULL, all_visits) AS visits,
    if(is_hidden OR days = 0, NULL, all_visits * 1000 / households * 365 / days) AS visits_per_1000_households_year
FROM beside
LEFT JOIN (SELECT county, count() AS households FROM backstop.household_states FINAL GROUP BY county) AS households
    ON households.county = beside.county
COMMENT 'visits asked for by rule, county and year, also per 1,000 households and year; cells under 5 households are hidden';

-- For how many households of a county each rule stands still, and why: as alert counted when it last looked at everybody,
-- at the begin of a month, when a month settles and when policies change. A rule is listed that stands still somewhere or
-- has ever said anything. The households are those of today.
CREATE OR REPLACE VIEW backstop.coverage
DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
WITH
    still AS
    (
        SELECT
            one.rule AS rule,
            one.county AS county,
            sumIf(one.households, one.why = 'silent_feed') AS silent_feed,
            sumIf(one.households, one.why != 'silent_feed') AS not_known
        FROM (SELECT standing_still FROM backstop.alert_progress FINAL)
        ARRAY JOIN standing_still AS one
        GROUP BY rule, county
    ),
    rules AS
    (
        SELECT DISTINCT toString(rule) AS rule FROM still
        UNION DISTINCT
        SELECT DISTINCT toString(rule) AS rule FROM backstop.warnings WHERE kind = 'raised'
    ),
    cells AS
    (
        SELECT
            rules.rule AS rule,
            counties.county AS county,
            counties.households AS households,
            still.silent_feed AS all_silent_feed,
            still.not_known AS all_not_known,
            greatest(0, toInt64(households) - all_silent_feed - all_not_known) AS all_covered
        FROM rules
        CROSS JOIN (SELECT county, count() AS households FROM backstop.household_states FINAL GROUP BY county) AS counties
        LEFT JOIN still ON still.rule = rules.rule AND still.county = counties.county
    )
SELECT
    rule,
    county,
    if(households < 5, NULL, households) AS households,
    -- Two of three parts and the whole would give the third away.
    all_silent_feed BETWEEN 1 AND 4 OR all_not_known BETWEEN 1 AND 4 OR all_covered BETWEEN 1 AND 4 AS is_hidden,
    if(is_hidden, NULL, all_silent_feed) AS silent_feed,
    if(is_hidden, NULL, all_not_known) AS not_known,
    if(is_hidden, NULL, all_covered) AS covered,
    if(is_hidden, NULL, all_covered / households) AS covered_share
FROM cells
COMMENT 'households for which a rule stands still by county and why: a feed that it needs is silent, or what decides is not known; cells under 5 households are hidden';

-- The latest case of each household by county and step. Dismissed and cleared ones are not open.
CREATE OR REPLACE VIEW backstop.cases_by_step
DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
WITH
    cells AS
    (
        SELECT county, CAST(cases.step AS String) AS step, count() AS all_cases
        FROM backstop.cases FINAL
        WHERE cases.step != 'none'
        GROUP BY county, step
    ),
    beside AS
    (
        SELECT
            *,
            all_cases < 5 AS is_small,
            sum(is_small) OVER (PARTITION BY step) AS small_cells,
            sum(if(is_small, all_cases, 0)) OVER (PARTITION BY step) AS small_cases,
            row_number() OVER (PARTITION BY step, is_small ORDER BY all_cases, county) AS place
        FROM cells
    )
SELECT
    county,
    step,
    step NOT IN ('dismissed', 'cleared') AS is_open,
    is_small OR place = 1 AND small_cells > 0 AND (small_cells = 1 OR small_cases < 5) AS is_hidden,
    if(is_hidden, NULL, all_cases) AS cases
FROM beside
COMMENT 'households by county and the step of their latest case; cells under 5 households are hidden';

-- What is overdue has moved up, so it lies with an office above the one that should have done it; at the city it goes no
-- further and is late once its last limit has passed too.
CREATE OR REPLACE VIEW backstop.overdue_by_office
DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
WITH
    (SELECT max(closed_day) FROM backstop.alert_progress FINAL) AS last_closed_day,
    cells AS
    (
        SELECT
            counties.county AS county,
            offices.office AS office,
            cases.all_cases AS all_cases,
            cases.all_late AS all_late
        FROM (SELECT DISTINCT county FROM backstop.household_states FINAL) AS counties
        CROSS JOIN (SELECT arrayJoin(['village', 'township', 'county', 'city']) AS office) AS offices
        LEFT JOIN
        (
            SELECT county, toString(office) AS office, countIf(escalations > 0) AS all_cases, countIf(due_day <= last_closed_day) AS all_late
            FROM backstop.cases FINAL
            WHERE office != ''
            GROUP BY county, office
        ) AS cases ON cases.county = counties.county AND cases.office = offices.office
    ),
    beside AS
    (
        SELECT
            *,
            all_cases BETWEEN 1 AND 4 AS is_small,
            sum(is_small) OVER (PARTITION BY office) AS small_cells,
            sum(if(is_small, all_cases, 0)) OVER (PARTITION BY office) AS small_cases,
            row_number() OVER (PARTITION BY office, is_small OR all_cases = 0 ORDER BY all_cases, county) AS place
        FROM cells
    )
SELECT
    county,
    office,
    is_small OR all_cases > 0 AND place = 1 AND small_cells > 0 AND (small_cells = 1 OR small_cases < 5) AS is_hidden,
    if(is_hidden, NULL, all_cases) AS moved_up,
    if(is_hidden OR all_late BETWEEN 1 AND 4, NULL, all_late) AS late
FROM beside
COMMENT 'cases whose step has moved up because it was overdue, by county and the office that holds it, and those that are late there too; cells under 5 households are hidden';
