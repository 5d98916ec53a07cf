//! Proves a factor and makes an elevated access token, or a legacy MFA token.
//!
//! The code, or the ceremony, is consumed last: everything that can be refused without it is refused before. From then on
//! every step follows from the proof, so that the same request again makes the same token, wherever the first one ended.
//!
//! Nobody gets a token before it is remembered that it was on file. Whoever comes after that finds its record; if the
//! store lost it, it is not made anew, because it may have been spent. Whoever comes before that may issue it, however
//! many do. That none of them is late, and puts a token on file again that another one handed out meanwhile and the
//! store lost, follows from the order of the steps: room is found in one history of the store, then the mark is looked
//! for, then the token is issued in that same history. Where there is no mark, nothing can have been spent before
//! room was found, and what is spent later in the same history is there.

use std::sync::Arc;

use kernel::{
    CeremonyId, DeviceId, Error, FactorKind, Reason, RequestId, Result, SecretText, Timestamp, TokenId,
};
use operation::BatchLeaf;
use runtime::UserCall;

use crate::domain::bound::Bound;
use crate::domain::factors::{Ceremony, FactorProof};
use crate::domain::purpose::{Purpose, Target};
use crate::domain::record::expired;
use crate::domain::requirement::TokenBehavior;
use crate::domain::revocation::{Revocable, revoked};
use crate::domain::terms::Terms;
use crate::domain::token::{Source, Token, TokenKind};
use crate::judge::Judge;
use crate::legacy;
use crate::mint::Mint;
use crate::ports::{IssuedTokens, PasskeyPurpose, ProofRequest, Remembered, Room, TokenStore};
use crate::sender::{self, Method};

/// Makes tokens from proofs of factors of any kind.
#[derive(Clone)]
pub(crate) struct Authenticate {
    pub(crate) judge: Judge,
    pub(crate) tokens: Arc<dyn TokenStore>,
    pub(crate) issued: Arc<dyn IssuedTokens>,
    pub(crate) mint: Arc<Mint>,
}

/// What a token is wanted for.
pub(crate) struct Wanted {
    /// The scopes as they were written.
    pub(crate) scopes: Vec<String>,
    /// What it is to be bound to beyond them.
    pub(crate) target: Target,
    /// How it may be used, where a legacy MFA token is wanted: then there are no scopes, and nothing to bind to.
    pub(crate) legacy: Option<TokenBehavior>,
    /// A proof by the key to tie it to.
    pub(crate) sender_proof: Option<SecretText>,
}

impl Wanted {
    /// The same as a purpose, but for the key. Refused with `INVALID_REQUEST`.
    pub(crate) fn purpose(&self) -> Result<Purpose> {
        let Some(behavior) = self.legacy else {
            return Purpose::new(&self.scopes, &self.target);
        };
        let refused = |field| {
            let empty =
                "must be empty with `create_mfa_token`: a legacy MFA token is for nothing in particular";
            Err(Error::invalid(field, empty))
        };
        if !self.scopes.is_empty() {
            return refused("requested_scopes");
        }
        match self.target {
            Target::Scopes => Ok(Purpose::legacy(behavior)),
            Target::Wallet(_) => refused("wallet"),
            Target::Operation(_) => refused("operation"),
            Target::Batch(_) => refused("operations"),
        }
    }
}

/// What the caller sent.
pub(crate) struct Request {
    /// What a factor is proved by.
    pub(crate) answer: Answer,
    /// What for.
    pub(crate) wanted: Wanted,
    /// The client's name for this request.
    pub(crate) request: RequestId,
}

/// What a factor is proved by.
pub(crate) enum Answer {
    /// A TOTP code.
    Totp {
        /// The code as it was typed.
        code: SecretText,
        /// The device; none for whichever the code fits.
        device: Option<DeviceId>,
    },
    /// The answer of an authenticator in a ceremony.
    Passkey {
        /// The ceremony.
        ceremony: CeremonyId,
        /// `AuthenticationResponseJSON` (WebAuthn Level 3 section 5.1).
        credential_json: SecretText,
    },
    /// A recovery code, as it was typed.
    RecoveryCode(SecretText),
}

