//! `countersign totp`: authenticator apps as second factors.

use kernel::{FactorKind, Result, SecretText};
use runtime::OsEntropy;

use super::session::sign_in;
use super::{describe, proof};
use crate::cli::{Target, TotpAction};
use crate::client::{OperationIds, link_operation};
use crate::output;

/// Does it.
pub(crate) async fn run(target: &Target, action: TotpAction) -> Result<()> {
    let client = sign_in(target).await?.client;
    let entropy = OsEntropy::new();
    let ids = OperationIds::new(&entropy);
    match action {
        TotpAction::Register { display_name, proof: options } => {
            let id = proof::operation_id(options.operation_id.as_deref(), &ids)?;
            let operation = link_operation(client.environment, client.user, id, FactorKind::Totp);
            let ticket = proof::ticket(&client, &operation, &options, &ids).await?;
            let made = client.register_totp(&display_name, ticket).await.map_err(proof::hint)?;
            let name = made.device.map(|device| device.name).unwrap_or_default();
            output::line(&format!("{name}\nsecret {}\n{}", made.secret, made.otpauth_uri));
            output::note(&format!(
                "{}\nscan it, or give the secret to an app; it is not shown again. With the app's first code it becomes a factor:\n  countersign totp activate {name} --code CODE",
                made.qr_text
            ));
        }
        TotpAction::Activate { device, code } => {
            let device = client.activate_totp(&device, &SecretText::from(code), &ids).await?;
            output::line(&describe::device(&device));
        }
    }
    Ok(())
}
