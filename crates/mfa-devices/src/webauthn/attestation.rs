//! What an attestation object says of the new credential (WebAuthn Level 3 sections 6.5 and 6.5.1). Its statement is the
//! library's matter.

use ciborium::Value;

use super::authenticator_data::{AuthenticatorData, Flags, check_extensions};
use super::rejection::{Rejected, rejected};
use crate::domain::Aaguid;

/// The credential that was attested.
pub(super) struct Attested {
    pub(super) flags: Flags,
    pub(super) sign_count: u32,
    pub(super) aaguid: Aaguid,
    pub(super) credential_id: Vec<u8>,
    /// COSE_Key, octet by octet as it was sent.
    pub(super) public_key: Vec<u8>,
}

impl Attested {
    /// Reads it: the whole object, without anything after it or within it that does not belong there.
    pub(super) fn parse(mut octets: &[u8]) -> Result<Self, Rejected> {
        let object: Value =
            ciborium::from_reader(&mut octets).map_err(|_| rejected("the attestation object is not CBOR"))?;
        if !octets.is_empty() {
            return Err(rejected("octets follow the attestation object"));
        }
        let members = object.into_map().map_err(|_| rejected("the attestation object is no map"))?;
        let mut data = members.into_iter().filter(|(name, _)| name.as_text() == Some("authData"));
        let data = match (data.next(), data.next()) {
            (Some((_, Value::Bytes(data))), None) => data,
            _ => return Err(rejected("the attestation object has not one authData")),
        };
        let data = AuthenticatorData::parse(&data)?;
        data.check_registration()?;
        Self::of(&data)
    }

    fn of(data: &AuthenticatorData<'_>) -> Result<Self, Rejected> {
        let short = || rejected("the attested credential data is too short");
        let (aaguid, rest) = data.rest.split_first_chunk::<16>().ok_or_else(short)?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
        let (id, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or_else(short)?;
        let mut after = rest;
        let _: Value = ciborium::from_reader(&mut after)
            .map_err(|_| rejected("the public key of the credential is not CBOR"))?;
        let public_key = &rest[..rest.len() - after.len()];
        check_extensions(data.flags, after)?;
        Ok(Self {
            flags: data.flags,
            sign_count: data.sign_count,
            aaguid: Aaguid::from_bytes(*aaguid),
            credential_id: id.to_vec(),
            public_key: public_key.to_vec(),
        })
    }
}
