//! `countersign wallet`: the main job from the command line.

use std::path::Path;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use kernel::secret::ExposeSecret as _;
use kernel::{Clock as _, Entropy, Error, FactorKind, OperationId, Reason, Result, SecretText};
use mpc_signer::export::RecipientKey;
use operation::Operation;
use proto::token_issuer::ElevatedToken;
use runtime::{OsEntropy, SystemClock};
use serde_json::json;
#[cfg(feature = "demo")]
use soft_authenticator::SoftPasskey;
use zeroize::Zeroizing;

use crate::cli::{ProofOptions, Target, WalletAction};
use crate::client::{
    self, Exported, OperationIds, UserClient, export_operation, open_export, sign_operation,
};
#[cfg(feature = "demo")]
use crate::client::{PasskeyPurpose, passkey_refused};
use crate::dev::client_file::{ClientFile, SessionOf};
use crate::{files, output};

/// Does it.
pub(crate) async fn run(target: &Target, action: WalletAction) -> Result<()> {
    let file = ClientFile::read(&target.dev_file.path)?;
    let (clock, entropy) = (SystemClock, OsEntropy::new());
    let now = clock.now();
    let of = SessionOf { name: &target.name, session: &target.session, auth_time: now, lifetime: 600 };
    let environment = file.environment()?;
    let session = file.session(environment, &of, now)?;
    let client = UserClient::sign_in(client::connect(&file.endpoint).await?, environment, session).await?;
    let ids = OperationIds::new(&entropy);
    match action {
        WalletAction::Create { operation_id } => {
            let wallet = client.create_wallet(operation(operation_id.as_deref(), &ids)?).await?;
            output::line(&format!("{}\naddress {}", wallet.name, wallet.address));
        }
        WalletAction::List => {
            for wallet in client.list_wallets().await? {
                output::line(&format!("{}\naddress {}", wallet.name, wallet.address));
            }
        }
        WalletAction::Sign { wallet, message, proof } => {
            let wallet = client.wallet_ref(&client.wallet(&wallet).await?)?;
            let id = operation(proof.operation_id.as_deref(), &ids)?;
            let operation = sign_operation(client.environment, client.user, id, wallet, message.as_bytes());
            let receipt = receipt(&client, &operation, &proof, &ids).await?;
            let signature = client.sign(&operation, &receipt).await.map_err(|error| hint(error, &proof))?;
            output::line(&HEXLOWER.encode(&signature));
        }
        WalletAction::Export { wallet, out, proof } => {
            export(&client, &file, &wallet, out.as_deref(), &proof, &entropy).await?;
        }
    }
    Ok(())
}

/// The id that was given, or a fresh one.
fn operation(given: Option<&str>, ids: &OperationIds<'_>) -> Result<OperationId> {
    match given {
        Some(text) => proto::convert::operation_id("operation-id", text),
        None => Ok(ids.operation()),
    }
}

/// A receipt for the operation: paid by a proof for exactly that where a code was given; else none, so that the
/// gateway asks what the session alone may do.
async fn receipt(
    client: &UserClient,
    operation: &Operation,
    proof: &ProofOptions,
    ids: &OperationIds<'_>,
) -> Result<String> {
    let Some(token) = prove(client, operation, proof, ids).await? else { return Ok(String::new()) };
    Ok(client.authorize(operation, Some(&token.token)).await?.receipt)
}

/// Proves the factor that was named, for exactly this operation; nothing where none was.
async fn prove(
    client: &UserClient,
    operation: &Operation,
    proof: &ProofOptions,
    ids: &OperationIds<'_>,
) -> Result<Option<ElevatedToken>> {
    if let Some(code) = &proof.code {
        let code = SecretText::from(code.clone());
        return client.authenticate_totp(&code, &[], Some(operation), ids).await.map(Some);
    }
    if let Some(code) = &proof.recovery_code {
        let code = SecretText::from(code.clone());
        let (token, left) = client.authenticate_recovery_code(&code, &[], Some(operation), ids).await?;
        output::note(&format!("that code is used up; codes left: {left}"));
        return Ok(Some(token));
    }
    #[cfg(feature = "demo")]
    if let Some(file) = &proof.passkey {
        return sign_with_passkey(client, operation, file, proof.origin.as_deref(), ids).await.map(Some);
    }
    Ok(None)
}

/// Has the passkey device in the file sign the operation.
#[cfg(feature = "demo")]
async fn sign_with_passkey(
    client: &UserClient,
    operation: &Operation,
    file: &Path,
    origin: Option<&str>,
    ids: &OperationIds<'_>,
) -> Result<ElevatedToken> {
    let purpose = PasskeyPurpose { scopes: &[], operation: Some(operation) };
    let mut device = SoftPasskey::load(file).map_err(passkey_refused)?;
    let begun = client.begin_passkey(purpose).await?;
    let origin = match origin {
        Some(origin) => origin.to_owned(),
        None => format!("https://{}", relying_party(&begun.options_json)?),
    };
    let signed = device.authenticate(&origin, &begun.options_json).await.map_err(passkey_refused)?;
    // Its counter moved. Were that lost after the answer is out, the next one would look like that of a copy.
    device.save(file).map_err(passkey_refused)?;
    client.authenticate_passkey(&begun.ceremony_id, signed, purpose, ids).await
}

/// The relying party that the options name.
#[cfg(feature = "demo")]
fn relying_party(options_json: &str) -> Result<String> {
    let options: serde_json::Value = serde_json::from_str(options_json).map_err(Error::internal)?;
    let named = options["rpId"].as_str().map(str::to_owned);
    named.ok_or_else(|| Error::internal("the options of the ceremony name no relying party"))
}

async fn export(
    client: &UserClient,
    file: &ClientFile,
    wallet: &str,
    out: Option<&Path>,
    proof: &ProofOptions,
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
        operation(proof.operation_id.as_deref(), &ids)?,
        client.wallet_ref(&wallet)?,
        recipient.public(),
    );
    let receipt = receipt(client, &operation, proof, &ids).await?;
    let answer = client.export(&operation, &receipt).await.map_err(|error| hint(error, proof))?;
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

fn hint(error: Error, proof: &ProofOptions) -> Error {
    if error.reason() == Reason::StepUpRequired && proof.names_none() {
        let methods = error.metadata().get("methods").map(String::as_str).unwrap_or_default();
        for method in methods.split(',').filter_map(|method| method.parse().ok()) {
            output::note(match method {
                FactorKind::Totp => "say --code with what your authenticator app shows now",
                FactorKind::Passkey => "say --passkey with the file of your passkey device",
                FactorKind::RecoveryCode => "say --recovery-code with one of your recovery codes",
            });
        }
    }
    error
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