impl Answer {
    const fn kind(&self) -> FactorKind {
        match self {
            Self::Totp { .. } => FactorKind::Totp,
            Self::Passkey { .. } => FactorKind::Passkey,
            Self::RecoveryCode(_) => FactorKind::RecoveryCode,
        }
    }

    const fn method(&self) -> Method {
        match self {
            Self::Totp { .. } => Method::AuthenticateTotp,
            Self::Passkey { .. } => Method::AuthenticatePasskey,
            Self::RecoveryCode(_) => Method::AuthenticateRecoveryCode,
        }
    }
}

/// A token as it is handed out.
#[derive(Debug)]
pub(crate) struct Made {
    /// The JWT.
    pub(crate) jwt: SecretText,
    /// What it says.
    pub(crate) token: Token,
    /// For a batch: by what each operation is shown to be one of it, in their order.
    pub(crate) leaves: Vec<BatchLeaf>,
    /// After a recovery code: how many are left.
    pub(crate) remaining_codes: Option<u32>,
}

/// What is known before anything is consumed: that a proof of this kind would be worth a token, and which.
struct Ready {
    purpose: Purpose,
    terms: Terms,
    room: Room,
}

impl Authenticate {
    /// Begins the ceremony of a passkey, unless no token would come of it.
    pub(crate) async fn begin_passkey(&self, call: &UserCall, wanted: Wanted) -> Result<Ceremony> {
        let method = Method::BeginPasskeyAuthentication;
        let Ready { purpose, .. } = self.ready(call, FactorKind::Passkey, method, &wanted).await?;
        let begin = PasskeyPurpose {
            environment: call.environment,
            user: call.user,
            session: &call.session,
            purpose: purpose.digest(call.environment, call.user, &call.session),
            operation: purpose.digest_to_sign(),
        };
        self.judge.factors.begin_passkey(begin).await
    }

    /// Has the answer tested, consumes it, and makes the token.
    pub(crate) async fn authenticate(&self, call: &UserCall, request: Request) -> Result<Made> {
        let Request { answer, wanted, request } = request;
        let (kind, method) = (answer.kind(), answer.method());
        let Ready { purpose, terms, room } = self.ready(call, kind, method, &wanted).await?;
        let wanted = ProofRequest {
            environment: call.environment,
            user: call.user,
            session: &call.session,
            request,
            purpose: purpose.digest(call.environment, call.user, &call.session),
        };
        let factors = &self.judge.factors;
        let (proof, remaining_codes) = match &answer {
            Answer::Totp { code, device } => (factors.verify_totp(wanted, code, *device).await?, None),
            Answer::Passkey { ceremony, credential_json } => {
                (factors.verify_passkey(wanted, *ceremony, credential_json).await?, None)
            }
            Answer::RecoveryCode(code) => {
                let (proof, remaining) = factors.verify_recovery_code(wanted, code).await?;
                (proof, Some(remaining))
            }
        };
        let token = token(call, &purpose, terms, &proof);
        // A repetition whose first call was before a restore.
        self.mint.check_remembered(&token)?;
        let (jwt, token) = self.hand_out(call, token, &room).await?;
        Ok(Made { jwt, token, leaves: purpose.leaves().to_vec(), remaining_codes })
    }

    /// Refuses all that can be refused before a factor is tested.
    async fn ready(
        &self,
        call: &UserCall,
        kind: FactorKind,
        method: Method,
        wanted: &Wanted,
    ) -> Result<Ready> {
        if let Target::Operation(operation) = &wanted.target {
            call.trail.operation(operation.operation().id, *operation.digest().as_bytes()).await;
        }
        self.mint.check_time(call.at)?;
        let sender_key = sender::key(call, method, wanted.sender_proof.as_ref())?;
        let purpose = wanted.purpose()?.tied_to(sender_key);
        if let Bound::Batch(root) = purpose.bound() {
            call.trail.batch(root.hash).await;
        }
        let terms = match purpose.as_legacy() {
            // It is for no action, so there is nothing that policy could be asked before it is used.
            Some(behavior) => legacy::terms(call, behavior)?,
            None => self.judge.terms(call, kind, &purpose, wanted.target.operations()).await?,
        };
        let room = self.tokens.check_room(call.environment, call.user, call.at).await?;
        Ok(Ready { purpose, terms, room })
    }

