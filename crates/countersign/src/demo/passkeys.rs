//! Passkeys: a proof that only one operation can be paid with, and that no code can stand in for.

use kernel::{EnvironmentId, Error, FactorKind, Reason, Result, SecretText};
use operation::Operation;
use proto::policy::{Environment, RelyingParty};
use proto::token_issuer::ElevatedToken;
use proto::types::Action;
use soft_authenticator::{PasskeyError, SoftPasskey};

use super::scenario::{Player, Stage, short};
use super::script::Script;
use crate::client::{Ceremony, OperationIds, Ticket, link_operation};

/// The page on which the demo's passkeys are used.
const ORIGIN: &str = "https://wallet.example";

/// The relying party of the demo's environments: one that a suite in production takes as well.
pub(super) fn relying_party() -> RelyingParty {
    RelyingParty { rp_id: "wallet.example".to_owned(), origins: vec![ORIGIN.to_owned()] }
}

/// What a device in software said, or why it said nothing.
fn said(answer: std::result::Result<String, PasskeyError>) -> Result<SecretText> {
    answer.map(SecretText::from).map_err(Error::internal)
}

impl Stage<'_> {
    /// In an environment with the preset `strict`.
    pub(crate) async fn passkeys(&self, script: &mut Script, environment: EnvironmentId) -> Result<()> {
        script.chapter("In the same environment, passkeys: what the authenticator signs is the operation");
        let carol = self.player(script, environment, "carol").await?;
        let mut device = self.register_passkey(script, &carol).await?;
        self.bound_by_signature(script, &carol, &mut device).await?;
        self.no_code_will_do(script, &carol, &mut device).await
    }

    /// Registers a passkey as the first factor.
    pub(super) async fn register_passkey(&self, script: &mut Script, player: &Player) -> Result<SoftPasskey> {
        let mut device = SoftPasskey::new();
        let ceremony = player.client.begin_passkey_registration("demo passkey", Ticket::default()).await?;
        let made = said(device.register(ORIGIN, &ceremony.options_json).await)?;
        script.succeeds(
            "a passkey is registered, and is a factor at once",
            player.client.finish_passkey_registration(&ceremony, &made).await,
            |device| device.name.clone(),
        )?;
        Ok(device)
    }

    /// A proof for exactly one export.
    async fn bound_by_signature(
        &self,
        script: &mut Script,
        carol: &Player,
        device: &mut SoftPasskey,
    ) -> Result<()> {
        let ids = OperationIds::new(self.entropy);
        let order = self.exporting(carol);
        let (_, another) = self.exporting(carol);
        let bound = Some(&order.1);
        let (ceremony, signed) = self.ask(carol, device, &another).await?;
        script.refused(
            "what the passkey signed for another export is refused for this one",
            Reason::CeremonyUnknown,
            carol.client.authenticate_passkey(&ceremony, &signed, &[], bound, &ids).await,
        );
        let (ceremony, signed) = self.ask(carol, device, &order.1).await?;
        let token = script.succeeds(
            "what it signed for this export buys a token for exactly that",
            carol.client.authenticate_passkey(&ceremony, &signed, &[], bound, &ids).await,
            |token| {
                format!("acr {}, bound to operation digest {}", token.acr, short(&token.operation_digest))
            },
        )?;
        script.refused(
            "the same signature again is refused",
            Reason::CeremonyUnknown,
            carol.client.authenticate_passkey(&ceremony, &signed, &[], bound, &ids).await,
        );
        self.run(script, carol, &order, &token.token).await
    }

    /// An environment that demands passkeys for exports.
    async fn no_code_will_do(
        &self,
        script: &mut Script,
        carol: &Player,
        device: &mut SoftPasskey,
    ) -> Result<()> {
        let ids = OperationIds::new(self.entropy);
        let (environment, user) = (carol.client.environment, carol.client.user);
        let adding = link_operation(environment, user, ids.operation(), FactorKind::Totp);
        let token = self.prove(carol, device, &adding).await?;
        let receipt = script.succeeds(
            "the passkey pays for adding an authenticator app",
            carol.client.authorize(&adding, Some(&token.token)).await,
            |answer| format!("a receipt for digest {}", short(&answer.operation_digest)),
        )?;
        let ticket = Ticket { operation_id: adding.id.to_string(), receipt: receipt.receipt };
        let mut app = self.enrol(script, carol, ticket).await?;
        script.succeeds(
            "an administrator has exports demand phishing resistance",
            self.demand_passkeys(environment).await,
            |version| format!("acr phr, version {version} of the environment"),
        )?;
        let order = self.exporting(carol);
        script.refused(
            "now a code of the app buys no token for an export",
            Reason::StepUpRequired,
            carol.client.authenticate_totp(&app.next(self.clock)?, &[], Some(&order.1), &ids).await,
        );
        let token =
            script.succeeds("the passkey does", self.prove(carol, device, &order.1).await, |token| {
                format!("acr {}", token.acr)
            })?;
        self.run(script, carol, &order, &token.token).await
    }

    /// Has the device sign for an operation.
    async fn ask(
        &self,
        player: &Player,
        device: &mut SoftPasskey,
        operation: &Operation,
    ) -> Result<(Ceremony, SecretText)> {
        let ceremony = player.client.begin_passkey_authentication(&[], Some(operation)).await?;
        let signed = said(device.authenticate(ORIGIN, &ceremony.options_json).await)?;
        Ok((ceremony, signed))
    }

    /// A token for an operation.
    async fn prove(
        &self,
        player: &Player,
        device: &mut SoftPasskey,
        operation: &Operation,
    ) -> Result<ElevatedToken> {
        let (ceremony, signed) = self.ask(player, device, operation).await?;
        let ids = OperationIds::new(self.entropy);
        player.client.authenticate_passkey(&ceremony, &signed, &[], Some(operation), &ids).await
    }

    /// Changes what exports demand; gives the new version.
    async fn demand_passkeys(&self, environment: EnvironmentId) -> Result<u64> {
        let demand = |environment: &mut Environment| {
            for settings in &mut environment.action_settings {
                if settings.action() == Action::WalletExport {
                    "phr".clone_into(&mut settings.acr);
                }
            }
        };
        self.change(environment, "action_settings", demand).await
    }
}
