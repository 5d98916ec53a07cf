//! Many callers of several processes want one token.

use super::traffic::race;
use super::world::{Layout, World};
use crate::faults::dice::Dice;

const CALLERS: usize = 64;
const ROUNDS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_callers_over_four_processes_one_redeems_a_token() {
    let world = World::start(Layout::Alone(&[]), &Dice::new(64)).await.unwrap();
    for round in 0..ROUNDS {
        assert_eq!(race(&world.ours, round, CALLERS).await, 1, "round {round}");
    }
    assert_eq!(world.ours.take_problems(), Vec::<String>::new());
}
