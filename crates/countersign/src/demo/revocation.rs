//! Tokens that end before their time.

use kernel::{EnvironmentId, Reason, Result};

use super::scenario::Stage;
use super::script::Script;
use crate::client::{OperationIds, Ticket, TokenAdministration, Tokens};

impl Stage<'_> {
    /// In an environment with the preset `strict`.
    pub(crate) async fn revocation(&self, script: &mut Script, environment: EnvironmentId) -> Result<()> {
        script.chapter("In the first environment again, tokens are revoked");
        let nora = self.player(script, environment, "nora").await?;
        let mut app = self.enrol(script, &nora, Ticket::default()).await?;
        let (code, ids) = (app.next(self.clock)?, OperationIds::new(self.entropy));
        let token = script.succeeds(
            "a code buys a token for the scope wallet:sign",
            nora.client.authenticate_totp(&code, &["wallet:sign"], None, &ids).await,
            |token| format!("token {}", token.token_id),
        )?;
        let found = nora.client.introspect(&token.token).await?;
        let told = format!("scope {}, acr {}, single use", found.scope, found.acr);
        script.holds("the issuer says what it is good for", found.active && found.single_use, &told);
        let paid = self.signing(&nora, b"pay 1 to frank");
        script.succeeds(
            "it pays for a signature",
            nora.client.authorize(&paid, Some(&token.token)).await,
            |_| "a receipt".to_owned(),
        )?;
        script.succeeds(
            "nora, who has lost her laptop, revokes the tokens of its session",
            nora.client.revoke_tokens(Tokens { session_id: found.session_id, ..Tokens::default() }).await,
            |()| "answered".to_owned(),
        )?;
        script.refused(
            "not even what it has paid for is authorized with it again",
            Reason::TokenRevoked,
            nora.client.authorize(&paid, Some(&token.token)).await,
        );
        script.holds(
            "the issuer says no more of it than of a token that never was",
            nora.client.introspect(&token.token).await? == Default::default(),
            "inactive",
        );
        let (code, ids) = (app.next(self.clock)?, OperationIds::new(self.entropy));
        let token = script.succeeds(
            "a fresh proof makes a token that is good",
            nora.client.authenticate_totp(&code, &["wallet:sign"], None, &ids).await,
            |token| format!("token {}", token.token_id),
        )?;
        let admin = self.file.admin("demo", &[format!("editor@{environment}")], self.clock.now())?;
        let administration = TokenAdministration::new(self.channel.clone(), admin, environment);
        script.succeeds(
            "an administrator revokes all of nora's tokens",
            administration.revoke_tokens(nora.client.user, Tokens { all: true, ..Tokens::default() }).await,
            |()| "answered".to_owned(),
        )?;
        script.refused(
            "and that one pays for nothing either",
            Reason::TokenRevoked,
            nora.client.authorize(&self.signing(&nora, b"pay 2 to frank"), Some(&token.token)).await,
        );
        Ok(())
    }
}
