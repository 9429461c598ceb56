//! The events of the 14 feeds as the departments write them: one type per schema of `schemas/feeds`, field for field
//! beside the envelope. It does not know when or why they happen, nor how they are framed.

use schemas::Cause;
use serde::Serialize;
use serde::ser::SerializeStruct;

/// The departments, in the order of their feeds.
pub(crate) const DEPARTMENTS: [&str; 14] = [
    "health-insurance",
    "health",
    "civil-affairs",
    "human-resources",
    "education",
    "emergency-management",
    "housing",
    "water",
    "agriculture",
    "public-security",
    "disabled-federation",
    "finance",
    "natural-resources",
    "rural-revitalisation",
];

/// The part that every event has, as far as it is not fixed by the type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    /// The department's own id.
    pub(crate) event_id: &'a str,
    /// The person.
    pub(crate) person_id: Option<&'a str>,
    /// The household.
    pub(crate) household_code: Option<&'a str>,
    /// When it occurred, milliseconds since 1970-01-01T00:00:00Z.
    pub(crate) occurred_ms: i64,
    /// When it was reported, likewise.
    pub(crate) reported_ms: i64,
    /// What it does.
    pub(crate) op: schemas::Op,
    /// To which event.
    pub(crate) corrects_event_id: Option<&'a str>,
    /// The paper behind it.
    pub(crate) document_number: Option<&'a str>,
}

/// One event type: its schema and where it belongs.
pub(crate) struct Described {
    /// The department.
    pub(crate) department: &'static str,
    /// The name of the record.
    pub(crate) event_type: &'static str,
    /// The text of the schema.
    pub(crate) schema: &'static str,
}

impl Described {
    /// The full name of the record.
    pub(crate) fn full_name(&self) -> String {
        format!("backstop.feeds.{}.{}", self.department.replace('-', "_"), self.event_type)
    }
}

/// The Confluent ids of the schemas.
pub(crate) const INDEX: &str = include_str!("../../../schemas/feeds/index.json");

/// The fields of an event beside its envelope.
pub(crate) trait Body {
    /// Its place in [`EVENTS`].
    const EVENT: usize;
    /// How many fields it has.
    const FIELDS: usize;
    /// Whether it has an amount or a date that can be wrong.
    const CAN_BE_WRONG: bool;
    /// Writes them in the order of the schema.
    fn write<S: SerializeStruct>(&self, out: &mut S) -> Result<(), S::Error>;
    /// The same with a mistake.
    #[must_use]
    fn with(&self, wrong: Wrong) -> Self
    where
        Self: Sized;
}

/// A mistake: every amount of the event multiplied by so many percent, every date moved by so many days.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wrong {
    /// Of the amounts, in percent.
    pub(crate) percent: i64,
    /// By which dates are moved.
    pub(crate) days: i32,
}

/// A value that may be wrong, by the name of its field; those of most types never are.
trait Mistakable: Sized {
    fn mistaken(self, _name: &str, _wrong: Wrong) -> Self {
        self
    }
}

impl Mistakable for i64 {
    fn mistaken(self, name: &str, wrong: Wrong) -> Self {
        if is_amount(name) { self / 100 * wrong.percent } else { self }
    }
}

impl Mistakable for Option<i64> {
    fn mistaken(self, name: &str, wrong: Wrong) -> Self {
        self.map(|amount| amount.mistaken(name, wrong))
    }
}

impl Mistakable for i32 {
    fn mistaken(self, name: &str, wrong: Wrong) -> Self {
        if is_date(name) { self + wrong.days } else { self }
    }
}

impl Mistakable for bool {}
impl Mistakable for Option<bool> {}
impl Mistakable for Option<i32> {}
impl Mistakable for Cause {}
impl Mistakable for Option<Cause> {}
impl Mistakable for &str {}
impl Mistakable for Option<&str> {}
impl<T> Mistakable for &[T] {}

const fn is_amount(name: &str) -> bool {
    ends_with(name.as_bytes(), b"_fen")
}

const fn is_date(name: &str) -> bool {
    ends_with(name.as_bytes(), b"_date")
}

const fn ends_with(text: &[u8], end: &[u8]) -> bool {
    let mut left = end.len();
    if text.len() < left {
        return false;
    }
    while left > 0 && text[text.len() - end.len() + left - 1] == end[left - 1] {
        left -= 1;
    }
    left == 0
}

/// A whole event, ready for the encoder.
pub(crate) struct Whole<'a, B> {
    /// The envelope.
    pub(crate) head: &'a Head<'a>,
    /// The rest.
    pub(crate) body: &'a B,
}

