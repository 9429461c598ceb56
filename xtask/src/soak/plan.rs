//! What happens in a soak, and when: drawn from a seed before the run begins. Does not know how anything is done.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::proxy::Network;
use crate::services::SERVICES;

/// How many kills come with one zombie and one rebalance, and with one of each other fault; a run has one of each at
/// least.
const KILLS_PER_GROUP_FAULT: u32 = 15;
const KILLS_PER_SERVER_FAULT: u32 = 25;

/// Which network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// Between the services and Kafka.
    Kafka,
    /// Between `alert` and ClickHouse.
    Clickhouse,
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// SIGKILL, and a start at once.
    Kill { service: &'static str, instance: u32 },
    /// SIGSTOP, for longer than a group waits for a member, and SIGCONT: then somebody goes on who was given up.
    Zombie { service: &'static str, instance: u32, lasts: Duration },
    /// One more instance comes, and goes in order.
    Rebalance { service: &'static str, lasts: Duration },
    /// SIGKILL for Kafka, and a start.
    BrokerRestart { lasts: Duration },
    /// SIGKILL for ClickHouse, and a start.
    ClickhouseRestart { lasts: Duration },
    /// A network is cut or slow.
    Network { link: Link, network: Network, lasts: Duration },
}

/// When something happens, after the load has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) at: Duration,
    pub(super) fault: Fault,
}

/// Draws from a seed.
struct Dice(ChaCha8Rng);

impl Dice {
    fn below(&mut self, end: u32) -> u32 {
        // The bias of the multiplication is at most end / 2^32.
        ((u64::from(self.0.next_u32()) * u64::from(end)) >> 32) as u32
    }

    fn between_ms(&mut self, low: u32, high: u32) -> Duration {
        Duration::from_millis(u64::from(low + self.below(high - low + 1)))
    }

    /// Between two shares of a time.
    fn within(&mut self, whole: Duration, from: f64, to: f64) -> Duration {
        let share = f64::from(self.0.next_u32()) / f64::from(u32::MAX);
        whole.mul_f64(from + (to - from) * share)
    }

    fn shuffle<T>(&mut self, rows: &mut [T]) {
        for last in (1..rows.len()).rev() {
            rows.swap(last, self.below(last as u32 + 1) as usize);
        }
    }
}

/// The faults of a run in their order. Kills come at any moment; the others are spread, each at any moment of its part
/// of the run.
pub(super) fn draw(kills: u32, whole: Duration, instances: u32, seed: u64) -> Vec<Planned> {
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
    let mut planned = Vec::new();
    let offset = dice.below(SERVICES.len() as u32);
    for kill in 0..kills {
        let service = SERVICES[((kill + offset) as usize) % SERVICES.len()];
        let instance = dice.below(instances);
        planned.push(Planned { at: dice.within(whole, 0.02, 0.92), fault: Fault::Kill { service, instance } });
    }
    let mut others = others(&mut dice, kills, instances);
    dice.shuffle(&mut others);
    let part = 0.88 / others.len() as f64;
    for (place, fault) in others.into_iter().enumerate() {
        let from = 0.02 + part * place as f64;
        planned.push(Planned { at: dice.within(whole, from, from + part), fault });
    }
    planned.sort_by_key(|one| one.at);
    planned
}

fn others(dice: &mut Dice, kills: u32, instances: u32) -> Vec<Fault> {
    let mut faults = Vec::new();
    let offset = dice.below(SERVICES.len() as u32);
    for place in 0..kills.div_ceil(KILLS_PER_GROUP_FAULT).max(1) {
        let service = SERVICES[((place + offset) as usize) % SERVICES.len()];
        let other = SERVICES[((place + offset + 1) as usize) % SERVICES.len()];
        // The session of a member lasts 15 s.
        let lasts = dice.between_ms(17_000, 24_000);
        faults.push(Fault::Zombie { service, instance: dice.below(instances), lasts });
        faults.push(Fault::Rebalance { service: other, lasts: dice.between_ms(6_000, 15_000) });
    }
    for _ in 0..kills.div_ceil(KILLS_PER_SERVER_FAULT).max(1) {
        faults.push(Fault::BrokerRestart { lasts: dice.between_ms(0, 8_000) });
        faults.push(Fault::ClickhouseRestart { lasts: dice.between_ms(0, 8_000) });
        for link in [Link::Kafka, Link::Clickhouse] {
            let lasts = dice.between_ms(1_000, 10_000);
            faults.push(Fault::Network { link, network: Network::Broken, lasts });
            let lasts = dice.between_ms(1_000, 20_000);
            faults.push(Fault::Network { link, network: Network::Silent, lasts });
            let (network, lasts) = (Network::Slow(dice.between_ms(20, 150)), dice.between_ms(3_000, 10_000));
            faults.push(Fault::Network { link, network, lasts });
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_run_again_and_each_run_has_one_of_each() {
        let whole = Duration::from_mins(1);
        for seed in 0..50 {
            let plan = draw(10, whole, 2, seed);
            assert_eq!(plan, draw(10, whole, 2, seed));
            assert_ne!(plan, draw(10, whole, 2, seed + 1));
            assert!(plan.iter().all(|one| one.at <= whole) && plan.is_sorted_by_key(|one| one.at));
            let count = |is: fn(&Fault) -> bool| plan.iter().filter(|one| is(&one.fault)).count();
            assert_eq!(count(|fault| matches!(fault, Fault::Kill { .. })), 10);
            for is in [
                |fault: &Fault| matches!(fault, Fault::Zombie { .. }),
                |fault: &Fault| matches!(fault, Fault::Rebalance { .. }),
                |fault: &Fault| matches!(fault, Fault::BrokerRestart { .. }),
                |fault: &Fault| matches!(fault, Fault::ClickhouseRestart { .. }),
            ] {
                assert_eq!(count(is), 1);
            }
            for service in SERVICES {
                let is_killed = |one: &Planned| matches!(one.fault, Fault::Kill { service: of, .. } if of == service);
                assert!(plan.iter().filter(|one| is_killed(one)).count() >= 3, "{service}");
            }
        }
    }
}
