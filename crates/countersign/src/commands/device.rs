//! `countersign device`: a user's second factors.

use kernel::Result;
use proto::mfa_devices::DeviceState;
use proto::names;
use runtime::OsEntropy;

use super::session::sign_in;
use super::{describe, proof};
use crate::cli::{DeviceAction, ProofOptions, Target};
use crate::client::{OperationIds, Ticket, UserClient, unlink_operation};
use crate::output;

/// Does it.
pub(crate) async fn run(target: &Target, action: DeviceAction) -> Result<()> {
    let client = sign_in(target).await?.client;
    match action {
        DeviceAction::List => {
            for device in client.list_devices().await? {
                output::line(&describe::device(&device));
            }
        }
        DeviceAction::Rename { device, display_name } => {
            output::line(&describe::device(&client.rename_device(&device, &display_name).await?));
        }
        DeviceAction::Default { device } => {
            output::line(&describe::device(&client.set_default_device(&device).await?));
        }
        DeviceAction::Remove { device, proof } => remove(&client, &device, &proof).await?,
    }
    Ok(())
}

async fn remove(client: &UserClient, device: &str, options: &ProofOptions) -> Result<()> {
    let entropy = OsEntropy::new();
    let ids = OperationIds::new(&entropy);
    let device = client.device(device).await?;
    // What is pending takes no payment.
    let ticket = if device.state() == DeviceState::Pending {
        Ticket::default()
    } else {
        let id = proof::operation_id(options.operation_id.as_deref(), &ids)?;
        let named = names::parse_device("device", &device.name)?;
        let operation = unlink_operation(client.environment, client.user, id, named.id);
        proof::ticket(client, &operation, options, &ids).await?
    };
    client.delete_device(&device.name, ticket).await.map_err(proof::hint)?;
    output::line(&format!("removed {}", device.name));
    Ok(())
}
