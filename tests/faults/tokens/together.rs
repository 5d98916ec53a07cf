//! Many callers of several processes want one token.

use super::traffic::race;
use super::world::{Layout, World};
use crate::faults::dice::Dice;

const CALLERS: usize = 64;
const ROUNDS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_callers_over_four_processes_as_many_redeem_a_token_as_it_has_uses() {
    let world = World::start(Layout::Alone(&[]), &Dice::new(64)).await.unwrap();
    for round in 0..ROUNDS {
        let (winners, expected) = race(&world.ours, round, CALLERS).await;
        assert_eq!(winners, expected, "round {round}");
    }
    assert_eq!(world.ours.take_problems(), Vec::<String>::new());
}
