-- What came of the visits that were asked for. The view `verdicts` names households: it is for the offices that hold the
-- cases. The views after it are for many eyes: they read the tables with the rights of whoever created them, so that a
-- reader can be given the view and no table (GRANT SELECT ON backstop.precision_by_rule TO ...).
--
-- What is hidden from many eyes: a cell is a number of households, and one of 1 to 4 is NULL, and
-- with it every figure that rests on them. Where a breakdown has one hidden cell, or hidden cells of fewer than
-- 5 households together, its next smallest cell is hidden too: a total that is known from elsewhere less the cells that
-- are shown then gives the sum of at least 5 households. That much is prevented within each breakdown, over counties,
-- rules or classes. It is not prevented that somebody puts two breakdowns together that share households (rules and
-- classes overlap), compares a view of today with one kept from yesterday, or knows the households of a village anyway.

-- One row for each visit. An act is the visit's when the case says so (its case number and round), and a case
-- remembers the newest 32 acts. The classes are those of today.
CREATE OR REPLACE VIEW backstop.verdicts AS
WITH
    -- A request belongs to the visit that it asked for or joined, so long as nobody had been there.
    requests AS
    (
        SELECT
            household,
            round,
            anyIf(case_number, asks_visit) AS case_number,
            minIf(day, asks_visit) AS asked_day,
            anyIf(rule, asks_visit) AS asked_by,
            anyIf(due_day, asks_visit) AS due_day,
            groupArray((day, rule, cause)) AS requests
        FROM backstop.warnings
        WHERE round > 0 AND kind IN ('raised', 'updated') AND level IN ('M', 'H') AND attached_to = ''
        GROUP BY household, round
        HAVING countIf(asks_visit) > 0
    ),
    visits AS
    (
        SELECT
            requests.household AS household,
            requests.round AS round,
            requests.case_number AS case_number,
            requests.asked_day AS asked_day,
            requests.asked_by AS asked_by,
            requests.due_day AS due_day,
            requests.requests AS requests,
            arrayFilter(act -> act.case_number = requests.case_number AND act.round = requests.round, cases.acts) AS acts,
            arrayFilter(act -> act.code = 'verification_result', acts) AS verifications,
            arrayFilter(act -> act.value IN ('confirmed', 'dismissed'), verifications) AS decisions,
            -- Whatever the policy calls a measure: a case keeps no other acts.
            arrayFilter(act -> act.code NOT IN ('verification_result', 'follow_up_visit'), acts) AS measures
        FROM requests
        LEFT JOIN (SELECT household, acts FROM backstop.cases FINAL) AS cases ON cases.household = requests.household
    )
SELECT
    visits.household AS household,
    substring(visits.household, 1, 6) AS county,
    substring(visits.household, 1, 12) AS village,
    states.classes AS classes,
    visits.case_number AS case_number,
    visits.round AS round,
    visits.asked_by AS asked_by,
    arraySort(arrayDistinct(arrayMap(one -> one.2, arrayFilter(one -> verified_day IS NULL OR one.1 <= verified_day, visits.requests)))) AS rules,
    arraySort(arrayDistinct(arrayMap(one -> one.3, arrayFilter(one -> verified_day IS NULL OR one.1 <= verified_day, visits.requests)))) AS causes,
    visits.asked_day AS asked_day,
    visits.due_day AS due_day,
    -- A decision without a verification before it stands for both.
    if(empty(visits.verifications), NULL, visits.verifications[1].day) AS verified_day,
    -- The last decision holds, since the day on which it was first said.
    multiIf(notEmpty(visits.decisions), toString(visits.decisions[-1].value), arrayExists(act -> act.value = 'cleared', visits.verifications), 'cleared', '') AS verdict,
    if(empty(visits.decisions), NULL, arrayFirst(act -> act.value = visits.decisions[-1].value, visits.decisions).day) AS decided_day,
    if(empty(visits.measures), NULL, visits.measures[1].day) AS helped_day,
    -- Where help came before the decision (an emergency), there are no days from one to the other.
    helped_day IS NOT NULL AND ifNull(helped_day < decided_day, true) AS is_help_first,
    dateDiff('day', asked_day, verified_day) AS days_to_verify,
    dateDiff('day', verified_day, decided_day) AS days_to_decide,
    if(is_help_first, NULL, dateDiff('day', decided_day, helped_day)) AS days_to_help,
    dateDiff('day', asked_day, helped_day) AS days_asked_to_help
FROM visits
LEFT JOIN (SELECT household, classes FROM backstop.household_states FINAL) AS states ON states.household = visits.household
COMMENT 'one row for each visit asked for: who asked, what was found, decided and done, and the days between; for the offices that hold the cases';

