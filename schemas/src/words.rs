//! The closed vocabularies: kinds and categories of entries, causes, classes, operations, reasons. Departments,
//! event types and the codes of statuses and incidents are open text and stand in the feeds' schemas and the
//! policies, so that a fifteenth department needs no build.

use serde::{Deserialize, Serialize};

/// What an entry is to a household (domain section 3: I, C, E, K, S, X, and what is kept beside them).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// I: money that counts as income. Follows the person.
    Income,
    /// C: business cost, taken off income. Follows the person.
    Cost,
    /// E: spending or loss. Stays with the household of its month.
    Expense,
    /// K: compensation, not income; carries the cause that it pays for. Stays with the household of its month.
    Compensation,
    /// Money that is neither (loans, subsidies for a purpose): shown, never summed into a measure.
    Note,
    /// S: a fact that holds until the next one of its code.
    Status,
    /// X: something that happened on a day.
    Incident,
    /// What an office did: an assistance measure, a verification, a visit.
    Action,
    /// The yearly survey or a verification: unreported income and who shares the economy.
    Survey,
    /// A household comes to be known, or a person joins or leaves one.
    Membership,
}

/// The accounting category of an amount. The feeds map into these; a department's own names stay in its schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// No amount of money.
    None,
    /// Wages.
    Wage,
    /// Wages of a public-welfare post.
    PublicPostWage,
    /// Sales of own produce.
    ProduceSale,
    /// Income of a business other than produce.
    BusinessIncome,
    /// Dividends of collectives and companies.
    Dividend,
    /// Compensation for land, and rents.
    LandCompensation,
    /// Pensions.
    Pension,
    /// Subsistence allowance.
    Dibao,
    /// Support of the destitute.
    Tekun,
    /// Subsidies for disabled persons.
    DisabilitySubsidy,
    /// Other subsidies that count as income (grain, ecology, elderly).
    Subsidy,
    /// Costs of production.
    ProductionCost,
    /// Inpatient bills, compliant out-of-pocket.
    MedicalInpatient,
    /// Outpatient bills, compliant out-of-pocket.
    MedicalOutpatient,
    /// Bills of chronic care, compliant out-of-pocket.
    MedicalChronic,
    /// Outpatient and chronic bills, all that was paid out of pocket; watched by the month (R04), no part of
    /// rigid expenditure, which counts the compliant part above.
    OutpatientOutOfPocket,
    /// Tuition and other schooling.
    Schooling,
    /// Losses by accident.
    AccidentLoss,
    /// Loss of the house.
    HouseLoss,
    /// Loss of goods.
    GoodsLoss,
    /// Loss of crops by a disaster; no part of rigid expenditure.
    CropLoss,
    /// Loss of production as the agriculture feed reports it; no part of rigid expenditure.
    ProductionLoss,
    /// Claims paid by an insurance.
    Claim,
    /// Temporary and disaster relief.
    Relief,
    /// Medical aid.
    MedicalAid,
    /// Student aid.
    StudentAid,
    /// Loans; never income.
    Loan,
    /// Subsidies for a purpose (renovation, projects); never income.
    ProjectSubsidy,
    /// Occasional gifts; never income.
    Gift,
}

impl Category {
    /// Every category, in the order of the Avro enum `Category`.
    pub const ALL: [Self; 30] = [
        Self::None,
        Self::Wage,
        Self::PublicPostWage,
        Self::ProduceSale,
        Self::BusinessIncome,
        Self::Dividend,
        Self::LandCompensation,
        Self::Pension,
        Self::Dibao,
        Self::Tekun,
        Self::DisabilitySubsidy,
        Self::Subsidy,
        Self::ProductionCost,
        Self::MedicalInpatient,
        Self::MedicalOutpatient,
        Self::MedicalChronic,
        Self::OutpatientOutOfPocket,
        Self::Schooling,
        Self::AccidentLoss,
        Self::HouseLoss,
        Self::GoodsLoss,
        Self::CropLoss,
        Self::ProductionLoss,
        Self::Claim,
        Self::Relief,
        Self::MedicalAid,
        Self::StudentAid,
        Self::Loan,
        Self::ProjectSubsidy,
        Self::Gift,
    ];

    /// Whether the amount is a part of net income (domain section 2: wage, business, property and transfer income).
    pub const fn is_income(self) -> bool {
        matches!(
            self,
            Self::Wage
                | Self::PublicPostWage
                | Self::ProduceSale
                | Self::BusinessIncome
                | Self::Dividend
                | Self::LandCompensation
                | Self::Pension
                | Self::Dibao
                | Self::Tekun
                | Self::DisabilitySubsidy
                | Self::Subsidy
        )
    }

