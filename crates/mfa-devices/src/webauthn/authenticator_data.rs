//! Authenticator data (WebAuthn Level 3 section 6.1): what it says at fixed places, and that nothing follows it.

use super::rejection::{Rejected, rejected};

/// Where the flags stand, after the hash of the relying party id.
const FLAGS: usize = 32;

/// Where the signature counter stands: four octets, big endian.
const COUNTER: usize = 33;

/// Where everything stands that is not always there.
const REST: usize = 37;

/// The flags (WebAuthn Level 3 section 6.1, bits 0 to 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flags(u8);

impl Flags {
    const USER_PRESENT: u8 = 1;
    const USER_VERIFIED: u8 = 1 << 2;
    const BACKUP_ELIGIBLE: u8 = 1 << 3;
    const BACKUP_STATE: u8 = 1 << 4;
    const ATTESTED: u8 = 1 << 6;
    const EXTENSIONS: u8 = 1 << 7;

    fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    pub(super) fn backup_eligible(self) -> bool {
        self.has(Self::BACKUP_ELIGIBLE)
    }

    pub(super) fn backup_state(self) -> bool {
        self.has(Self::BACKUP_STATE)
    }

    pub(super) fn extensions(self) -> bool {
        self.has(Self::EXTENSIONS)
    }

    /// What both ceremonies ask of them.
    fn check(self) -> Result<(), Rejected> {
        if !self.has(Self::USER_PRESENT) {
            return Err(rejected("the user was not present"));
        }
        if !self.has(Self::USER_VERIFIED) {
            return Err(rejected("the user was not verified"));
        }
        if self.backup_state() && !self.backup_eligible() {
            return Err(rejected("it is backed up and may not be"));
        }
        Ok(())
    }
}

/// Authenticator data.
pub(super) struct AuthenticatorData<'a> {
    pub(super) flags: Flags,
    pub(super) sign_count: u32,
    /// Attested credential data and extensions, each if its flag is set.
    pub(super) rest: &'a [u8],
}

impl<'a> AuthenticatorData<'a> {
    pub(super) fn parse(octets: &'a [u8]) -> Result<Self, Rejected> {
        let short = || rejected("the authenticator data is too short");
        let flags = *octets.get(FLAGS).ok_or_else(short)?;
        let counter = octets.get(COUNTER..).and_then(|rest| rest.first_chunk()).ok_or_else(short)?;
        let rest = octets.get(REST..).ok_or_else(short)?;
        Ok(Self { flags: Flags(flags), sign_count: u32::from_be_bytes(*counter), rest })
    }

    /// That it is of a registration, its user present and verified.
    pub(super) fn check_registration(&self) -> Result<(), Rejected> {
        if !self.flags.has(Flags::ATTESTED) {
            return Err(rejected("there is no attested credential data"));
        }
        self.flags.check()
    }

    /// That it is of an assertion, its user present and verified, and whole.
    pub(super) fn check_assertion(&self) -> Result<(), Rejected> {
        if self.flags.has(Flags::ATTESTED) {
            return Err(rejected("an assertion with attested credential data"));
        }
        check_extensions(self.flags, self.rest)?;
        self.flags.check()
    }
}

/// That here are the extensions, if the flags say so, and nothing else.
pub(super) fn check_extensions(flags: Flags, mut rest: &[u8]) -> Result<(), Rejected> {
    if flags.extensions() {
        let extensions: ciborium::Value = ciborium::from_reader(&mut rest)
            .map_err(|_| rejected("the extensions of the authenticator are not CBOR"))?;
        if !extensions.is_map() {
            return Err(rejected("the extensions of the authenticator are no map"));
        }
    }
    if rest.is_empty() { Ok(()) } else { Err(rejected("octets follow the authenticator data")) }
}
