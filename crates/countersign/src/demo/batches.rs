//! A batch: one code, several operations, each once and nothing else.

use kernel::{EnvironmentId, Error, Reason, Result};

use super::scenario::{Player, Stage, short, verifies};
use super::script::Script;
use crate::client::{OperationIds, Ticket};

impl Stage<'_> {
    /// In an environment with the preset `strict`.
    pub(crate) async fn batches(&self, script: &mut Script, environment: EnvironmentId) -> Result<()> {
        script
            .chapter("In the same environment, a batch: one code for three signatures, and for nothing else");
        let erin = self.player(script, environment, "erin").await?;
        let mut app = self.enrol(script, &erin, Ticket::default()).await?;
        let payments = ["pay 1 to bob", "pay 2 to carol", "pay 3 to dan"];
        let operations = payments.map(|payment| self.signing(&erin, payment.as_bytes()));
        let code = app.next(self.clock)?;
        let ids = OperationIds::new(self.entropy);
        let token = script.succeeds(
            "one code buys a token for exactly these three messages",
            erin.client.authenticate_totp(&code, &[], operations.as_slice(), &ids).await,
            |token| match &token.batch {
                Some(batch) => format!("{} operations under the root {}", batch.size, short(&batch.root)),
                None => "no batch".to_owned(),
            },
        )?;
        let fourth = self.signing(&erin, b"pay 1000 to eve");
        script.refused(
            "a fourth message, in the place of the first, is refused",
            Reason::OperationMismatch,
            erin.client.authorize_leaf(&fourth, &token, 0).await,
        );
        script.refused(
            "so is the first in the place of the second",
            Reason::OperationMismatch,
            erin.client.authorize_leaf(&operations[0], &token, 1).await,
        );
        for (place, (operation, payment)) in operations.iter().zip(payments).enumerate() {
            let receipt = script.succeeds(
                &format!("the token pays for `{payment}`"),
                erin.client.authorize_leaf(operation, &token, place).await,
                |answer| format!("a receipt for digest {}", short(&answer.operation_digest)),
            )?;
            let signature = erin.client.sign(operation, &receipt.receipt).await?;
            script.holds(
                "the nodes signed it, and the signature is good",
                verifies(erin.address(), payment.as_bytes(), &signature),
                "checked under the wallet's address",
            );
        }
        self.spent(script, &erin, &token).await
    }

    /// What is left of a batch that was paid for in full.
    async fn spent(
        &self,
        script: &mut Script,
        erin: &Player,
        token: &proto::token_issuer::ElevatedToken,
    ) -> Result<()> {
        let leaves = token.batch.as_ref().map_or(0, |batch| batch.leaves.len());
        let last = leaves.checked_sub(1).ok_or_else(|| Error::internal("a batch without leaves"))?;
        script.refused(
            "now the token is spent, for whatever comes",
            Reason::TokenAlreadyRedeemed,
            erin.client.authorize_leaf(&self.signing(erin, b"pay 4 to eve"), token, last).await,
        );
        Ok(())
    }
}
