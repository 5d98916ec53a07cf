//! What a proof is asked for: scopes, and perhaps a wallet, exactly one operation, or a batch of them.

use std::collections::BTreeSet;

use jose::Thumbprint;
use kernel::{EnvironmentId, Error, Result, Scope, SessionId, UserId, WalletId};
use operation::{Batch, BatchLeaf, CheckedOperation, Digest, MAX_BATCH};
use sha2::{Digest as _, Sha256};

use super::bound::Bound;
use super::ledger::{Ledger, ledger};
use super::requirement::TokenBehavior;

/// The most scopes that may be asked for at once.
const MAX_SCOPES: usize = 8;

/// What a proof is to be bound to, as it was sent.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// Nothing but scopes.
    Scopes,
    /// A wallet.
    Wallet(WalletId),
    /// Exactly one operation.
    Operation(CheckedOperation),
    /// Several operations.
    Batch(Vec<CheckedOperation>),
}

impl Target {
    /// The operations, whole.
    pub(crate) fn operations(&self) -> &[CheckedOperation] {
        match self {
            Self::Scopes | Self::Wallet(_) => &[],
            Self::Operation(operation) => std::slice::from_ref(operation),
            Self::Batch(operations) => operations,
        }
    }
}

/// What a proof is to be good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Purpose {
    scopes: Vec<Scope>,
    bound: Bound,
    leaves: Vec<BatchLeaf>,
    legacy: Option<TokenBehavior>,
    sender_key: Option<Thumbprint>,
}

impl Purpose {
    /// From the scopes as a caller wrote them, and what to bind to beyond them. Refused with `INVALID_REQUEST`.
    pub(crate) fn new(requested: &[String], target: &Target) -> Result<Self> {
        let scopes = parse(requested)?;
        let (scopes, bound, leaves) = match target {
            Target::Scopes => {
                if scopes.is_empty() {
                    return Err(Error::invalid(
                        FIELD,
                        "name at least one scope, such as `wallet:export`, or send the operation to bind the token to",
                    ));
                }
                (scopes, Bound::Scopes, Vec::new())
            }
            Target::Wallet(wallet) => {
                // All are of one ledger.
                if scopes.first().is_none_or(|scope| ledger(*scope) != Ledger::Nodes) {
                    return Err(Error::invalid(
                        FIELD,
                        "with `wallet` it must have at least one scope, and scopes of wallets only",
                    ));
                }
                (scopes, Bound::Wallet(*wallet), Vec::new())
            }
            Target::Operation(operation) => {
                let scope = scope_of(operation, "operation")?;
                if !scopes.is_empty() && scopes != [scope] {
                    return Err(Error::invalid(
                        FIELD,
                        format!("with this operation it must be empty or exactly `{scope}`"),
                    ));
                }
                (vec![scope], Bound::to(operation), Vec::new())
            }
            Target::Batch(operations) => batch(scopes, operations)?,
        };
        Ok(Self { scopes, bound, leaves, legacy: None, sender_key: None })
    }

    /// To be good for a legacy MFA token, which is for nothing in particular and used in this way.
    pub(crate) fn legacy(behavior: TokenBehavior) -> Self {
        let (scopes, leaves) = (Vec::new(), Vec::new());
        Self { scopes, bound: Bound::Scopes, leaves, legacy: Some(behavior), sender_key: None }
    }

    /// The same, in the hands of whoever has this key only.
    pub(crate) fn tied_to(self, sender_key: Option<Thumbprint>) -> Self {
        Self { sender_key, ..self }
    }

    /// The scopes, sorted, none twice.
    pub(crate) fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// What to bind to beyond them.
    pub(crate) fn bound(&self) -> &Bound {
        &self.bound
    }

    /// Of a batch: by what each operation is shown to be one of it, in their order.
    pub(crate) fn leaves(&self) -> &[BatchLeaf] {
        &self.leaves
    }

    /// What stands for the operation, or for all of them, in what an authenticator signs.
    pub(crate) fn digest_to_sign(&self) -> Option<Digest> {
        match &self.bound {
            Bound::Scopes | Bound::Wallet(_) => None,
            Bound::Operation(operation) => Some(operation.digest),
            Bound::Batch(root) => Some(Digest::from_bytes(root.hash)),
        }
    }

    /// How the legacy MFA token may be used that it is for, if it is for one.
    pub(crate) fn as_legacy(&self) -> Option<TokenBehavior> {
        self.legacy
    }

    /// The key to tie the token to.
    pub(crate) fn sender_key(&self) -> Option<Thumbprint> {
        self.sender_key
    }

