//! The enforcement point's ledger, in a database of its own, as a node keeps it.

use kernel::{AttemptId, Reason};
use storage::spending::{Spend, Spending};
use tempfile::TempDir;
use token_issuer::domain::token::Token;

use super::story::Order;
use crate::faults::dice::Dice;

/// A ledger. Ends with its folder.
pub(crate) struct Ledger {
    spending: Spending,
    dice: Dice,
    clock: runtime::SystemClock,
    _folder: TempDir,
}

impl Ledger {
    pub(crate) async fn new(dice: Dice) -> Self {
        let (database, folder) = testkit::database::<mpc_signer::migrations::Migrator>().await;
        Self { spending: Spending::new(database), dice, clock: runtime::SystemClock, _folder: folder }
    }

    /// Presents what a redemption paid for. `true` when it runs, `false` when the ledger knows the token or the operation
    /// from elsewhere.
    pub(crate) async fn run(&self, token: &Token, order: &Order) -> Result<bool, String> {
        let spend = Spend {
            environment: token.environment,
            user: token.user,
            operation: order.operation,
            digest: *order.digest.as_bytes(),
            paid_by: token.paid_by(&order.digest),
            attempt: AttemptId::random(self.dice.entropy()),
        };
        match self.spending.spend(&spend, kernel::Clock::now(&self.clock)).await {
            Ok(_) => Ok(true),
            Err(error) if error.reason() == Reason::ReceiptSpent => Ok(false),
            Err(error) => Err(format!("the ledger failed: {error:?}")),
        }
    }
}
