//! What a proof is asked for: scopes, and perhaps exactly one operation.

use kernel::{EnvironmentId, Error, Result, Scope, SessionId, UserId};
use operation::CheckedOperation;
use sha2::{Digest as _, Sha256};

use super::bound::Bound;

/// The most scopes that may be asked for at once.
const MAX_SCOPES: usize = 8;

/// What a proof is to be good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Purpose {
    scopes: Vec<Scope>,
    bound: Bound,
}

impl Purpose {
    /// From the scopes as a caller wrote them, and the operation to bind to. Refused with `INVALID_REQUEST`.
    pub(crate) fn new(requested: &[String], operation: Option<&CheckedOperation>) -> Result<Self> {
        let scopes = parse(requested)?;
        let Some(operation) = operation else {
            if scopes.is_empty() {
                return Err(Error::invalid(
                    FIELD,
                    "name at least one scope, such as `wallet:export`, or send the operation to bind the token to",
                ));
            }
            return Ok(Self { scopes, bound: Bound::Scopes });
        };
        let scope = operation.action().scope().ok_or_else(|| {
            Error::invalid("operation.kind", "needs no token; authorize it with the session alone")
        })?;
        if !scopes.is_empty() && scopes != [scope] {
            return Err(Error::invalid(
                FIELD,
                format!("with this operation it must be empty or exactly `{scope}`"),
            ));
        }
        Ok(Self { scopes: vec![scope], bound: Bound::to(operation) })
    }

    /// The scopes, sorted, none twice.
    pub(crate) fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// What to bind to beyond them.
    pub(crate) fn bound(&self) -> &Bound {
        &self.bound
    }

    /// SHA-256 over everything the proof is to be good for, each part with its length in front. It ties the request
    /// id to the purpose: a retry under the same id for something else is refused where the code is tested.
    pub(crate) fn digest(&self, environment: EnvironmentId, user: UserId, session: &SessionId) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut part = |octets: &[u8]| {
            hash.update((octets.len() as u64).to_be_bytes());
            hash.update(octets);
        };
        part(b"countersign/token-purpose/v1");
        part(environment.uuid().as_bytes());
        part(user.uuid().as_bytes());
        part(session.as_str().as_bytes());
        part(&(self.scopes.len() as u64).to_be_bytes());
        for scope in &self.scopes {
            part(scope.as_str().as_bytes());
        }
        // An unbound purpose has an empty last part; a digest is never empty.
        match &self.bound {
            Bound::Scopes => part(&[]),
            Bound::Operation(operation) => part(operation.digest.as_bytes()),
        }
        hash.finalize().into()
    }
}

const FIELD: &str = "requested_scopes";

/// Who carries out what a scope opens, and remembers in a ledger of its own which tokens paid for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ledger {
    Nodes,
    Factors,
}

const fn ledger(scope: Scope) -> Ledger {
    match scope {
        Scope::WalletExport | Scope::WalletSign | Scope::WalletRefresh | Scope::WalletReshare => {
            Ledger::Nodes
        }
        Scope::CredentialLink | Scope::CredentialUnlink => Ledger::Factors,
    }
}

