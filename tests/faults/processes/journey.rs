//! One round: a code for a token, the token for a receipt, the receipt for a signature. And somebody who wants the same
//! token for something else.

use kernel::Reason;
use operation::Operation;
use proto::token_issuer::AuthenticateTotpRequest;

use super::call::persist;
use super::notes::Notes;
use super::prover::GOOD_FOR;
use super::traveller::Traveller;
use crate::faults::dice::Dice;
use crate::faults::stopwatch::Stopwatch;
use crate::support::fresh;
use crate::support::secrets::secret;
use crate::support::user::verifies;

/// What became of a round.
pub(crate) struct Journey {
    token: String,
    /// The operations that the token was let pay for. One, in a world that is right.
    pub(crate) paid: Vec<Operation>,
    receipt: String,
    /// The one signature.
    signature: Option<Vec<u8>>,
}

impl Journey {
    /// Whether it has come to its end.
    pub(crate) const fn is_signed(&self) -> bool {
        self.signature.is_some()
    }
}

/// Makes a round. `None` when it came to nothing, which is noted where it must not.
pub(crate) async fn travel(notes: &Notes, traveller: &mut Traveller, dice: &Dice) -> Option<Journey> {
    let token = prove(notes, traveller).await?;
    let Traveller { user, wallet, .. } = &*traveller;
    let (mine, other) = (user.signing(wallet, b"mine"), user.signing(wallet, b"other"));
    let (one, two) = if dice.one_in(2) {
        tokio::join!(authorize(notes, traveller, &mine, &token), authorize(notes, traveller, &other, &token))
    } else {
        let one = authorize(notes, traveller, &mine, &token).await;
        tokio::time::sleep(dice.millis(0..300)).await;
        (one, authorize(notes, traveller, &other, &token).await)
    };
    let mut journey = Journey { token, paid: Vec::new(), receipt: String::new(), signature: None };
    for (operation, receipt) in [(mine, one), (other, two)] {
        if let Some(receipt) = receipt {
            journey.paid.push(operation);
            journey.receipt = receipt;
        }
    }
    if journey.paid.is_empty() && !notes.fault().takes_tokens() {
        notes.complain("a good token paid for nothing");
    }
    if let [operation] = journey.paid.as_slice() {
        tokio::time::sleep(dice.millis(0..100)).await;
        journey.signature = sign(notes, traveller, operation, &journey).await;
    }
    Some(journey)
}

/// Asks for everything again when nothing is broken any more: what was acknowledged is still so, and nothing else is.
pub(crate) async fn ask_again(notes: &Notes, traveller: &Traveller, journey: &mut Journey) {
    let Traveller { user, wallet, .. } = traveller;
    let other = user.signing(wallet, b"something else");
    if authorize(notes, traveller, &other, &journey.token).await.is_some() {
        journey.paid.push(other);
    }
    let [operation] = journey.paid.as_slice() else { return };
    let again = authorize(notes, traveller, operation, &journey.token).await;
    if again.is_none() && !notes.fault().takes_tokens() {
        notes.complain("an acknowledged authorization, asked for again, is refused");
    }
    if let (Some(first), Some(second)) =
        (&journey.signature, sign(notes, traveller, operation, journey).await)
        && *first != second
    {
        notes.complain("one operation has two signatures");
    }
}

/// Makes a round without anybody in between. Whether it ends well.
pub(crate) async fn arrive(notes: &Notes, traveller: &mut Traveller) -> bool {
    let Some(token) = prove(notes, traveller).await else { return false };
    let operation = traveller.user.signing(&traveller.wallet, b"mine");
    let Some(receipt) = authorize(notes, traveller, &operation, &token).await else { return false };
    let journey = Journey { token, paid: Vec::new(), receipt, signature: None };
    sign(notes, traveller, &operation, &journey).await.is_some()
}

/// A token for a code, or for a second one where what the first one gave may be lost, or was not answered in time.
async fn prove(notes: &Notes, traveller: &mut Traveller) -> Option<String> {
    for _ in 0..2 {
        let code = traveller.prover.code().await;
        let watch = Stopwatch::start();
        let request = AuthenticateTotpRequest {
            user: traveller.user.name(),
            code,
            device: String::new(),
            requested_scopes: vec!["wallet:sign".to_owned()],
            operation: None,
            request_id: fresh::request_id(),
            ..Default::default()
        };
        let user = &traveller.user;
        let answer = persist(notes, "a code", async || {
            user.step_up().authenticate_totp(user.request(request.clone())).await
        });
        match answer.await? {
            Ok(answer) => return Some(secret(answer.elevated_token.expect("a token").token)),
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
    token: &str,
) -> Option<String> {
    let answer = persist(notes, "an authorization", || traveller.user.authorize(operation, token));
    match answer.await? {
        Ok(answer) => Some(answer.receipt),
        Err(Reason::TokenAlreadyRedeemed) => None,
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
    journey: &Journey,
) -> Option<Vec<u8>> {
    let signed =
        async |receipt: &str| persist(notes, "a signature", || traveller.user.sign(operation, receipt)).await;
    let mut answer = signed(&journey.receipt).await?;
    if answer.as_ref().is_err_and(|reason| *reason == Reason::ReceiptExpired) {
        answer = signed(&authorize(notes, traveller, operation, &journey.token).await?).await?;
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