-- The precision of each rule, class and county in one: whoever is decided about, confirmed and dismissed, with what is
-- hidden. Where few were confirmed, or few were not, the share would give them away: then only the band of five visits is
-- said in which their number lies (`precision_from`, `precision_to`).
CREATE OR REPLACE VIEW backstop.precision_cells AS
WITH
    cells AS
    (
        SELECT
            one.1 AS breakdown,
            one.2 AS cell,
            uniqExactIf(household, verdict IN ('confirmed', 'dismissed')) AS households,
            uniqExactIf(household, verdict = 'confirmed') AS confirmed_households,
            uniqExactIf(household, verdict = 'dismissed') AS dismissed_households,
            countIf(verdict = 'confirmed') AS confirmed_visits,
            countIf(verdict = 'dismissed') AS dismissed_visits
        FROM backstop.verdicts
        ARRAY JOIN arrayConcat(
            [('county', county)],
            arrayMap(rule -> ('rule', toString(rule)), rules),
            arrayMap(class -> ('class', toString(class)), if(empty(classes), ['general'], classes))) AS one
        GROUP BY breakdown, cell
    ),
    beside AS
    (
        SELECT
            *,
            households BETWEEN 1 AND 4 AS is_small,
            sum(is_small) OVER (PARTITION BY breakdown) AS small_cells,
            sum(if(is_small, households, 0)) OVER (PARTITION BY breakdown) AS small_households,
            row_number() OVER (PARTITION BY breakdown, is_small OR households = 0 ORDER BY households, cell) AS place
        FROM cells
    )
SELECT
    breakdown,
    cell,
    is_small OR households > 0 AND place = 1 AND small_cells > 0 AND (small_cells = 1 OR small_households < 5) AS is_hidden,
    confirmed_households BETWEEN 1 AND 4 AS is_few_confirmed,
    dismissed_households BETWEEN 1 AND 4 AS is_few_dismissed,
    confirmed_visits + dismissed_visits AS visits,
    if(is_hidden, NULL, visits) AS decided,
    if(is_hidden OR is_few_confirmed OR is_few_dismissed, NULL, confirmed_visits) AS confirmed,
    if(decided > 0, confirmed / decided, NULL) AS precision,
    multiIf(
        is_hidden OR visits = 0, NULL,
        is_few_confirmed AND is_few_dismissed, 0,
        is_few_confirmed, 5 * floor((confirmed_visits - 1) / 5) / visits,
        is_few_dismissed, greatest(0, 1 - 5 * ceil(dismissed_visits / 5) / visits),
        confirmed_visits / visits) AS precision_from,
    multiIf(
        is_hidden OR visits = 0, NULL,
        is_few_confirmed AND is_few_dismissed, 1,
        is_few_confirmed, least(1, 5 * ceil(confirmed_visits / 5) / visits),
        is_few_dismissed, 1 - 5 * floor((dismissed_visits - 1) / 5) / visits,
        confirmed_visits / visits) AS precision_to
FROM beside
COMMENT 'what precision_by_rule, precision_by_class and precision_by_county read';

-- A visit counts for each rule that asked for it or joined it before somebody was at the door.
CREATE OR REPLACE VIEW backstop.precision_by_rule
DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT cell AS rule, decided, confirmed, precision, precision_from, precision_to
FROM backstop.precision_cells
WHERE breakdown = 'rule'
COMMENT 'of the visits decided about, the share that was confirmed, by rule; cells under 5 households are hidden';

-- A household of several classes counts for each.
CREATE OR REPLACE VIEW backstop.precision_by_class
DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT cell AS class, decided, confirmed, precision, precision_from, precision_to
FROM backstop.precision_cells
WHERE breakdown = 'class'
COMMENT 'of the visits decided about, the share that was confirmed, by class of today; cells under 5 households are hidden';

CREATE OR REPLACE VIEW backstop.precision_by_county
DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT cell AS county, decided, confirmed, precision, precision_from, precision_to
FROM backstop.precision_cells
WHERE breakdown = 'county'
COMMENT 'of the visits decided about, the share that was confirmed, by county; cells under 5 households are hidden';

-- There are no counts here that could be subtracted. Help that came first is in no `days_to_help`.
CREATE OR REPLACE VIEW backstop.times_by_county
DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    county,
    uniqExactIf(household, days_to_verify IS NOT NULL) < 5 AS is_few_verified,
    uniqExactIf(household, days_to_decide IS NOT NULL) < 5 AS is_few_decided,
    uniqExactIf(household, days_to_help IS NOT NULL) < 5 AS is_few_helped,
    if(is_few_verified, NULL, quantileExactInclusive(0.5)(days_to_verify)) AS days_to_verify_p50,
    if(is_few_verified, NULL, quantileExactInclusive(0.9)(days_to_verify)) AS days_to_verify_p90,
    if(is_few_decided, NULL, quantileExactInclusive(0.5)(days_to_decide)) AS days_to_decide_p50,
    if(is_few_decided, NULL, quantileExactInclusive(0.9)(days_to_decide)) AS days_to_decide_p90,
    if(is_few_helped, NULL, quantileExactInclusive(0.5)(days_to_help)) AS days_to_help_p50,
    if(is_few_helped, NULL, quantileExactInclusive(0.9)(days_to_help)) AS days_to_help_p90
FROM backstop.verdicts
GROUP BY county
COMMENT 'days from the request to the door, on to the decision, on to the first measure, by county; of fewer than 5 households they are hidden';