fn parse(requested: &[String]) -> Result<Vec<Scope>> {
    if requested.len() > MAX_SCOPES {
        return Err(Error::invalid(FIELD, format!("may have at most {MAX_SCOPES} scopes")));
    }
    let mut scopes = Vec::with_capacity(requested.len());
    for name in requested {
        let scope: Scope = name.parse().map_err(|_| {
            let known = Scope::ALL.map(Scope::as_str).join("`, `");
            Error::invalid(FIELD, format!("has a scope this version does not know; it knows `{known}`"))
        })?;
        if scopes.contains(&scope) {
            return Err(Error::invalid(FIELD, format!("has `{scope}` twice")));
        }
        scopes.push(scope);
    }
    // A token that two ledgers know of could be spent once in each, should the token store lose its record.
    if scopes.iter().any(|scope| ledger(*scope) != ledger(scopes[0])) {
        return Err(Error::invalid(
            FIELD,
            "mixes `wallet:` and `credential:` scopes; they are spent in different places, so a token is good for \
             one kind only: authenticate for each with a code of its own",
        ));
    }
    scopes.sort_unstable();
    Ok(scopes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{create, environment, export, sign, user};
    use kernel::Reason;

    fn ask(scopes: &[&str], operation: Option<&CheckedOperation>) -> Result<Purpose> {
        let scopes: Vec<_> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        Purpose::new(&scopes, operation)
    }

    #[test]
    fn scopes_are_known_and_asked_for_once() {
        let purpose = ask(&["wallet:sign", "wallet:export"], None).unwrap();
        assert_eq!(purpose.scopes(), [Scope::WalletExport, Scope::WalletSign]);
        let nine = ["wallet:sign"; 9];
        for bad in [
            &[][..],
            &["wallet:sign", "wallet:sign"],
            &["wallet:Sign"],
            &["wallet:sign wallet:export"],
            &["wallet:everything"],
            &[""],
            &nine,
        ] {
            assert_eq!(ask(bad, None).unwrap_err().reason(), Reason::InvalidRequest, "{bad:?}");
        }
    }

    #[test]
    fn what_wallets_and_what_credentials_need_is_not_asked_for_at_once() {
        assert!(ask(&["wallet:sign", "wallet:export", "wallet:refresh", "wallet:reshare"], None).is_ok());
        assert!(ask(&["credential:unlink", "credential:link"], None).is_ok());
        for mixed in [
            &["wallet:sign", "credential:unlink"][..],
            &["credential:link", "wallet:reshare"],
            &["wallet:export", "wallet:sign", "credential:link"],
        ] {
            let error = ask(mixed, None).unwrap_err();
            assert_eq!(error.reason(), Reason::InvalidRequest, "{mixed:?}");
            assert_eq!(error.violations()[0].field, "requested_scopes");
        }
    }

    #[test]
    fn an_operation_wants_exactly_the_scope_of_its_action() {
        let export = export(1);
        let bound = ask(&[], Some(&export)).unwrap();
        assert_eq!(bound, ask(&["wallet:export"], Some(&export)).unwrap());
        assert_eq!(bound.scopes(), [Scope::WalletExport]);
        assert_eq!(bound.bound().digest(), Some(export.digest()));
        for bad in [&["wallet:sign"][..], &["wallet:export", "wallet:sign"]] {
            assert_eq!(ask(bad, Some(&export)).unwrap_err().reason(), Reason::InvalidRequest);
        }
        assert_eq!(ask(&[], Some(&create(1))).unwrap_err().reason(), Reason::InvalidRequest);
    }

    #[test]
    fn the_purpose_digest_depends_on_everything_and_not_on_the_order() {
        let session: SessionId = "s1".parse().unwrap();
        let of = |purpose: &Purpose| purpose.digest(environment(), user(), &session);
        let base = ask(&["wallet:sign", "wallet:export"], None).unwrap();
        assert_eq!(of(&base), of(&ask(&["wallet:export", "wallet:sign"], None).unwrap()));
        let mut seen = vec![of(&base)];
        for purpose in [
            ask(&["wallet:sign"], None).unwrap(),
            ask(&["wallet:export"], None).unwrap(),
            ask(&[], Some(&export(1))).unwrap(),
            ask(&[], Some(&export(2))).unwrap(),
            ask(&[], Some(&sign(1, b"hello"))).unwrap(),
        ] {
            seen.push(of(&purpose));
        }
        seen.push(base.digest(environment(), user(), &"s2".parse().unwrap()));
        let other = UserId::derive(environment(), "idp", "bob");
        seen.push(base.digest(environment(), other, &session));
        let elsewhere = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d99".parse().unwrap();
        seen.push(base.digest(elsewhere, user(), &session));
        let distinct: std::collections::BTreeSet<_> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len());
    }
}
