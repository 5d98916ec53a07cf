//! The protocol's words and ours. What an answer says that is not known here is refused, never guessed.

use kernel::{Acr, EnvironmentId, Error, FactorKind, Result, Scope, UserId};
use proto::{convert, names, types};

use crate::domain::factors::{FactorFacts, VerifiedFactor};
use crate::domain::requirement::{Binding, MAX_EXPIRY_SECONDS, Requirement, SenderConstraint, TokenBehavior};

/// The device of a resource name, if it belongs to this user.
pub(super) fn device(
    field: &str,
    name: &str,
    environment: EnvironmentId,
    user: UserId,
) -> Result<kernel::DeviceId> {
    let named = names::parse_device(field, name)?;
    if named.environment != environment || named.user.id(field)? != user {
        return Err(Error::invalid(field, "belongs to somebody else"));
    }
    Ok(named.id)
}

pub(super) fn facts(
    value: types::FactorFacts,
    environment: EnvironmentId,
    user: UserId,
) -> Result<FactorFacts> {
    let factors = value
        .factors
        .into_iter()
        .map(|factor| {
            let kind = convert::factor_kind("facts.factors.kind", factor.kind)?;
            if factor.exhausted && kind != FactorKind::RecoveryCode {
                return Err(Error::invalid("facts.factors.exhausted", "is said of what cannot be used up"));
            }
            Ok(VerifiedFactor {
                device: device("facts.factors.device", &factor.device, environment, user)?,
                kind,
                verified: convert::time("facts.factors.verify_time", factor.verify_time)?,
                is_default: factor.is_default,
                display_name: factor.display_name,
                exhausted: factor.exhausted,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(FactorFacts { factors, ever_verified: value.ever_verified, first_session: value.first_session })
}

pub(super) fn facts_value(
    facts: &FactorFacts,
    environment: EnvironmentId,
    user: UserId,
) -> types::FactorFacts {
    types::FactorFacts {
        factors: facts.factors.iter().map(|factor| factor_value(factor, environment, user)).collect(),
        ever_verified: facts.ever_verified,
        first_session: facts.first_session,
    }
}

fn factor_value(factor: &VerifiedFactor, environment: EnvironmentId, user: UserId) -> types::VerifiedFactor {
    types::VerifiedFactor {
        device: names::device(environment, user, factor.device),
        kind: convert::factor_kind_value(factor.kind).into(),
        verify_time: Some(convert::timestamp(factor.verified)),
        is_default: factor.is_default,
        display_name: factor.display_name.clone(),
        exhausted: factor.exhausted,
    }
}

pub(super) fn binding_value(binding: Binding) -> types::Binding {
    match binding {
        Binding::Scope => types::Binding::Scope,
        Binding::Wallet => types::Binding::Wallet,
        Binding::Operation => types::Binding::Operation,
    }
}

pub(super) fn behavior_value(behavior: TokenBehavior) -> types::TokenBehavior {
    match behavior {
        TokenBehavior::SingleUse => types::TokenBehavior::SingleUse,
        TokenBehavior::TimeBound => types::TokenBehavior::TimeBound,
    }
}

pub(super) fn requirement(value: types::Requirement) -> Result<Requirement> {
    let binding = match types::Binding::try_from(value.binding) {
        Ok(types::Binding::Scope) => Binding::Scope,
        Ok(types::Binding::Wallet) => Binding::Wallet,
        Ok(types::Binding::Operation) => Binding::Operation,
        Ok(types::Binding::Unspecified) | Err(_) => {
            return Err(Error::invalid("requirement.binding", "is not known"));
        }
    };
    let token_behavior = match types::TokenBehavior::try_from(value.token_behavior) {
        Ok(types::TokenBehavior::SingleUse) => TokenBehavior::SingleUse,
        Ok(types::TokenBehavior::TimeBound) => TokenBehavior::TimeBound,
        Ok(types::TokenBehavior::Unspecified) | Err(_) => {
            return Err(Error::invalid("requirement.token_behavior", "is not known"));
        }
    };
    let sender_constraint = match types::SenderConstraint::try_from(value.sender_constraint) {
        Ok(types::SenderConstraint::Off) => SenderConstraint::Off,
        Ok(types::SenderConstraint::Allowed) => SenderConstraint::Allowed,
        Ok(types::SenderConstraint::Required) => SenderConstraint::Required,
        Ok(types::SenderConstraint::Unspecified) | Err(_) => {
            return Err(Error::invalid("requirement.sender_constraint", "is not known"));
        }
    };
    if !(1..=MAX_EXPIRY_SECONDS).contains(&value.token_expiry_seconds) {
        return Err(Error::invalid("requirement.token_expiry_seconds", "is out of range"));
    }
    let unknown = |field: &'static str| move |_| Error::invalid(field, "is not known");
    Ok(Requirement {
        action: convert::action("requirement.action", value.action)?,
        scopes: value
            .scopes
            .iter()
            .map(|scope| scope.parse::<Scope>().map_err(unknown("requirement.scopes")))
            .collect::<Result<_>>()?,
        acr: value.acr.parse::<Acr>().map_err(unknown("requirement.acr"))?,
        binding,
        // A kind of factor that is not known here is none that a token could be made with.
        methods: value
            .methods
            .iter()
            .filter_map(|kind| convert::factor_kind("requirement.methods", *kind).ok())
            .collect(),
        token_behavior,
        token_expiry_seconds: value.token_expiry_seconds,
        max_age_seconds: value.max_age_seconds,
        sender_constraint,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{environment, factor, passkey, recovery_codes, user};

    #[test]
    fn what_is_known_of_factors_survives_the_way_to_policy() {
        let set = VerifiedFactor { exhausted: true, ..recovery_codes(3) };
        for (ever_verified, first_session) in [(true, false), (false, true)] {
            let ours = FactorFacts {
                factors: vec![factor(1), passkey(2), set.clone()],
                ever_verified,
                first_session,
            };
            let sent = facts_value(&ours, environment(), user());
            assert_eq!(facts(sent, environment(), user()).unwrap(), ours);
        }
    }

    #[test]
    fn factors_that_are_not_understood_are_refused() {
        let ours = FactorFacts { factors: vec![factor(1)], ..FactorFacts::default() };
        let other = UserId::derive(environment(), "idp", "bob");
        type Change = fn(&mut types::VerifiedFactor);
        let changes: [Change; 5] = [
            |factor| factor.kind = 0,
            |factor| factor.kind = 99,
            |factor| factor.verify_time = None,
            |factor| factor.exhausted = true,
            |factor| factor.device.clear(),
        ];
        for change in changes {
            let mut sent = facts_value(&ours, environment(), user());
            change(&mut sent.factors[0]);
            assert!(facts(sent, environment(), user()).is_err());
        }
        assert!(facts(facts_value(&ours, environment(), other), environment(), user()).is_err());
    }
}
