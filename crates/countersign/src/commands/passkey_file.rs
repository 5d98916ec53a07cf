//! The file of a passkey device in software.

use std::path::Path;

use kernel::{Error, Result, SecretText};
use soft_authenticator::{PasskeyError, SoftPasskey};

/// Has a passkey made, by the device in the file or a new one, and keeps it before anybody hears of it: one that was
/// registered must not get lost, and one that was not is useless.
pub(crate) async fn make(file: &Path, options_json: &str) -> Result<SecretText> {
    let mut device = if file.exists() { open(file)? } else { SoftPasskey::new() };
    let credential =
        device.register(&origin(options_json)?, options_json).await.map_err(|error| failed(&error))?;
    device.save(file).map_err(|error| failed(&error))?;
    Ok(SecretText::from(credential))
}

/// Has a passkey of the device in the file sign, and keeps how often it did: a counter that stood still would look like
/// a copy.
pub(crate) async fn sign(file: &Path, options_json: &str) -> Result<SecretText> {
    let mut device = open(file)?;
    let credential = device.authenticate(&origin(options_json)?, options_json).await.map_err(|error| {
        Error::invalid(
            "passkey",
            format!(
                "{error}; is one of the user's passkeys in {}? `countersign device list` shows which there are",
                file.display()
            ),
        )
    })?;
    device.save(file).map_err(|error| failed(&error))?;
    Ok(SecretText::from(credential))
}

/// The page that a browser would be on: the relying party's front page.
fn origin(options_json: &str) -> Result<String> {
    let options: serde_json::Value = serde_json::from_str(options_json).map_err(Error::internal)?;
    // Where WebAuthn Level 3 sections 5.4 and 5.5 have it.
    let party = options["rpId"].as_str().or_else(|| options["rp"]["id"].as_str());
    let party = party.ok_or_else(|| Error::internal("the options name no relying party"))?;
    Ok(format!("{}://{party}", if party == "localhost" { "http" } else { "https" }))
}

fn open(file: &Path) -> Result<SoftPasskey> {
    if !file.exists() {
        return Err(Error::invalid(
            "passkey",
            format!("there is no {}; `countersign passkey register --save FILE` makes one", file.display()),
        ));
    }
    SoftPasskey::load(file).map_err(|error| failed(&error))
}

fn failed(error: &PasskeyError) -> Error {
    Error::invalid("passkey", error.to_string())
}
