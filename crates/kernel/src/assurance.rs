//! Actions, the scopes that open them, and how strong a proof is.

use std::fmt;
use std::str::FromStr;

/// A kind of thing a user may want done that can demand a fresh proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Export the private key of a wallet (`wallet.waas.export`).
    WalletExport,
    /// Make any signature with a wallet (`wallet.waas.sign`).
    WalletSign,
    /// Renew all key shares of a wallet, keeping its address (`wallet.waas.refresh`).
    WalletRefresh,
    /// Change the set of share holders (`wallet.waas.reshare`).
    WalletReshare,
    /// Add a factor when one exists already.
    CredentialLink,
    /// Remove a factor.
    CredentialUnlink,
    /// Create a wallet. Needs no second factor, still a receipt.
    WalletCreate,
}

impl Action {
    /// Every action, in the order of the table in the design.
    pub const ALL: [Self; 7] = [
        Self::WalletExport,
        Self::WalletSign,
        Self::WalletRefresh,
        Self::WalletReshare,
        Self::CredentialLink,
        Self::CredentialUnlink,
        Self::WalletCreate,
    ];

    /// The scope that an elevated token must carry for this action. Creating a wallet has none.
    pub const fn scope(self) -> Option<Scope> {
        match self {
            Self::WalletExport => Some(Scope::WalletExport),
            Self::WalletSign => Some(Scope::WalletSign),
            Self::WalletRefresh => Some(Scope::WalletRefresh),
            Self::WalletReshare => Some(Scope::WalletReshare),
            Self::CredentialLink => Some(Scope::CredentialLink),
            Self::CredentialUnlink => Some(Scope::CredentialUnlink),
            Self::WalletCreate => None,
        }
    }

    /// The name the product uses for this action, as in its settings and its audit trail.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WalletExport => "wallet.waas.export",
            Self::WalletSign => "wallet.waas.sign",
            Self::WalletRefresh => "wallet.waas.refresh",
            Self::WalletReshare => "wallet.waas.reshare",
            Self::CredentialLink => "credential.link",
            Self::CredentialUnlink => "credential.unlink",
            Self::WalletCreate => "wallet.waas.create",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Action {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|action| action.as_str() == text).ok_or(UnknownName)
    }
}

/// What an elevated token may be used for: one scope per protected action (RFC 6749 section 3.3 syntax).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// `wallet:export`
    WalletExport,
    /// `wallet:sign`
    WalletSign,
    /// `wallet:refresh`
    WalletRefresh,
    /// `wallet:reshare`
    WalletReshare,
    /// `credential:link`
    CredentialLink,
    /// `credential:unlink`
    CredentialUnlink,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 6] = [
        Self::WalletExport,
        Self::WalletSign,
        Self::WalletRefresh,
        Self::WalletReshare,
        Self::CredentialLink,
        Self::CredentialUnlink,
    ];

    /// The scope as it stands in a token.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WalletExport => "wallet:export",
            Self::WalletSign => "wallet:sign",
            Self::WalletRefresh => "wallet:refresh",
            Self::WalletReshare => "wallet:reshare",
            Self::CredentialLink => "credential:link",
            Self::CredentialUnlink => "credential:unlink",
        }
    }

    /// The action this scope opens.
    pub const fn action(self) -> Action {
        match self {
            Self::WalletExport => Action::WalletExport,
            Self::WalletSign => Action::WalletSign,
            Self::WalletRefresh => Action::WalletRefresh,
            Self::WalletReshare => Action::WalletReshare,
            Self::CredentialLink => Action::CredentialLink,
            Self::CredentialUnlink => Action::CredentialUnlink,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(UnknownName)
    }
}

/// A kind of second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactorKind {
    /// Time-based one-time password (RFC 6238).
    Totp,
    /// A WebAuthn credential that verifies its user (WebAuthn Level 3).
    Passkey,
    /// A set of recovery codes: look-up secrets (NIST SP 800-63B section 3.1.2). Held beside other factors only.
    RecoveryCode,
}

impl FactorKind {
    /// Every kind of factor this version offers.
    pub const ALL: [Self; 3] = [Self::Totp, Self::Passkey, Self::RecoveryCode];