    /// Hands the token out, issued by this call or an earlier one for the same proof: a repetition gets the token of the
    /// first time, also when policy has changed since.
    pub(crate) async fn hand_out(
        &self,
        call: &UserCall,
        token: Token,
        room: &Room,
    ) -> Result<(SecretText, Token)> {
        call.trail.intend().await?;
        let remembered = self.issued.remember(&Revocable::of(&token), call.at).await?;
        let recorded = match remembered {
            Remembered::Now => None,
            Remembered::Revoked => return Err(untouched(call, revoked()).await),
            Remembered::Before | Remembered::OnFile => self.recorded(call, &token).await?,
        };
        let token = match recorded {
            Some(token) if call.at < token.expires => token,
            None if remembered == Remembered::OnFile => return Err(untouched(call, lost()).await),
            None if call.at < token.expires => self.issue(call, token, room).await?,
            // Only a late repetition gets here: a fresh token needs a fresh proof.
            Some(_) | None => return Err(untouched(call, expired()).await),
        };
        let jwt = self.mint.token(&token)?;
        if remembered != Remembered::OnFile {
            self.issued.on_file(token.id, call.at).await?;
        }
        Ok((jwt, token))
    }

    async fn issue(&self, call: &UserCall, token: Token, room: &Room) -> Result<Token> {
        let Err(refused) = self.tokens.issue(&token, room, call.at).await else { return Ok(token) };
        match refused.reason() {
            // Another call for it was faster, and had been told something else by policy.
            Reason::TokenInvalid => self.recorded(call, &token).await?.ok_or(refused),
            Reason::TokenLimitReached => Err(untouched(call, refused).await),
            _ => Err(refused),
        }
    }

    /// The token that is on file for the same proof.
    async fn recorded(&self, call: &UserCall, token: &Token) -> Result<Option<Token>> {
        match self.tokens.get(token.key(), call.at).await? {
            Some(record) if record.token.same_purpose(token) => Ok(Some(record.token)),
            Some(_) => Err(Error::internal("one proof was given for two purposes")),
            None => Ok(None),
        }
    }
}

/// A refusal after the intent, by a call that consumed nothing here.
async fn untouched(call: &UserCall, refusal: Error) -> Error {
    call.trail.untouched().await;
    refusal
}

/// The refusal of a repetition for whose token the store has no record any more.
fn lost() -> Error {
    Error::new(
        Reason::TokenUnknown,
        "a token was made for this request and the token store has no record of it any more; authenticate \
         anew, with a fresh proof and a fresh request id",
    )
}

fn token(call: &UserCall, purpose: &Purpose, terms: Terms, proof: &FactorProof) -> Token {
    // The proof's time, so that a repetition makes the same token; by our own clock it is never in the future.
    let issued = Timestamp::from_seconds(proof.auth_time.min(call.at).seconds());
    Token {
        kind: if purpose.as_legacy().is_some() { TokenKind::LegacyMfa } else { TokenKind::Elevated },
        id: TokenId::derive(proof.id),
        environment: call.environment,
        user: call.user,
        session: call.session.clone(),
        scopes: purpose.scopes().to_vec(),
        behavior: terms.behavior,
        bound: purpose.bound().clone(),
        acr: proof.kind.acr(),
        amr: proof.kind.amr().to_vec(),
        auth_time: issued,
        source: Source::Factor(proof.device),
        sender_key: purpose.sender_key(),
        policy_version: terms.policy_version,
        issued,
        expires: issued.plus(terms.life),
    }
}

#[cfg(test)]
mod tests;
