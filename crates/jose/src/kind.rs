//! The kinds of JWT, told apart by `typ`.

/// A kind of JWT. Kinds are never interchangeable: each has its own `typ` (RFC 8725 section 3.11), its own
/// audience and its own keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A session of a signed-in user, made by an identity provider (or by our own session exchange).
    Session,
    /// An elevated access token.
    Elevated,
    /// An unscoped MFA token of the older style.
    LegacyMfa,
    /// A receipt: permission for exactly one operation.
    Receipt,
    /// An administrator's token.
    Admin,
    /// A statement of receipt keys, signed by the operator root.
    KeyStatement,
    /// The word of somebody an environment trusts, that a user was authenticated for some scopes.
    Assertion,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Session,
        Self::Elevated,
        Self::LegacyMfa,
        Self::Receipt,
        Self::Admin,
        Self::KeyStatement,
        Self::Assertion,
    ];

    /// The `typ` parameter of tokens of this kind that are made here.
    pub const fn typ(self) -> &'static str {
        match self {
            Self::Session => "session+jwt",
            Self::Elevated => "elevated+jwt",
            Self::LegacyMfa => "mfa+jwt",
            Self::Receipt => "receipt+jwt",
            Self::Admin => "admin+jwt",
            Self::KeyStatement => "keys+jwt",
            Self::Assertion => "assertion+jwt",
        }
    }

    /// Whether a token whose header has this `typ` may be of this kind.
    ///
    /// Sessions come from foreign providers, which write `typ` in the ways RFC 7515 section 4.1.9 and RFC 9068
    /// section 2.1 allow, or not at all. Every other kind is made for nobody but us, and has exactly its own.
    pub(crate) fn accepts_typ(self, typ: Option<&str>) -> bool {
        match (self, typ) {
            (Self::Session, None) => true,
            (Self::Session, Some(typ)) => {
                let typ = typ.to_ascii_lowercase();
                let subtype = typ.strip_prefix("application/").unwrap_or(&typ);
                ["jwt", "at+jwt", "session+jwt"].contains(&subtype)
            }
            (own, typ) => typ == Some(own.typ()),
        }
    }

    /// Whether somebody else makes tokens of this kind, by libraries that may put more into the header than we do.
    pub(crate) const fn is_foreign(self) -> bool {
        matches!(self, Self::Session | Self::Assertion)
    }

    /// Whether tokens of this kind must say when they were issued. Not every provider's session does.
    pub(crate) const fn requires_iat(self) -> bool {
        !matches!(self, Self::Session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_typ_fits_two_kinds() {
        for typ in Kind::ALL.map(|kind| Some(kind.typ())).into_iter().chain([None, Some("JWT")]) {
            let kinds = Kind::ALL.into_iter().filter(|kind| kind.accepts_typ(typ)).count();
            assert_eq!(kinds, 1, "{typ:?}");
        }
    }

    #[test]
    fn a_session_is_typed_as_providers_type_it_and_in_no_other_way() {
        for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/JWT", "session+jwt"]
        {
            assert!(Kind::Session.accepts_typ(Some(typ)), "{typ}");
        }
        for typ in
            ["", "JWS", "id+jwt", "elevated+jwt", "application/", "application/application/jwt", "jwt "]
        {
            assert!(!Kind::Session.accepts_typ(Some(typ)), "{typ}");
        }
    }

    #[test]
    fn every_other_kind_has_exactly_one_spelling() {
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Session) {
            assert!(kind.accepts_typ(Some(kind.typ())));
            for typ in [None, Some(kind.typ().to_uppercase()), Some(format!("application/{}", kind.typ()))] {
                assert!(!kind.accepts_typ(typ.as_deref()), "{typ:?}");
            }
        }
    }
}