    /// Whether the amount is spending or loss that a family cannot avoid (domain section 2: `rigid_net`, before
    /// help). Crops are not.
    pub const fn is_rigid(self) -> bool {
        matches!(
            self,
            Self::MedicalInpatient
                | Self::MedicalOutpatient
                | Self::MedicalChronic
                | Self::Schooling
                | Self::AccidentLoss
                | Self::HouseLoss
                | Self::GoodsLoss
        )
    }

    /// Whether the amount is help that is set against rigid expenditure of the same cause.
    pub const fn is_compensation(self) -> bool {
        matches!(self, Self::Claim | Self::Relief | Self::MedicalAid | Self::StudentAid)
    }

    /// Its name, as in the schemas and policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Wage => "wage",
            Self::PublicPostWage => "public_post_wage",
            Self::ProduceSale => "produce_sale",
            Self::BusinessIncome => "business_income",
            Self::Dividend => "dividend",
            Self::LandCompensation => "land_compensation",
            Self::Pension => "pension",
            Self::Dibao => "dibao",
            Self::Tekun => "tekun",
            Self::DisabilitySubsidy => "disability_subsidy",
            Self::Subsidy => "subsidy",
            Self::ProductionCost => "production_cost",
            Self::MedicalInpatient => "medical_inpatient",
            Self::MedicalOutpatient => "medical_outpatient",
            Self::MedicalChronic => "medical_chronic",
            Self::OutpatientOutOfPocket => "outpatient_out_of_pocket",
            Self::Schooling => "schooling",
            Self::AccidentLoss => "accident_loss",
            Self::HouseLoss => "house_loss",
            Self::GoodsLoss => "goods_loss",
            Self::CropLoss => "crop_loss",
            Self::ProductionLoss => "production_loss",
            Self::Claim => "claim",
            Self::Relief => "relief",
            Self::MedicalAid => "medical_aid",
            Self::StudentAid => "student_aid",
            Self::Loan => "loan",
            Self::ProjectSubsidy => "project_subsidy",
            Self::Gift => "gift",
        }
    }

    /// The category of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.name() == name)
    }
}

/// A cause of poverty (domain section 2), ordered by its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// 01
    Illness,
    /// 02
    Disaster,
    /// 03
    Disability,
    /// 04
    LackOfLabour,
    /// 05
    Accident,
    /// 06
    IndustryFailure,
    /// 07
    UnstableWork,
    /// 09
    Schooling,
    /// 99: housing, water, insurance gap.
    Other,
}

impl Cause {
    /// Every cause, in the order of the codes and of the Avro enum `Cause`.
    pub const ALL: [Self; 9] = [
        Self::Illness,
        Self::Disaster,
        Self::Disability,
        Self::LackOfLabour,
        Self::Accident,
        Self::IndustryFailure,
        Self::UnstableWork,
        Self::Schooling,
        Self::Other,
    ];

    /// The code of two digits that departments write.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Illness => "01",
            Self::Disaster => "02",
            Self::Disability => "03",
            Self::LackOfLabour => "04",
            Self::Accident => "05",
            Self::IndustryFailure => "06",
            Self::UnstableWork => "07",
            Self::Schooling => "09",
            Self::Other => "99",
        }
    }

    /// The cause of that code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.code() == code)
    }
}

/// A class of monitored household (domain section 2). A household has a set of them; the empty set is *general*.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Delisted: out of poverty, stable.
    Delisted,
    /// Delisted but unstable.
    DelistedUnstable,
    /// Receives the subsistence allowance.
    Dibao,
    /// Destitute, with dispersed support.
    Tekun,
    /// Still poor.
    RemainingPoor,
    /// Never listed, low income.
    Marginal,
    /// Above the line by income, below it after rigid expenditure.
    SuddenHardship,
}

impl Class {
    /// Every class, in the order of the Avro enum `Class`.
    pub const ALL: [Self; 7] = [
        Self::Delisted,
        Self::DelistedUnstable,
        Self::Dibao,
        Self::Tekun,
        Self::RemainingPoor,
        Self::Marginal,
        Self::SuddenHardship,
    ];

    /// Whether the class is one of the listed ones: any but `marginal` and `sudden_hardship`.
    pub const fn is_listed(self) -> bool {
        !matches!(self, Self::Marginal | Self::SuddenHardship)
    }

