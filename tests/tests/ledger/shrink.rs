//! Makes a history that shows a difference smaller, as long as it still shows one. It does not know what a difference
//! is.

use crate::history::{Said, Step};

/// The smallest history that is found from this one and still `fails`.
pub(crate) fn shrink(steps: Vec<Step>, fails: &impl Fn(&[Step]) -> bool) -> Vec<Step> {
    let mut best = steps;
    loop {
        let before = best.clone();
        best = without_parts(best, fails);
        best = with_simpler_records(best, fails);
        if best == before {
            return best;
        }
    }
}

/// Leaves out ever smaller parts.
fn without_parts(mut best: Vec<Step>, fails: &impl Fn(&[Step]) -> bool) -> Vec<Step> {
    let mut size = best.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < best.len() {
            let mut fewer = best.clone();
            fewer.drain(at..(at + size).min(best.len()));
            if fails(&fewer) {
                best = fewer;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    best
}

/// Makes each record simpler: every delivery of the same record alike, so that it stays the same.
fn with_simpler_records(mut best: Vec<Step>, fails: &impl Fn(&[Step]) -> bool) -> Vec<Step> {
    for at in 0..best.len() {
        let Step::Say(said) = &best[at] else { continue };
        for simpler in simpler(said) {
            let name = (simpler.event, simpler.version, simpler.ordinal);
            let mut steps = best.clone();
            for step in &mut steps {
                if let Step::Say(other) = step
                    && (other.event, other.version, other.ordinal) == name
                {
                    let reported_at_ms = other.reported_at_ms;
                    *other = Said { reported_at_ms, ..simpler.clone() };
                }
            }
            if steps != best && fails(&steps) {
                best = steps;
            }
        }
    }
    best
}

/// Simpler forms of a record, each in one respect.
fn simpler(said: &Said) -> Vec<Said> {
    let mut all = Vec::new();
    for at in 0..said.lines.len() {
        let mut one = said.clone();
        if one.lines.len() > 1 {
            one.lines.remove(at);
            all.push(one.clone());
            one = said.clone();
        }
        one.lines[at].months = 1;
        all.push(one.clone());
        if one.lines[at].amount_fen > 100 {
            one.lines[at].amount_fen = 100;
            all.push(one);
        }
    }
    all.push(Said { document: None, ..said.clone() });
    if said.person.is_some() && said.lines.iter().all(|line| line.kind != schemas::Kind::Membership) {
        all.push(Said { household: None, ..said.clone() });
    }
    all
}
