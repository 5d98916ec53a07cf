//! A device as a file: JSON, private keys included.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use data_encoding::BASE64URL_NOPAD;
use passkey::crypto::CoseKey;
use passkey::crypto::coset::CborSerializable as _;
use passkey::types::{CredentialExtensions, Passkey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::PasskeyError;
use super::store::Keys;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    rp_id: String,
    credential_id: String,
    /// COSE_Key with the private part (RFC 9052 section 7).
    key: String,
    user_handle: Option<String>,
    username: Option<String>,
    user_display_name: Option<String>,
    counter: Option<u32>,
}

/// The keys in a file.
pub(super) fn load(path: &Path) -> Result<Keys, PasskeyError> {
    let failed = |why: std::io::Error| PasskeyError::new(&format!("cannot read {}", path.display()), why);
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(PasskeyError(format!(
            "others may read {}, which has private keys; chmod it to 0600",
            path.display()
        )));
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(failed)?);
    let invalid = || PasskeyError(format!("{} is not the file of a passkey device", path.display()));
    let kept: Vec<Kept> = serde_json::from_str(&text).map_err(|_| invalid())?;
    kept.into_iter().map(passkey).collect::<Option<_>>().map(Keys).ok_or_else(invalid)
}

fn passkey(kept: Kept) -> Option<Passkey> {
    let decode = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).ok();
    let user_handle = match &kept.user_handle {
        Some(handle) => Some(decode(handle)?.into()),
        None => None,
    };
    Some(Passkey {
        key: CoseKey::from_slice(&Zeroizing::new(decode(&kept.key)?)).ok()?,
        credential_id: decode(&kept.credential_id)?.into(),
        rp_id: kept.rp_id,
        user_handle,
        username: kept.username,
        user_display_name: kept.user_display_name,
        counter: kept.counter,
        extensions: CredentialExtensions::default(),
    })
}

/// Writes them beside the file first, so that there is always a whole one.
pub(super) fn save(path: &Path, keys: &Keys) -> Result<(), PasskeyError> {
    let kept = keys.0.iter().map(keep).collect::<Result<Vec<_>, _>>()?;
    let text = Zeroizing::new(
        serde_json::to_string(&kept).map_err(|error| PasskeyError::new("the device is no JSON", error))?,
    );
    let failed = |why: std::io::Error| PasskeyError::new(&format!("cannot write {}", path.display()), why);
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    // What a broken try left, perhaps with another mode.
    match fs::remove_file(beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(beside, path).map_err(failed)
}

fn keep(key: &Passkey) -> Result<Kept, PasskeyError> {
    let octets = Zeroizing::new(
        key.key.clone().to_vec().map_err(|error| PasskeyError::new("a key is no COSE key", error))?,
    );
    Ok(Kept {
        rp_id: key.rp_id.clone(),
        credential_id: BASE64URL_NOPAD.encode(&key.credential_id),
        key: BASE64URL_NOPAD.encode(&octets),
        user_handle: key.user_handle.as_ref().map(|handle| BASE64URL_NOPAD.encode(handle)),
        username: key.username.clone(),
        user_display_name: key.user_display_name.clone(),
        counter: key.counter,
    })
}
