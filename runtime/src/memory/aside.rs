//! A stage that is replayed on the input that a log already holds: what it says into that very input goes to a topic
//! beside it, or it would be read a second time. It knows no stage.

use crate::hooked::{Hooked, NoHooks};
use crate::stage::Stage;

/// Where a replayed stage says what it would say in its own input. The topic must have been created.
pub const ASIDE: &str = "replayed";

/// The stage, to be replayed: its words into its own input go to [`ASIDE`].
pub fn aside<S: Stage>(stage: S) -> Hooked<S> {
    let inputs = stage.topology().inputs.clone();
    Hooked::new(stage, NoHooks, |topic| inputs.iter().any(|input| input == topic).then(|| ASIDE.to_owned()))
}
