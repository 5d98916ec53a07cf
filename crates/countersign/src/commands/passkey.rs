//! `countersign passkey`: passkeys of a device in software as second factors.

use kernel::{FactorKind, Result};
use runtime::OsEntropy;

use super::session::sign_in;
use super::{describe, passkey_file, proof};
use crate::cli::{PasskeyAction, Target};
use crate::client::{OperationIds, link_operation};
use crate::output;

/// Does it.
pub(crate) async fn run(target: &Target, action: PasskeyAction) -> Result<()> {
    let client = sign_in(target).await?.client;
    let entropy = OsEntropy::new();
    let ids = OperationIds::new(&entropy);
    match action {
        PasskeyAction::Register { save, display_name, proof: options } => {
            let id = proof::operation_id(options.operation_id.as_deref(), &ids)?;
            let operation = link_operation(client.environment, client.user, id, FactorKind::Passkey);
            let ticket = proof::ticket(&client, &operation, &options, &ids).await?;
            let begun = client.begin_passkey_registration(&display_name, ticket).await;
            let ceremony = begun.map_err(proof::hint)?;
            let credential = passkey_file::make(&save, &ceremony.options_json).await?;
            let device = client.finish_passkey_registration(&ceremony, &credential).await?;
            output::line(&describe::device(&device));
            output::note(&format!("kept in {}; whoever has the file has the passkey", save.display()));
        }
    }
    Ok(())
}
