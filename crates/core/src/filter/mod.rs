//! Which vectors may be answered: sets of ids, the slots they stand for, the test that a walk asks for each node, and
//! the choice between walking the graph and comparing the few that match.
//!
//! A user names *ids*, once and for any index ([`IdSet`]); an index makes *slots* of them, once for each state that it
//! is in ([`SlotSet`]). The graph asks an [`Admission`], and knows of neither.

mod admit;
mod id_set;
mod patience;
mod plan;
mod slots;

pub use admit::{Admission, Admitted, Everyone, TwoHop};
pub use id_set::{IdSet, State};
pub use patience::Patience;
pub use plan::{Costs, Task, beyond, reach};
pub use slots::SlotSet;

use crate::types::Missing;

/// Which vectors a search may answer.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'a> {
    /// Their ids.
    pub ids: &'a IdSet,
    /// What to do about ids that the index does not hold.
    pub missing: Missing,
}
