//! One round: a code for a token, the token for a receipt, the receipt for a signature. And somebody who wants the same
//! token for something else.

use kernel::{OperationId, Reason};
use operation::Operation;
use proto::convert;
use proto::token_issuer::{AuthenticateTotpRequest, BatchLeaf};

use super::call::persist;
use super::notes::Notes;
use super::prover::GOOD_FOR;
use super::traveller::Traveller;
use crate::faults::dice::Dice;
use crate::faults::stopwatch::Stopwatch;
use crate::faults::variety::Variety;
use crate::support::secrets::secret;
use crate::support::user::verifies;

/// A token, what kind it is, and what shows the operations of its batch to be in it.
struct Pass {
    token: String,
    variety: Variety,
    leaves: Vec<(OperationId, BatchLeaf)>,
}

impl Pass {
    /// How many operations it pays for.
    fn uses(&self) -> usize {
        self.leaves.len().max(1)
    }

    /// What shows the operation to be in its batch; of another one, what shows the first: nobody has anything better.
    fn leaf(&self, operation: &Operation) -> Option<BatchLeaf> {
        let own = self.leaves.iter().find(|(id, _)| *id == operation.id);
        own.or(self.leaves.first()).map(|(_, leaf)| leaf.clone())
    }
}

/// What a token is wanted for.
enum Wanted<'a> {
    Scope,
    Operation(&'a Operation),
    Batch(&'a [Operation]),
}

/// What became of a round.
pub(crate) struct Journey {
    pass: Pass,
    /// The operations that the token was let pay for, and the receipts. As many as it has uses, in a world that is right.
    paid: Vec<(Operation, String)>,
    /// The one signature, for the first of them.
    signature: Option<Vec<u8>>,
}

impl Journey {
    /// What kind of token it was made with.
    pub(crate) const fn variety(&self) -> Variety {
        self.pass.variety
    }

    /// What was acknowledged.
    pub(crate) fn acknowledged(&self) -> usize {
        self.paid.len() + usize::from(self.signature.is_some())
    }

    /// Whether the token paid for more than it should.
    pub(crate) fn is_doubled(&self) -> bool {
        self.paid.len() > self.pass.uses()
    }
}

/// Makes a round. `None` when it came to nothing, which is noted where it must not.
pub(crate) async fn travel(notes: &Notes, traveller: &mut Traveller, dice: &Dice) -> Option<Journey> {
    let [mine, second, other] =
        [&b"mine"[..], b"second", b"other"].map(|message| traveller.user.signing(&traveller.wallet, message));
    let (pass, rival) = match dice.below(3) {
        0 => (prove(notes, traveller, Wanted::Scope).await?, other),
        1 => (prove(notes, traveller, Wanted::Operation(&mine)).await?, other),
        // Both are of the batch, and whoever comes third is not.
        _ => {
            let both = [mine.clone(), second];
            let pass = prove(notes, traveller, Wanted::Batch(&both)).await?;
            let [_, second] = both;
            (pass, second)
        }
    };
    let (one, two) = if dice.one_in(2) {
        tokio::join!(authorize(notes, traveller, &mine, &pass), authorize(notes, traveller, &rival, &pass))
    } else {
        let one = authorize(notes, traveller, &mine, &pass).await;
        tokio::time::sleep(dice.millis(0..300)).await;
        (one, authorize(notes, traveller, &rival, &pass).await)
    };
    let paid = [(mine, one), (rival, two)];
    let paid = paid.into_iter().filter_map(|(operation, receipt)| Some((operation, receipt?))).collect();
    let mut journey = Journey { pass, paid, signature: None };
    if journey.paid.len() < journey.pass.uses() && !notes.fault().takes_tokens() {
        let (paid, uses) = (journey.paid.len(), journey.pass.uses());
        notes.complain(format!("a good {} token paid for {paid} of {uses}", journey.variety().name()));
    }
    if !journey.is_doubled()
        && let Some((operation, receipt)) = journey.paid.first()
    {
        tokio::time::sleep(dice.millis(0..100)).await;
        journey.signature = sign(notes, traveller, operation, &journey.pass, receipt).await;
    }
    Some(journey)
}

/// Asks for everything again when nothing is broken any more: what was acknowledged is still so, and nothing else is.
pub(crate) async fn ask_again(notes: &Notes, traveller: &Traveller, journey: &mut Journey) {
    let Traveller { user, wallet, .. } = traveller;
    let other = user.signing(wallet, b"something else");
    if let Some(receipt) = authorize(notes, traveller, &other, &journey.pass).await {
        journey.paid.push((other, receipt));
    }
    if journey.is_doubled() {
        return;
    }
    for (operation, _) in &journey.paid {
        let again = authorize(notes, traveller, operation, &journey.pass).await;
        if again.is_none() && !notes.fault().takes_tokens() {
            notes.complain("an acknowledged authorization, asked for again, is refused");
        }
    }
    let Some((operation, receipt)) = journey.paid.first() else { return };
    if let (Some(first), Some(second)) =
        (&journey.signature, sign(notes, traveller, operation, &journey.pass, receipt).await)
        && *first != second
    {
        notes.complain("one operation has two signatures");
    }
}

/// Makes a round without anybody in between. Whether it ends well.
pub(crate) async fn arrive(notes: &Notes, traveller: &mut Traveller) -> bool {
    let Some(pass) = prove(notes, traveller, Wanted::Scope).await else { return false };
    let operation = traveller.user.signing(&traveller.wallet, b"mine");
    let Some(receipt) = authorize(notes, traveller, &operation, &pass).await else { return false };
    sign(notes, traveller, &operation, &pass, &receipt).await.is_some()
}

/// A token for a code, or for a second one where what the first one gave may be lost, or was not answered in time.
async fn prove(notes: &Notes, traveller: &mut Traveller, wanted: Wanted<'_>) -> Option<Pass> {
    for _ in 0..2 {
        let code = traveller.prover.code().await;
        let watch = Stopwatch::start();
        let (operation, operations) = match wanted {
            Wanted::Scope => (None, &[][..]),
            Wanted::Operation(operation) => (Some(convert::operation_value(operation)), &[][..]),
            Wanted::Batch(operations) => (None, operations),
        };
        let request = AuthenticateTotpRequest {
            operation,
            operations: operations.iter().map(convert::operation_value).collect(),
            ..traveller.user.authentication(&code, &["wallet:sign"])
        };
        let user = &traveller.user;
        let answer = persist(notes, "a code", async || {
            user.step_up().authenticate_totp(user.request(request.clone())).await
        });
        match answer.await? {
            Ok(answer) => {
                let token = answer.elevated_token.expect("a token");
                let leaves = token.batch.map(|batch| batch.leaves).unwrap_or_default();
                return Some(Pass {
                    token: secret(token.token),
                    variety: match wanted {
                        Wanted::Scope => Variety::Scoped,
                        Wanted::Operation(_) => Variety::Bound,
                        Wanted::Batch(_) => Variety::Batched,
                    },
                    leaves: operations.iter().map(|operation| operation.id).zip(leaves).collect(),
                });
            }
            Err(Reason::TokenUnknown | Reason::TokenStoreChanged) if notes.fault().takes_tokens() => {
                notes.second_code();
            }
            Err(Reason::CodeRejected) if watch.elapsed() > GOOD_FOR => notes.second_code(),
            Err(reason) => {
                notes.complain(format!("a right code is refused: {reason}"));
                return None;
            }
        }
    }
    None
}

/// A receipt for a token, if it pays.
async fn authorize(
    notes: &Notes,
    traveller: &Traveller,
    operation: &Operation,
    pass: &Pass,
) -> Option<String> {
    let user = &traveller.user;
    let answer = persist(notes, "an authorization", || {
        user.authorize_leaf(operation, &pass.token, pass.leaf(operation))
    });
    match answer.await? {
        Ok(answer) => Some(answer.receipt),
        Err(Reason::TokenAlreadyRedeemed) => None,
        Err(Reason::OperationMismatch) if pass.variety != Variety::Scoped => None,
        Err(reason) if is_loss(notes, reason) => None,
        Err(reason) => {
            notes.complain(format!("an authorization is refused: {reason}"));
            None
        }
    }
}

/// The signature for what was authorized, which has to be good. For a receipt that expired while there was no answer, there
/// is another.
async fn sign(
    notes: &Notes,
    traveller: &Traveller,
    operation: &Operation,
    pass: &Pass,
    receipt: &str,
) -> Option<Vec<u8>> {
    let signed =
        async |receipt: &str| persist(notes, "a signature", || traveller.user.sign(operation, receipt)).await;
    let mut answer = signed(receipt).await?;
    if answer.as_ref().is_err_and(|reason| *reason == Reason::ReceiptExpired) {
        answer = signed(&authorize(notes, traveller, operation, pass).await?).await?;
    }
    match answer {
        Ok(answer) => {
            let operation::Body::SignMessage { message, .. } = &operation.body else { return None };
            if !verifies(&traveller.wallet.public_key, message, &answer.signature) {
                notes.complain("a signature is not good");
            }
            Some(answer.signature)
        }
        Err(reason) => {
            notes.complain(format!("what was authorized is not signed: {reason}"));
            None
        }
    }
}

/// Whether a token was lost with the store that had it, which the fault may do.
fn is_loss(notes: &Notes, reason: Reason) -> bool {
    notes.fault().takes_tokens() && matches!(reason, Reason::TokenStoreChanged | Reason::TokenUnknown)
}
