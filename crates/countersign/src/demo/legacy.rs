//! The product's deprecated flow: an MFA token without scopes, `createMfaTokenOptions: { singleUse: true }`.

use kernel::{EnvironmentId, Reason, Result, SecretText};
use proto::policy::{LegacyMfaTokens, Preset};

use super::scenario::Stage;
use super::script::Script;
use crate::client::{OperationIds, Ticket};

impl Stage<'_> {
    /// Beside an environment that has no such tokens, in one that does.
    pub(crate) async fn legacy(&self, script: &mut Script, without: EnvironmentId) -> Result<()> {
        script.chapter("A client of the older style pays with MFA tokens, which are deprecated");
        let ids = OperationIds::new(self.entropy);
        let grace = self.player(script, without, "grace").await?;
        script.refused(
            "an environment has none unless it turns them on; no code is tested to say so",
            Reason::LegacyMfaTokensDisabled,
            grace.client.create_mfa_token(&SecretText::from("000000".to_owned()), true, &ids).await,
        );
        let environment = self.environment(script, Preset::SeedCompatible, "demo legacy").await?;
        script.succeeds(
            "an administrator turns them on, for a minute each",
            self.change(environment, "legacy_mfa_tokens", |environment| {
                environment.legacy_mfa_tokens =
                    Some(LegacyMfaTokens { enabled: true, token_expiry_seconds: 60 });
            })
            .await,
            |version| format!("version {version} of the environment"),
        )?;
        let grace = self.player(script, environment, "grace").await?;
        let mut app = self.enrol(script, &grace, Ticket::default()).await?;
        let token = script.succeeds(
            "createMfaTokenOptions: { singleUse: true }: a code buys an MFA token, with a warning",
            grace.client.create_mfa_token(&app.next(self.clock)?, true, &ids).await,
            |token| token.warnings.iter().map(|warning| warning.message.as_str()).collect(),
        )?;
        let paid = self.signing(&grace, b"pay 1 to heidi");
        let receipt = script.succeeds(
            "it says nothing of what it is for, and pays for a signature",
            grace.client.authorize_by_mfa_token(&paid, &token.token).await,
            |answer| format!("a receipt, warnings: {}", answer.warnings.len()),
        )?;
        script.succeeds(
            "the signature is made",
            grace.client.sign(&paid, &receipt.receipt).await,
            |signature| format!("{} octets", signature.len()),
        )?;
        script.refused(
            "for another one it does not pay",
            Reason::TokenAlreadyRedeemed,
            grace.client.authorize_by_mfa_token(&self.signing(&grace, b"pay 2 to heidi"), &token.token).await,
        );
        script.refused(
            "it is no elevated token",
            Reason::TokenInvalid,
            grace.client.authorize(&paid, Some(&token.token)).await,
        );
        Ok(())
    }
}