    /// The strongest `acr` a proof by this kind of factor reaches. No attestation is verified in this version, so that
    /// of a passkey nothing is known about the hardware.
    pub const fn acr(self) -> Acr {
        match self {
            Self::Totp => Acr::Otp,
            Self::Passkey => Acr::Phr,
            Self::RecoveryCode => Acr::Recovery,
        }
    }

    /// The authentication methods a proof by this kind stands for, beside the session it is made in.
    pub const fn amr(self) -> &'static [Amr] {
        match self {
            Self::Totp => &[Amr::Otp, Amr::Mfa],
            Self::Passkey => &[Amr::Swk, Amr::User, Amr::Mfa],
            Self::RecoveryCode => &[Amr::RecoveryCode, Amr::Mfa],
        }
    }

    /// Whether holding it is having a second factor. Recovery codes stand in for one and end with the last one.
    pub const fn is_factor(self) -> bool {
        match self {
            Self::Totp | Self::Passkey => true,
            Self::RecoveryCode => false,
        }
    }

    /// The name of this kind in settings, metadata and the audit trail.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Passkey => "passkey",
            Self::RecoveryCode => "recovery_code",
        }
    }
}

impl fmt::Display for FactorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FactorKind {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownName)
    }
}

/// Authentication context class: how strong a proof is, weakest first, so that `>=` means "at least as strong".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Acr {
    /// A recovery code.
    Recovery,
    /// A one-time password.
    Otp,
    /// Phishing-resistant (OpenID EAP ACR Values 1.0, `phr`).
    Phr,
    /// Phishing-resistant and hardware-protected (OpenID EAP ACR Values 1.0, `phrh`).
    Phrh,
}

impl Acr {
    /// Every class, weakest first.
    pub const ALL: [Self; 4] = [Self::Recovery, Self::Otp, Self::Phr, Self::Phrh];

    /// The value of the `acr` claim.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recovery => "urn:countersign:acr:recovery",
            Self::Otp => "urn:countersign:acr:otp",
            Self::Phr => "phr",
            Self::Phrh => "phrh",
        }
    }
}

impl fmt::Display for Acr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Acr {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|acr| acr.as_str() == text).ok_or(UnknownName)
    }
}

/// Authentication method reference (RFC 8176).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Amr {
    /// One-time password.
    Otp,
    /// Proof of possession of a key that may be in software: nothing shows that it is in hardware.
    Swk,
    /// The user was present and verified by the authenticator.
    User,
    /// A recovery code. RFC 8176 has no value for look-up secrets; this one is private to the suite.
    RecoveryCode,
    /// The word of somebody whom an environment trusts; how they made sure is not known. Private to the suite too.
    Assertion,
    /// More than one method: the session's own and the second factor.
    Mfa,
}

impl Amr {
    /// Every method this version can report.
    pub const ALL: [Self; 6] =
        [Self::Otp, Self::Swk, Self::User, Self::RecoveryCode, Self::Assertion, Self::Mfa];

    /// The value in the `amr` claim.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Otp => "otp",
            Self::Swk => "swk",
            Self::User => "user",
            Self::RecoveryCode => "urn:countersign:amr:recovery_code",
            Self::Assertion => "urn:countersign:amr:assertion",
            Self::Mfa => "mfa",
        }
    }
}

impl FromStr for Amr {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|amr| amr.as_str() == text).ok_or(UnknownName)
    }
}

/// The text names nothing in the vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownName;

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown name")
    }
}

impl std::error::Error for UnknownName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for action in Action::ALL {
            assert_eq!(action.as_str().parse(), Ok(action));
        }
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(scope));
            assert_eq!(scope.action().scope(), Some(scope));
        }
        for acr in Acr::ALL {
            assert_eq!(acr.as_str().parse(), Ok(acr));
        }
        for kind in FactorKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        for amr in Amr::ALL {
            assert_eq!(amr.as_str().parse(), Ok(amr));
        }
        assert_eq!("wallet:Export".parse::<Scope>(), Err(UnknownName));
    }

    #[test]
    fn assurance_is_ordered_weakest_first() {
        assert!(Acr::Recovery < Acr::Otp && Acr::Otp < Acr::Phr && Acr::Phr < Acr::Phrh);
    }
}