    /// SHA-256 over everything the proof is to be good for, each part with its length in front. It ties the request
    /// id to the purpose: a retry under the same id for something else is refused where the code is tested.
    pub(crate) fn digest(&self, environment: EnvironmentId, user: UserId, session: &SessionId) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut part = |octets: &[u8]| {
            hash.update((octets.len() as u64).to_be_bytes());
            hash.update(octets);
        };
        // A proof for a token of one kind is none for one of the other.
        match self.legacy {
            None => part(b"countersign/token-purpose/v1"),
            Some(behavior) => {
                part(b"countersign/mfa-token-purpose/v1");
                part(behavior.as_str().as_bytes());
            }
        }
        part(environment.uuid().as_bytes());
        part(user.uuid().as_bytes());
        part(session.as_str().as_bytes());
        part(self.sender_key.as_ref().map_or(&[][..], |key| key.as_bytes()));
        part(&(self.scopes.len() as u64).to_be_bytes());
        for scope in &self.scopes {
            part(scope.as_str().as_bytes());
        }
        // What it is bound to, in parts whose number and lengths tell one from the other.
        match &self.bound {
            Bound::Scopes => part(&[]),
            Bound::Operation(operation) => part(operation.digest.as_bytes()),
            Bound::Wallet(wallet) => {
                part(b"wallet");
                part(wallet.uuid().as_bytes());
            }
            Bound::Batch(root) => {
                part(b"batch");
                part(&root.hash);
                part(&root.size.to_be_bytes());
            }
        }
        hash.finalize().into()
    }
}

const FIELD: &str = "requested_scopes";

/// The scope that a token for this operation has.
fn scope_of(operation: &CheckedOperation, field: &str) -> Result<Scope> {
    operation.action().scope().ok_or_else(|| {
        Error::invalid(format!("{field}.kind"), "needs no token; authorize it with the session alone")
    })
}