impl<B: Body> Serialize for Whole<'_, B> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let described = &EVENTS[B::EVENT];
        let head = self.head;
        let mut out = serializer.serialize_struct(described.event_type, 10 + B::FIELDS)?;
        out.serialize_field("event_id", head.event_id)?;
        out.serialize_field("source", described.department)?;
        out.serialize_field("event_type", described.event_type)?;
        out.serialize_field("person_id", &head.person_id)?;
        out.serialize_field("household_code", &head.household_code)?;
        out.serialize_field("occurred_at", &head.occurred_ms)?;
        out.serialize_field("reported_at", &head.reported_ms)?;
        out.serialize_field("op", &head.op)?;
        out.serialize_field("corrects_event_id", &head.corrects_event_id)?;
        out.serialize_field("document_number", &head.document_number)?;
        self.body.write(&mut out)?;
        out.end()
    }
}

/// The name of a field without Rust's mark for words of its own.
fn plain(name: &'static str) -> &'static str {
    name.strip_prefix("r#").unwrap_or(name)
}

/// Declares the events: a type each, and the list of all of them.
macro_rules! events {
    ($( $name:ident $(<$life:lifetime>)? = $department:literal $event:literal { $($field:ident: $type:ty),* } )*) => {
        #[derive(Clone, Copy)]
        enum Place { $($name),* }

        /// Every event type.
        pub(crate) const EVENTS: &[Described] = &[$(Described {
            department: $department,
            event_type: $event,
            schema: include_str!(concat!("../../../schemas/feeds/", $department, "/", $event, ".avsc")),
        }),*];

        $(
            #[doc = concat!("Event `", $event, "` of ", $department, "; its schema says what the fields hold.")]
            #[derive(Clone, Debug)]
            #[allow(missing_docs, reason = "the schema has a doc for each field")]
            pub(crate) struct $name $(<$life>)? { $(pub(crate) $field: $type),* }

            impl $(<$life>)? Body for $name $(<$life>)? {
                const EVENT: usize = Place::$name as usize;
                const FIELDS: usize = [$(stringify!($field)),*].len();
                const CAN_BE_WRONG: bool = $(is_amount(stringify!($field)) || is_date(stringify!($field)) ||)* false;
                fn write<S: SerializeStruct>(&self, out: &mut S) -> Result<(), S::Error> {
                    $(out.serialize_field(plain(stringify!($field)), &self.$field)?;)*
                    Ok(())
                }
                fn with(&self, wrong: Wrong) -> Self {
                    Self { $($field: self.$field.mistaken(stringify!($field), wrong)),* }
                }
            }
        )*
    };
}

/// A member as `household_registered` lists it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Listed<'a> {
    /// The citizen number.
    pub(crate) person_id: &'a str,
    /// The relation to the head.
    pub(crate) relation: &'static str,
}