    /// Its name, as in the schemas and policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delisted => "delisted",
            Self::DelistedUnstable => "delisted_unstable",
            Self::Dibao => "dibao",
            Self::Tekun => "tekun",
            Self::RemainingPoor => "remaining_poor",
            Self::Marginal => "marginal",
            Self::SuddenHardship => "sudden_hardship",
        }
    }

    /// The class of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// What an event does to an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// A new event.
    Upsert,
    /// Takes the place of the event that it names.
    Correct,
    /// Takes back the event that it names.
    Retract,
}

/// Why a record became a dead letter: the closed list of reason codes. `rejected` ones come from normalise, which
/// has the original bytes; `refused` ones from resolve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No framing known: neither Confluent's nor single-object encoding.
    UnknownFraming,
    /// The framing names a schema that is not in the catalogue.
    UnknownSchema,
    /// The bytes do not fit their schema.
    Undecodable,
    /// No value at all, or an empty one.
    EmptyValue,
    /// The record is above `record_bytes_max`.
    RecordTooLarge,
    /// A field that is needed is missing or empty.
    MissingField,
    /// The citizen number is not valid.
    InvalidCitizenNumber,
    /// The household code is not valid.
    InvalidHouseholdCode,
    /// Neither a person nor a household is named.
    NoSubject,
    /// The source of the event is not the department of the topic.
    SourceMismatch,
    /// An amount below zero.
    NegativeAmount,
    /// An amount above the limit of its field.
    AbsurdAmount,
    /// A part is larger than its whole (out-of-pocket above total).
    InconsistentAmounts,
    /// A value outside its field's list or range.
    InvalidValue,
    /// It occurred after it was reported.
    OccurredAfterReport,
    /// A correction or retraction that does not name its original, or an original that names one.
    InvalidOperation,
    /// It occurred before the horizon.
    BeyondHorizon,
    /// A calendar record with a day that is not the next one, or of another shape.
    InvalidCalendar,
    /// A correction or retraction whose original did not come within the days for which one waits.
    OriginalNotFound,
    /// The person or household has as many parked records as are kept.
    ParkedLimit,
    /// Parked for longer than parked records are kept.
    ParkedExpired,
    /// The subject has as many ledger rows as are kept.
    LedgerLimit,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 22] = [
        Self::UnknownFraming,
        Self::UnknownSchema,
        Self::Undecodable,
        Self::EmptyValue,
        Self::RecordTooLarge,
        Self::MissingField,
        Self::InvalidCitizenNumber,
        Self::InvalidHouseholdCode,
        Self::NoSubject,
        Self::SourceMismatch,
        Self::NegativeAmount,
        Self::AbsurdAmount,
        Self::InconsistentAmounts,
        Self::InvalidValue,
        Self::OccurredAfterReport,
        Self::InvalidOperation,
        Self::BeyondHorizon,
        Self::InvalidCalendar,
        Self::OriginalNotFound,
        Self::ParkedLimit,
        Self::ParkedExpired,
        Self::LedgerLimit,
    ];

    /// The code, as in headers, metrics and ClickHouse.
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownFraming => "unknown_framing",
            Self::UnknownSchema => "unknown_schema",
            Self::Undecodable => "undecodable",
            Self::EmptyValue => "empty_value",
            Self::RecordTooLarge => "record_too_large",
            Self::MissingField => "missing_field",
            Self::InvalidCitizenNumber => "invalid_citizen_number",
            Self::InvalidHouseholdCode => "invalid_household_code",
            Self::NoSubject => "no_subject",
            Self::SourceMismatch => "source_mismatch",
            Self::NegativeAmount => "negative_amount",
            Self::AbsurdAmount => "absurd_amount",
            Self::InconsistentAmounts => "inconsistent_amounts",
            Self::InvalidValue => "invalid_value",
            Self::OccurredAfterReport => "occurred_after_report",
            Self::InvalidOperation => "invalid_operation",
            Self::BeyondHorizon => "beyond_horizon",
            Self::InvalidCalendar => "invalid_calendar",
            Self::OriginalNotFound => "original_not_found",
            Self::ParkedLimit => "parked_limit",
            Self::ParkedExpired => "parked_expired",
            Self::LedgerLimit => "ledger_limit",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_from_its_name() {
        for category in Category::ALL {
            assert_eq!(Category::parse(category.name()), Some(category));
            assert_eq!(serde_json::to_value(category).expect("json"), category.name());
        }
        for cause in Cause::ALL {
            assert_eq!(Cause::parse(cause.code()), Some(cause));
        }
        for class in Class::ALL {
            assert_eq!(Class::parse(class.name()), Some(class));
            assert_eq!(serde_json::to_value(class).expect("json"), class.name());
        }
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_value(reason).expect("json"), reason.code());
        }
    }
}
