//! Many faults, some at a time.

use futures::StreamExt as _;

use super::kind::Kind;
use super::outcome::Outcome;
use super::{processes, tokens};

/// Which faults are played.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// The seed of the first fault; every further one has the next.
    pub(crate) seed: u64,
    /// How many.
    pub(crate) count: u64,
    /// Of this kind alone; otherwise of all kinds in turn.
    pub(crate) kind: Option<Kind>,
    /// How many of those that can be played beside each other.
    pub(crate) at_once: usize,
}

impl Plan {
    /// The faults, each with its seed. A fault depends on nothing else, so it can be played again by itself.
    fn faults(self) -> impl Iterator<Item = (Kind, u64)> {
        (0..self.count).map(move |number| {
            let seed = self.seed.wrapping_add(number);
            (self.kind.unwrap_or_else(|| Kind::by_turns(seed)), seed)
        })
    }
}

/// Plays all of them and tells each as it ends. Those of a deployment are played one by one beside the others.
pub(crate) async fn run(plan: Plan, tell: impl Fn(&Outcome)) -> Vec<Outcome> {
    let (mut of_tokens, mut of_processes) = (Vec::new(), Vec::new());
    for (kind, seed) in plan.faults() {
        match kind {
            Kind::Tokens(fault) => of_tokens.push((fault, seed)),
            Kind::Processes(fault) => of_processes.push((fault, seed)),
        }
    }
    let of_tokens = futures::stream::iter(of_tokens)
        .map(|(fault, seed)| tokens::play(fault, seed))
        .buffer_unordered(plan.at_once);
    futures::stream::select(of_tokens, processes::play_all(of_processes)).inspect(tell).collect().await
}

/// What must not be in a campaign, each with how it is played again.
pub(crate) fn complaints(outcomes: &[Outcome]) -> Vec<String> {
    let mut found: Vec<_> = outcomes
        .iter()
        .flat_map(|outcome| {
            outcome.problems.iter().map(|problem| format!("{problem}\n    again: {}", outcome.again()))
        })
        .collect();
    // Beside the kinds that have to double the control each time: a campaign in which nothing did proves nothing.
    let controlled = outcomes.iter().any(|outcome| outcome.kind.has_control());
    if controlled && outcomes.iter().all(|outcome| outcome.control_doubles == 0) {
        found.push("the control shows no double: this campaign could not have seen one".to_owned());
    }
    found
}
