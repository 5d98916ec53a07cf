//! Recovery codes, and what an administrator does for who has lost those too.

use kernel::{EnvironmentId, Error, Reason, Result, SecretText};
use proto::mfa_devices::FactorEventType;

use super::scenario::{Player, Stage};
use super::script::Script;
use crate::client::{FactorAdministration, OperationIds, ShownCodes};

impl Stage<'_> {
    /// In an environment with the preset `seed-compatible`, where policy takes recovery codes.
    pub(crate) async fn recovery(&self, script: &mut Script, environment: EnvironmentId) -> Result<()> {
        script.chapter("In the same environment, recovery codes, and a reset");
        let dan = self.player(script, environment, "dan").await?;
        script.refused(
            "without a factor dan gets no recovery codes",
            Reason::FreshProofRequired,
            dan.client.make_recovery_codes(None).await,
        );
        self.register_passkey(script, &dan).await?;
        let made = script.succeeds(
            "registering it was a fresh proof, which pays for recovery codes",
            dan.client.make_recovery_codes(None).await,
            |made| format!("{} codes (not shown here)", made.codes.len()),
        )?;
        script.refused(
            "a second time it pays for nothing",
            Reason::FreshProofRequired,
            dan.client.make_recovery_codes(None).await,
        );
        self.use_code(script, &dan, &made).await?;
        self.reset(script, &dan).await
    }

    /// A code is good once.
    async fn use_code(&self, script: &mut Script, dan: &Player, made: &ShownCodes) -> Result<()> {
        let ids = OperationIds::new(self.entropy);
        let code = made.codes.first().ok_or_else(|| Error::internal("no recovery code was made"))?;
        let code = SecretText::from(code.clone());
        let (token, _) = script.succeeds(
            "one of the codes buys a token for the scope wallet:export",
            dan.client.authenticate_recovery_code(&code, &["wallet:export"], None, &ids).await,
            |(token, left)| format!("acr {}, {left} codes left", token.acr),
        )?;
        script.refused(
            "the same code again is refused",
            Reason::CodeRejected,
            dan.client.authenticate_recovery_code(&code, &["wallet:export"], None, &ids).await,
        );
        self.run(script, dan, &self.exporting(dan), &token.token).await
    }

    /// Everything is taken from a user, and nothing opens by it.
    async fn reset(&self, script: &mut Script, dan: &Player) -> Result<()> {
        let environment = dan.client.environment;
        let admin = self.file.admin("demo", &[format!("owner@{environment}")], self.clock.now())?;
        let factors = FactorAdministration::new(self.channel.clone(), admin, environment);
        script.succeeds(
            "an administrator takes all factors from dan, who lost them",
            factors.reset_user(dan.client.user, false).await,
            |taken| {
                format!("{} device, {} unused codes", taken.removed_devices, taken.removed_recovery_codes)
            },
        )?;
        let (_, export) = self.exporting(dan);
        script.refused(
            "having none now opens nothing: he has to enrol",
            Reason::EnrolmentRequired,
            dan.client.export(&export, "").await,
        );
        let name = dan.client.name();
        let events = factors.events().await?;
        let told: Vec<_> = events
            .iter()
            .filter(|event| event.user == name)
            .map(proto::mfa_devices::FactorEvent::r#type)
            .collect();
        let expected = [
            FactorEventType::FactorAdded,
            FactorEventType::RecoveryCodesMade,
            FactorEventType::RecoveryCodeUsed,
            FactorEventType::UserReset,
        ];
        script.holds(
            "each of these changes waits to be told to him",
            told == expected,
            "added, codes made, code used, reset",
        );
        Ok(())
    }
}