/// A batch: operations that are told apart, and carried out by one ledger's keeper.
fn batch(
    requested: Vec<Scope>,
    operations: &[CheckedOperation],
) -> Result<(Vec<Scope>, Bound, Vec<BatchLeaf>)> {
    const OPERATIONS: &str = "operations";
    let digests: Vec<_> = operations.iter().map(CheckedOperation::digest).collect();
    let Batch { root, leaves } = Batch::of(&digests).map_err(|_| {
        Error::invalid(
            OPERATIONS,
            format!("may have at most {MAX_BATCH} operations; authenticate for the rest anew"),
        )
    })?;
    let (mut ids, mut scopes) = (BTreeSet::new(), Vec::new());
    for (place, operation) in operations.iter().enumerate() {
        let field = format!("{OPERATIONS}[{place}]");
        if !ids.insert(operation.operation().id) {
            return Err(Error::invalid(
                format!("{field}.operation_id"),
                "is that of an earlier operation; each needs one of its own",
            ));
        }
        let scope = scope_of(operation, &field)?;
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    check_ledger(&scopes, OPERATIONS, "operations")?;
    scopes.sort_unstable();
    if !requested.is_empty() && requested != scopes {
        return Err(Error::invalid(FIELD, "with these operations it must be empty or exactly their scopes"));
    }
    Ok((scopes, Bound::Batch(root), leaves))
}

/// A token that two ledgers know of could be spent once in each, should the token store lose its record.
fn check_ledger(scopes: &[Scope], field: &str, what: &str) -> Result<()> {
    if scopes.iter().any(|scope| ledger(*scope) != ledger(scopes[0])) {
        return Err(Error::invalid(
            field,
            format!(
                "mixes `wallet:` and `credential:` {what}; they are spent in different places, so a token is good for \
                 one kind only: authenticate for each with a code of its own"
            ),
        ));
    }
    Ok(())
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
    check_ledger(&scopes, FIELD, "scopes")?;
    scopes.sort_unstable();
    Ok(scopes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{create, environment, export, sign, unlink, user, wallet};
    use kernel::Reason;

    fn ask_for(scopes: &[&str], target: Target) -> Result<Purpose> {
        let scopes: Vec<_> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        Purpose::new(&scopes, &target)
    }

    fn ask(scopes: &[&str], operation: Option<&CheckedOperation>) -> Result<Purpose> {
        ask_for(scopes, operation.cloned().map_or(Target::Scopes, Target::Operation))
    }

    /// The field of the refusal.
    fn refused(scopes: &[&str], target: Target) -> String {
        let error = ask_for(scopes, target).unwrap_err();
        assert_eq!(error.reason(), Reason::InvalidRequest);
        error.violations()[0].field.clone()
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
    fn a_wallet_goes_with_scopes_of_wallets_only() {
        let purpose = ask_for(&["wallet:sign", "wallet:export"], Target::Wallet(wallet())).unwrap();
        assert_eq!(purpose.scopes(), [Scope::WalletExport, Scope::WalletSign]);
        assert_eq!(purpose.bound(), &Bound::Wallet(wallet()));
        assert!(purpose.digest_to_sign().is_none() && purpose.leaves().is_empty());
        for bad in [&[][..], &["credential:link"], &["wallet:sign", "credential:link"], &["wallet:fly"]] {
            assert_eq!(refused(bad, Target::Wallet(wallet())), "requested_scopes");
        }
    }

    #[test]
    fn a_batch_has_the_scopes_of_its_operations_and_a_leaf_for_each() {
        let operations = vec![sign(1, b"one"), export(2), sign(3, b"three")];
        let purpose = ask_for(&[], Target::Batch(operations.clone())).unwrap();
        assert_eq!(purpose.scopes(), [Scope::WalletExport, Scope::WalletSign]);
        assert_eq!(
            purpose,
            ask_for(&["wallet:sign", "wallet:export"], Target::Batch(operations.clone())).unwrap()
        );
        let Bound::Batch(root) = purpose.bound() else { panic!("{:?}", purpose.bound()) };
        assert_eq!((root.size, purpose.digest_to_sign()), (3, Some(Digest::from_bytes(root.hash))));
        assert_eq!(purpose.leaves().len(), 3);
        for (operation, leaf) in operations.iter().zip(purpose.leaves()) {
            assert!(root.holds(&operation.digest(), leaf));
        }
        for bad in [&["wallet:sign"][..], &["wallet:sign", "wallet:export", "wallet:refresh"]] {
            assert_eq!(refused(bad, Target::Batch(operations.clone())), "requested_scopes");
        }
    }

    #[test]
    fn a_batch_is_of_1_to_32_operations_that_are_told_apart_and_need_a_token() {
        let signs = |count| (0..count).map(|number| sign(number, b"hello")).collect::<Vec<_>>();
        for count in [1, 32] {
            assert!(ask_for(&[], Target::Batch(signs(count))).is_ok());
        }
        for count in [0, 33] {
            assert_eq!(refused(&[], Target::Batch(signs(count))), "operations");
        }
        // The same operation twice, another one under the same id.
        for again in [sign(0, b"hello"), sign(0, b"other"), export(0)] {
            let operations = [signs(2), vec![again]].concat();
            assert_eq!(refused(&[], Target::Batch(operations)), "operations[2].operation_id");
        }
        let creating = vec![sign(0, b"hello"), create(1)];
        assert_eq!(refused(&[], Target::Batch(creating)), "operations[1].kind");
        let mixed = vec![sign(0, b"hello"), unlink(1)];
        assert_eq!(refused(&[], Target::Batch(mixed)), "operations");
        assert!(ask_for(&[], Target::Batch(vec![unlink(1), unlink(2)])).is_ok());
    }

    #[test]
    fn the_purpose_digest_depends_on_everything_and_not_on_the_order() {
        let session: SessionId = "s1".parse().unwrap();
        let other_wallet = WalletId::from_uuid(uuid::Uuid::from_u128(5));
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
            ask_for(&["wallet:export"], Target::Wallet(wallet())).unwrap(),
            ask_for(&["wallet:export"], Target::Wallet(other_wallet)).unwrap(),
            ask_for(&["wallet:export", "wallet:sign"], Target::Wallet(wallet())).unwrap(),
            ask_for(&[], Target::Batch(vec![export(1)])).unwrap(),
            ask_for(&[], Target::Batch(vec![export(1), export(2)])).unwrap(),
            ask_for(&[], Target::Batch(vec![export(2), export(1)])).unwrap(),
        ] {
            seen.push(of(&purpose));
        }
        seen.push(base.digest(environment(), user(), &"s2".parse().unwrap()));
        let other = UserId::derive(environment(), "idp", "bob");
        seen.push(base.digest(environment(), other, &session));
        let elsewhere = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d99".parse().unwrap();
        seen.push(base.digest(elsewhere, user(), &session));
        for key in [[1; 32], [2; 32]] {
            seen.push(of(&base.clone().tied_to(Some(Thumbprint::from_bytes(key)))));
        }
        for behavior in [TokenBehavior::SingleUse, TokenBehavior::TimeBound] {
            let legacy = Purpose::legacy(behavior);
            seen.push(of(&legacy));
            seen.push(of(&legacy.tied_to(Some(Thumbprint::from_bytes([1; 32])))));
        }
        let distinct: std::collections::BTreeSet<_> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len());
    }
}
