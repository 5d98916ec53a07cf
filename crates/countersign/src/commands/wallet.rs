//! `countersign wallet`: the main job from the command line.

use std::path::Path;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use kernel::secret::ExposeSecret as _;
use kernel::{Entropy, Error, Result};
use mpc_signer::export::RecipientKey;
use runtime::OsEntropy;
use serde_json::json;
use zeroize::Zeroizing;

use super::proof;
use super::session::{SignedIn, sign_in};
use crate::cli::{ProofOptions, Target, WalletAction};
use crate::client::{Exported, OperationIds, UserClient, export_operation, open_export, sign_operation};
use crate::dev::client_file::ClientFile;
use crate::{files, output};

/// Does it.
pub(crate) async fn run(target: &Target, action: WalletAction) -> Result<()> {
    let SignedIn { client, file } = sign_in(target).await?;
    let entropy = OsEntropy::new();
    let ids = OperationIds::new(&entropy);
    match action {
        WalletAction::Create { operation_id } => {
            let wallet = client.create_wallet(proof::operation_id(operation_id.as_deref(), &ids)?).await?;
            output::line(&format!("{}\naddress {}", wallet.name, wallet.address));
        }
        WalletAction::List => {
            for wallet in client.list_wallets().await? {
                output::line(&format!("{}\naddress {}", wallet.name, wallet.address));
            }
        }
        WalletAction::Sign { wallet, messages, proof: options } => {
            sign(&client, &wallet, &messages, &options, &ids).await?;
        }
        WalletAction::Export { wallet, out, proof: options } => {
            export(&client, &file, &wallet, out.as_deref(), &options, &entropy).await?;
        }
    }
    Ok(())
}

async fn sign(
    client: &UserClient,
    wallet: &str,
    messages: &[String],
    options: &ProofOptions,
    ids: &OperationIds<'_>,
) -> Result<()> {
    if messages.len() > 1 && options.operation_id.is_some() {
        return Err(Error::invalid(
            "operation-id",
            "names one operation; leave it out with several messages",
        ));
    }
    let wallet = client.wallet_ref(&client.wallet(wallet).await?)?;
    let operations = messages
        .iter()
        .map(|message| {
            let id = proof::operation_id(options.operation_id.as_deref(), ids)?;
            Ok(sign_operation(client.environment, client.user, id, wallet, message.as_bytes()))
        })
        .collect::<Result<Vec<_>>>()?;
    let receipts = proof::receipts(client, &operations, options, ids).await?;
    for (operation, receipt) in operations.iter().zip(&receipts) {
        let signature = client.sign(operation, receipt).await.map_err(proof::hint)?;
        output::line(&HEXLOWER.encode(&signature));
    }
    Ok(())
}

async fn export(
    client: &UserClient,
    file: &ClientFile,
    wallet: &str,
    out: Option<&Path>,
    options: &ProofOptions,
    entropy: &dyn Entropy,
) -> Result<()> {
    if let Some(out) = out.filter(|out| out.exists()) {
        return Err(Error::invalid("out", format!("{} exists; name a new file", out.display())));
    }
    let ids = OperationIds::new(entropy);
    let wallet = client.wallet(wallet).await?;
    let recipient = RecipientKey::generate(entropy);
    let operation = export_operation(
        client.environment,
        client.user,
        proof::operation_id(options.operation_id.as_deref(), &ids)?,
        client.wallet_ref(&wallet)?,
        recipient.public(),
    );
    let receipt = proof::receipt(client, &operation, options, &ids).await?;
    let answer = client.export(&operation, &receipt).await.map_err(proof::hint)?;
    let checked = operation.check()?;
    let exported = open_export(&file.directory()?, &checked, &wallet.address, &recipient, &answer, entropy)?;
    output::line(&format!("the key makes the address {}, and signs for it", exported.address));
    match out {
        Some(out) => {
            files::create_private(out, &document(&exported)?)?;
            output::line(&format!("written to {}; whoever has the file has the wallet", out.display()));
        }
        None => output::line("the key was checked and thrown away; say --out FILE to keep it"),
    }
    Ok(())
}

/// The key as a file: says what it is and what it is not.
fn document(exported: &Exported) -> Result<Zeroizing<Vec<u8>>> {
    let expanded = exported.key.expanded();
    let text = json!({
        "format": "ed25519-expanded-private-key/v1",
        "note": "an expanded Ed25519 key (RFC 8032 section 5.1.5, step 2 on): 32 octets of secret scalar, then 32 of hash prefix. It is not a seed and cannot be imported where a seed is expected.",
        "address": exported.address,
        "public_key": BASE64URL_NOPAD.encode(&exported.key.public_key()),
        "expanded_private_key": BASE64URL_NOPAD.encode(expanded.expose_secret()),
    });
    serde_json::to_vec_pretty(&text).map(Zeroizing::new).map_err(Error::internal)
}
