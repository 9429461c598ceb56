-- What came to a household while its case was open: relief, medical aid, student aid and claims, by the day on which they
-- were paid. What is hidden from many eyes is what `verdicts` says of cells.

-- From which day to which each case was open. A case of the past is known by what was said and done about it: it ended
-- when it was closed or decided about, else with its last request, else before the next one began.
CREATE OR REPLACE VIEW backstop.case_spans AS
WITH
    said AS
    (
        SELECT
            household,
            case_number,
            minIf(day, kind IN ('raised', 'updated')) AS first_day,
            maxOrNullIf(day, kind = 'closed') AS closed_day,
            maxOrNullIf(day, kind IN ('no_longer_met', 'withdrawn')) AS last_day
        FROM backstop.warnings
        WHERE case_number > 0 AND level IN ('M', 'H')
        GROUP BY household, case_number
        HAVING countIf(kind IN ('raised', 'updated')) > 0
    ),
    spans AS
    (
        SELECT
            said.household AS household,
            said.case_number AS case_number,
            said.last_day AS last_day,
            cases.case_number = said.case_number AS is_latest,
            if(is_latest, cases.step, '') AS step,
            if(is_latest, ifNull(cases.opened_day, said.first_day), said.first_day) AS opened_day,
            if(is_latest, cases.closed_day, said.closed_day) AS closed_day,
            arrayFilter(act -> act.case_number = said.case_number AND act.value IN ('dismissed', 'cleared'), cases.acts) AS ends,
            leadInFrame(toNullable(opened_day)) OVER (
                PARTITION BY said.household ORDER BY said.case_number
                ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS next_day
        FROM said
        LEFT JOIN (SELECT household, case_number, step, opened_day, closed_day, acts FROM backstop.cases FINAL) AS cases
            ON cases.household = said.household
    )
SELECT
    household,
    substring(household, 1, 6) AS county,
    case_number,
    step,
    opened_day,
    multiIf(
        is_latest AND step NOT IN ('none', 'dismissed', 'cleared'), NULL,
        closed_day IS NOT NULL, closed_day,
        notEmpty(ends), ends[-1].day,
        ifNull(last_day, next_day)) AS ended_day
FROM spans
COMMENT 'one row for each case: from which day to which it was open (NULL: still), and the step of the latest one; for the offices that hold the cases';

CREATE OR REPLACE VIEW backstop.paid_by_case AS
SELECT
    spans.household AS household,
    spans.county AS county,
    spans.case_number AS case_number,
    spans.opened_day AS opened_day,
    spans.ended_day AS ended_day,
    sumIf(paid.amount_fen, paid.category = 'relief') AS relief_fen,
    sumIf(paid.amount_fen, paid.category = 'medical_aid') AS medical_aid_fen,
    sumIf(paid.amount_fen, paid.category = 'student_aid') AS student_aid_fen,
    sumIf(paid.amount_fen, paid.category = 'claim') AS claim_fen,
    relief_fen + medical_aid_fen + student_aid_fen + claim_fen AS paid_fen
FROM backstop.case_spans AS spans
LEFT JOIN
(
    SELECT
        entries.household AS household,
        cases.case_number AS case_number,
        category,
        sum(sign * amount_fen) AS amount_fen
    FROM backstop.entries AS entries
    INNER JOIN backstop.case_spans AS cases ON cases.household = entries.household
    WHERE category IN ('relief', 'medical_aid', 'student_aid', 'claim')
        AND day >= cases.opened_day AND (cases.ended_day IS NULL OR day <= cases.ended_day)
    GROUP BY household, case_number, category
) AS paid ON paid.household = spans.household AND paid.case_number = spans.case_number
GROUP BY household, county, case_number, opened_day, ended_day
COMMENT 'fen that came to the household between the opening and the end of each case, both days included; for the offices that hold the cases';

-- For many eyes: each county and kind of payment. The next smallest cell of a kind is hidden beside a single one.
CREATE OR REPLACE VIEW backstop.paid_by_county
DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
WITH
    cells AS
    (
        SELECT
            county,
            one.1 AS category,
            uniqExactIf(household, one.2 != 0) AS all_households,
            countIf(one.2 != 0) AS all_cases,
            sum(one.2) AS all_fen
        FROM backstop.paid_by_case
        ARRAY JOIN [('relief', relief_fen), ('medical_aid', medical_aid_fen), ('student_aid', student_aid_fen), ('claim', claim_fen)] AS one
        GROUP BY county, category
    ),
    beside AS
    (
        SELECT
            *,
            all_households BETWEEN 1 AND 4 AS is_small,
            sum(is_small) OVER (PARTITION BY category) AS small_cells,
            sum(if(is_small, all_households, 0)) OVER (PARTITION BY category) AS small_households,
            row_number() OVER (PARTITION BY category, is_small OR all_households = 0 ORDER BY all_households, county) AS place
        FROM cells
    )
SELECT
    county,
    category,
    is_small OR all_households > 0 AND place = 1 AND small_cells > 0 AND (small_cells = 1 OR small_households < 5) AS is_hidden,
    if(is_hidden, NULL, all_households) AS households,
    if(is_hidden, NULL, all_cases) AS cases,
    if(is_hidden, NULL, all_fen) AS amount_fen
FROM beside
COMMENT 'what came to households during their cases, by county and kind; cells under 5 households are hidden';
