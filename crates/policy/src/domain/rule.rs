//! The names of the rules that decide, as they stand in answers and in `docs/policy.md`.

macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal;)+) => {
        /// A rule that took part in a decision.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Rule {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Rule {
            /// Every rule.
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The public id. Stable.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

rules! {
    /// The action is open to every session and has no setting.
    ActionOpen = "action.open";
    /// The settings do not ask for a second factor.
    ActionNotRequired = "action.not_required";
    /// The settings ask for a second factor.
    ActionRequired = "action.required";
    /// They ask for one also of a user who never had one.
    ActionFactorAlways = "action.factor_always";
    /// What is to be signed shows nothing of what it means, so that the demands of an export were added.
    ActionOpaqueAsExport = "action.opaque_as_export";
    /// The environment asks every user for a factor.
    EnvironmentEnrolmentRequired = "environment.enrolment_required";
    /// The user has a verified factor.
    FactorVerified = "factor.verified";
    /// The user has none now but had one: that never opens an action.
    FactorSticky = "factor.sticky";
    /// The user never had one.
    FactorNever = "factor.never";
    /// The user has one, but none that is as strong as is demanded.
    FactorTooWeak = "factor.too_weak";
    /// All that would do are on hold.
    FactorOnHold = "factor.on_hold";
    /// The sign-in is young enough to stand for a factor.
    SessionReauthenticated = "session.reauthenticated";
    /// The sign-in is too old for that, or nobody knows how old it is.
    SessionTooOld = "session.too_old";
    /// The user has no factor yet: the first one needs no proof by another.
    CredentialFirst = "credential.first";
    /// Factors are changed by a proof as strong as the strongest held.
    CredentialStrongest = "credential.strongest";
    /// There is no factor to remove.
    CredentialNone = "credential.none";
    /// No proof came.
    ProofMissing = "proof.missing";
    /// The proof was made with a device that is not, or no longer, one of the user's verified factors.
    ProofDevice = "proof.device";
    /// The proof was made with a device that is on hold.
    ProofHold = "proof.hold";
    /// The token is a legacy MFA token, and the environment has none, or has none any more.
    ProofLegacyDisabled = "proof.legacy_disabled";
    /// The token is a legacy MFA token, which does not pay for a change of factors.
    ProofLegacy = "proof.legacy";
    /// The assertion was made by somebody whom the environment does not name, or not any more.
    ProofAssertionIssuer = "proof.assertion_issuer";
    /// An assertion does not pay for a change of factors.
    ProofAssertion = "proof.assertion";
    /// The assertion's issuer may not speak for this scope.
    ProofAssertionScope = "proof.assertion_scope";
    /// The token does not carry the scope.
    ProofScope = "proof.scope";
    /// The proof is not strong enough.
    ProofAcr = "proof.acr";
    /// The token is not tied closely enough to the operation.
    ProofBinding = "proof.binding";
    /// The token may be used more often than the action allows.
    ProofBehavior = "proof.behavior";
    /// The token is good in the hands of any client, and the action asks for one that is not.
    ProofSender = "proof.sender";
    /// The proof is too old.
    ProofAge = "proof.age";
    /// The proof lies in the future.
    ProofFuture = "proof.future";
    /// The proof is good enough in every respect.
    ProofSatisfied = "proof.satisfied";
}