events! {
    MedicalSettlement = "health-insurance" "medical_settlement" {
        total_fen: i64, reimbursed_fen: i64, out_of_pocket_fen: i64, compliant_out_of_pocket_fen: Option<i64>,
        visit_type: &'static str, out_of_county: bool, cause: Option<Cause>
    }
    InsuranceEnrolment = "health-insurance" "insurance_enrolment" {
        insured: bool, year: Option<i32>, insurance_type: Option<&'static str>
    }
    HospitalBill = "health" "hospital_bill" {
        total_fen: i64, reimbursed_fen: i64, out_of_pocket_fen: i64, compliant_out_of_pocket_fen: Option<i64>,
        visit_type: &'static str, out_of_county: bool, cause: Option<Cause>
    }
    CriticalDiseaseRegistered = "health" "critical_disease_registered" { disease_code: &'static str }
    Birth = "health" "birth" { children: i32 }
    Death = "health" "death" { manner: &'static str }
    DibaoPayment = "civil-affairs" "dibao_payment" { amount_fen: i64, month: i32, months: Option<i32> }
    TekunPayment = "civil-affairs" "tekun_payment" { amount_fen: i64, month: i32, months: Option<i32> }
    TemporaryRelief = "civil-affairs" "temporary_relief" { amount_fen: i64, cause: Cause }
    MedicalAidPaid = "civil-affairs" "medical_aid_paid" { amount_fen: i64, cause: Option<Cause> }
    ClassChanged<'a> = "civil-affairs" "class_changed" { classes: &'a [&'static str] }
    WageReported = "human-resources" "wage_reported" {
        amount_fen: i64, month: i32, months: Option<i32>, place: Option<&'static str>
    }
    PensionPaid = "human-resources" "pension_paid" { amount_fen: i64, month: i32, months: Option<i32> }
    UnemploymentRegistered = "human-resources" "unemployment_registered" { reason: Option<&'static str> }
    WorkInjury = "human-resources" "work_injury" { degree: Option<i32> }
    PublicEmployment = "human-resources" "public_employment" { employed: bool }
    LabourAssessed = "human-resources" "labour_assessed" { capacity: &'static str }
    TuitionCharged = "education" "tuition_charged" { amount_fen: i64, stage: &'static str, school_year: i32 }
    StudentAid = "education" "student_aid" { amount_fen: i64, school_year: i32 }
    DropoutSuspected = "education" "dropout_suspected" { absent_days: i32 }
    DisasterLoss = "emergency-management" "disaster_loss" {
        loss_fen: i64, hazard_code: &'static str, asset: &'static str, destroyed: bool, cause: Option<Cause>
    }
    EmergencyCasualty = "emergency-management" "casualty" { kind: &'static str, outcome: &'static str }
    DisasterRelief = "emergency-management" "disaster_relief" { amount_fen: i64, cause: Option<Cause> }
    HouseSafetyGraded = "housing" "house_safety_graded" { grade: &'static str, cause: Option<Cause> }
    RenovationSubsidy = "housing" "renovation_subsidy" { amount_fen: i64 }
    WaterSafetyChanged = "water" "water_safety_changed" { safe: bool, reason: Option<&'static str> }
    ProduceSale = "agriculture" "produce_sale" { crop: &'static str, quantity_kg: i32, amount_fen: i64 }
    ProductionCost = "agriculture" "production_cost" { crop: Option<&'static str>, amount_fen: i64 }
    ProductionLoss = "agriculture" "production_loss" { crop: &'static str, loss_fen: i64, percent: i32 }
    ProjectSubsidy = "agriculture" "project_subsidy" { amount_fen: i64, project: Option<&'static str> }
    HouseholdRegistered<'a> = "public-security" "household_registered" {
        registered_date: i32, members: &'a [Listed<'a>]
    }
    MemberChanged<'a> = "public-security" "member_changed" {
        change: &'static str, effective_date: i32, from_household_code: Option<&'a str>, persons: &'a [&'a str]
    }
    PoliceCasualty = "public-security" "casualty" { kind: &'static str, outcome: &'static str }
    VehicleRegistered = "public-security" "vehicle_registered" { registered: bool, price_fen: Option<i64> }
    DisabilityCertified = "disabled-federation" "disability_certified" { category: &'static str, grade: i32 }
    DisabilitySubsidy = "disabled-federation" "disability_subsidy" {
        amount_fen: i64, month: i32, months: Option<i32>
    }
    SubsidyPaid = "finance" "subsidy_paid" { subsidy_code: &'static str, amount_fen: i64 }
    PropertyRegistered = "natural-resources" "property_registered" { r#use: &'static str }
    LandCompensation = "natural-resources" "land_compensation" { amount_fen: i64 }
    GeohazardNotice = "natural-resources" "geohazard_notice" { level: &'static str }
    GridReport = "rural-revitalisation" "grid_report" { cause: Cause, estimate_fen: Option<i64> }
    SelfApplication = "rural-revitalisation" "self_application" { cause: Cause, estimate_fen: Option<i64> }
    HouseholdSurveyed = "rural-revitalisation" "household_surveyed" {
        unreported_income_fen: i64, debts_fen: Option<i64>, members: i32, relocated: Option<bool>
    }
    ClassListed<'a> = "rural-revitalisation" "class_listed" { classes: &'a [&'static str] }
    DividendPaid = "rural-revitalisation" "dividend_paid" { amount_fen: i64 }
    PublicPostWage = "rural-revitalisation" "public_post_wage" { amount_fen: i64, month: i32, months: Option<i32> }
    InsuranceClaimPaid = "rural-revitalisation" "insurance_claim_paid" { amount_fen: i64, cause: Cause }
    MicroloanDisbursed = "rural-revitalisation" "microloan_disbursed" { amount_fen: i64 }
    AssistanceMeasure = "rural-revitalisation" "assistance_measure" {
        measure: &'static str, cause: Option<Cause>
    }
    VerificationResult = "rural-revitalisation" "verification_result" {
        verdict: &'static str, cause: Option<Cause>, members: Option<i32>, unreported_income_fen: Option<i64>
    }
    FollowUpVisit = "rural-revitalisation" "follow_up_visit" { result: &'static str }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_type_of_the_catalogue_can_be_written() {
        let index: serde_json::Value = serde_json::from_str(INDEX).expect("the index is JSON");
        for listed in index["ids"].as_array().expect("a list") {
            let record = listed["record"].as_str().expect("a name");
            let known = EVENTS.iter().any(|described| described.full_name() == record);
            assert!(known, "{record} is in the catalogue, and the simulator cannot write it");
        }
        for described in EVENTS {
            assert!(DEPARTMENTS.contains(&described.department), "{}", described.department);
        }
    }
}
