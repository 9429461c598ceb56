//! What is measured: the groups that a person asks for, and the parts that are measured in processes of their own. It
//! does not know how any of it is done.

use std::fmt;
use std::str::FromStr;

/// What one run of the command measures; each on brokers of its own, but for those that say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Group {
    /// What the client does without any stage, and the bare loop; on the brokers of `stages`.
    Floor,
    /// Each stage alone.
    Stages,
    /// The end of a month; on the brokers of `stages`, after them.
    MonthEnd,
    /// The three services together, fed as fast as they can.
    Pipeline,
    /// The same at half of that rate; on the brokers of `pipeline`, after it.
    Latency,
    /// Services that are killed.
    Restore,
}

/// One of the four stages, in the order of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Normalise,
    Resolve,
    Fuse,
    Alert,
}

impl Stage {
    /// All of them, each reading what the one before has written.
    pub(super) const ALL: [Self; 4] = [Self::Normalise, Self::Resolve, Self::Fuse, Self::Alert];

    /// Its name, as in its consumer group.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Normalise => "normalise",
            Self::Resolve => "resolve",
            Self::Fuse => "fuse",
            Self::Alert => "alert",
        }
    }

    /// What it reads: the one topic, or `feeds` for all of them.
    pub(super) fn input(self) -> &'static str {
        match self {
            Self::Normalise => FEEDS,
            Self::Resolve => "subjects.entries",
            Self::Fuse => "households.entries",
            Self::Alert => "households.states",
        }
    }
}

/// Stands for all feed topics together.
pub(super) const FEEDS: &str = "feeds";

/// One measurement, made by a process of its own so that its memory and its processor time are its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The client reads all feeds.
    Consume,
    /// The client writes bytes of the feeds.
    Produce,
    /// The client reads a stage's input and writes the same bytes, in transactions.
    ConsumeProduce(Stage),
    /// The stage reads its input, alone.
    Stage(Stage),
    /// Fuse reads its input, alone, with two workers.
    FuseByTwo,
    /// So many bare loops read fuse's input.
    BareLoops(u32),
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Consume => out.write_str("consume"),
            Self::Produce => out.write_str("produce"),
            Self::ConsumeProduce(stage) => write!(out, "consume-produce/{}", stage.name()),
            Self::Stage(stage) => write!(out, "stage/{}", stage.name()),
            Self::FuseByTwo => out.write_str("two-workers/fuse"),
            Self::BareLoops(workers) => write!(out, "bare-loops/{workers}"),
        }
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("`{text}` is no part of the bench");
        let stage = |name: &str| Stage::ALL.into_iter().find(|stage| stage.name() == name).ok_or_else(unknown);
        match text.split_once('/') {
            None if text == "consume" => Ok(Self::Consume),
            None if text == "produce" => Ok(Self::Produce),
            Some(("consume-produce", name)) => stage(name).map(Self::ConsumeProduce),
            Some(("stage", name)) => stage(name).map(Self::Stage),
            Some(("two-workers", "fuse")) => Ok(Self::FuseByTwo),
            Some(("bare-loops", workers)) => workers.parse().map(Self::BareLoops).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_named_so_that_a_child_process_finds_it_again() {
        let of_stages = Stage::ALL.into_iter().flat_map(|stage| [Part::ConsumeProduce(stage), Part::Stage(stage)]);
        for part in [Part::Consume, Part::Produce, Part::FuseByTwo, Part::BareLoops(2)].into_iter().chain(of_stages) {
            assert_eq!(part.to_string().parse(), Ok(part));
        }
        for text in ["", "consume/alert", "stage/alarm", "consume-produce", "bare-loops/x"] {
            let found: Result<Part, String> = text.parse();
            assert!(found.is_err_and(|fault| fault.contains(text)), "{text}");
        }
    }
}
