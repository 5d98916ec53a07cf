//! `countersign recovery-codes`: codes for who has lost the other factors.

use kernel::Result;

use super::session::sign_in;
use super::{describe, proof};
use crate::cli::{RecoveryCodesAction, Target};
use crate::output;

/// Does it.
pub(crate) async fn run(target: &Target, action: RecoveryCodesAction) -> Result<()> {
    let client = sign_in(target).await?.client;
    let shown = match action {
        RecoveryCodesAction::Make { proof: options } => {
            let fresh = proof::fresh(&client, &options).await.map_err(proof::hint)?;
            client.make_recovery_codes(fresh).await.map_err(proof::hint)?
        }
        RecoveryCodesAction::Show { proof: options } => {
            let fresh = proof::fresh(&client, &options).await.map_err(proof::hint)?;
            client.show_recovery_codes(fresh).await.map_err(proof::hint)?
        }
        RecoveryCodesAction::Status => {
            output::line(&describe::recovery_codes(&client.recovery_codes().await?));
            return Ok(());
        }
        RecoveryCodesAction::Acknowledge => {
            output::line(&describe::recovery_codes(&client.acknowledge_recovery_codes().await?));
            return Ok(());
        }
    };
    for code in &shown.codes {
        output::line(code);
    }
    output::note(&format!(
        "{}\neach is good once; when they are kept, say `countersign recovery-codes acknowledge`",
        describe::recovery_codes(&shown.set)
    ));
    Ok(())
}
