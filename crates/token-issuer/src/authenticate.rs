//! Proves a TOTP factor and makes an elevated access token.
//!
//! The code is consumed last: everything that can be refused without it is refused before. From then on every step
//! follows from the proof, so that the same request again makes the same token, wherever the first one ended.
//!
//! Nobody gets a token before it is remembered that it was on file. Whoever comes after that finds its record; if the
//! store lost it, it is not made anew, because it may have been spent. Whoever comes before that may issue it, however
//! many do. That none of them is late, and puts a token on file again that another one handed out meanwhile and the
//! store lost, follows from the order of the steps: room is found in one history of the store, then the mark is looked
//! for, then the token is issued in that same history. Where there is no mark, nothing can have been spent before
//! room was found, and what is spent later in the same history is there.

use std::sync::Arc;

use kernel::{
    Action, DeviceId, Error, FactorKind, Reason, RequestId, Result, SecretText, Timestamp, TokenId,
};
use operation::{CheckedOperation, MessageForm};
use runtime::UserCall;

use crate::domain::decision::{Question, Verdict};
use crate::domain::factors::{FactorFacts, FactorProof};
use crate::domain::purpose::Purpose;
use crate::domain::record::expired;
use crate::domain::refusal::{action_denied, step_up_required};
use crate::domain::requirement::{Binding, Requirement};
use crate::domain::terms::{self, Terms};
use crate::domain::token::Token;
use crate::mint::Mint;
use crate::ports::{CodeTest, Factors, IssuedTokens, Policy, Remembered, Room, TokenStore};

/// Makes elevated tokens from TOTP codes.
#[derive(Clone)]
pub(crate) struct AuthenticateTotp {
    pub(crate) policy: Arc<dyn Policy>,
    pub(crate) factors: Arc<dyn Factors>,
    pub(crate) tokens: Arc<dyn TokenStore>,
    pub(crate) issued: Arc<dyn IssuedTokens>,
    pub(crate) mint: Arc<Mint>,
}

/// What the caller sent.
pub(crate) struct Request {
    /// The code as it was typed.
    pub(crate) code: SecretText,
    /// The device; none for whichever the code fits.
    pub(crate) device: Option<DeviceId>,
    /// The scopes as they were written.
    pub(crate) scopes: Vec<String>,
    /// The operation to bind to.
    pub(crate) operation: Option<CheckedOperation>,
    /// The client's name for this request.
    pub(crate) request: RequestId,
}

/// A token as it is handed out.
#[derive(Debug)]
pub(crate) struct Elevated {
    /// The JWT.
    pub(crate) jwt: SecretText,
    /// What it says.
    pub(crate) token: Token,
}

impl AuthenticateTotp {
    /// Consumes the code and makes the token.
    pub(crate) async fn authenticate(&self, call: &UserCall, request: Request) -> Result<Elevated> {
        if let Some(operation) = &request.operation {
            call.trail.operation(operation.operation().id, *operation.digest().as_bytes()).await;
        }
        self.mint.check_time(call.at)?;
        let purpose = Purpose::new(&request.scopes, request.operation.as_ref())?;
        let terms = self.terms(call, &purpose, request.operation.as_ref()).await?;
        let room = self.tokens.check_room(call.environment, call.user, call.at).await?;

        let test = CodeTest {
            environment: call.environment,
            user: call.user,
            session: &call.session,
            device: request.device,
            code: &request.code,
            request: request.request,
            purpose: purpose.digest(call.environment, call.user, &call.session),
        };
        let proof = self.factors.verify_totp(test).await?;
        let token = token(call, &purpose, terms, &proof);
        // A repetition whose first call was before a restore.
        self.mint.check_remembered(&token)?;
        self.hand_out(call, token, &room).await
    }

    /// What policy demands of a token for this purpose. Refuses what no TOTP code can satisfy.
    async fn terms(
        &self,
        call: &UserCall,
        purpose: &Purpose,
        operation: Option<&CheckedOperation>,
    ) -> Result<Terms> {
        let facts = self.factors.facts(call.environment, call.user).await?;
        let mut judged = Vec::with_capacity(purpose.scopes().len());
        for scope in purpose.scopes() {
            judged.push(self.judge(call, scope.action(), &facts, operation).await?);
        }
        terms::combine(judged.iter().map(|(requirement, version)| (requirement, *version)))
            .ok_or_else(|| Error::internal("a purpose without a scope"))
    }

    async fn judge(
        &self,
        call: &UserCall,
        action: Action,
        facts: &FactorFacts,
        operation: Option<&CheckedOperation>,
    ) -> Result<(Requirement, u64)> {
        let question = Question {
            environment: call.environment,
            user: call.user,
            action,
            facts,
            proof: None,
            opaque_payload: operation.is_some_and(is_opaque),
        };
        let decision = self.policy.decide(question).await?;
        let (requirement, demanded) = match decision.verdict {
            // Nothing is demanded now; a token may be wanted all the same, for when it is.
            Verdict::Allow(Some(requirement)) => (requirement, false),
            // A pending device is activated by its first right code, so having none yet is no refusal here.
            Verdict::StepUpRequired(requirement) | Verdict::EnrolmentRequired(requirement) => {
                (requirement, true)
            }
            Verdict::Allow(None) | Verdict::AllowWithProof(_) | Verdict::Deny => {
                return Err(action_denied(action));
            }
        };
        let reachable = FactorKind::Totp.acr() >= requirement.acr;
        let bound = requirement.binding == Binding::Scope || operation.is_some();
        if demanded && !(reachable && bound) {
            return Err(step_up_required(&requirement, operation.map(CheckedOperation::digest)));
        }
        Ok((requirement, decision.policy_version))
    }

    /// Hands the token out, issued by this call or an earlier one for the same proof: a repetition gets the token of the
    /// first time, also when policy has changed since.
    async fn hand_out(&self, call: &UserCall, token: Token, room: &Room) -> Result<Elevated> {
        call.trail.intend().await?;
        let remembered = self.issued.remember(token.id, call.at).await?;
        let recorded = match remembered {
            Remembered::Now => None,
            Remembered::Before | Remembered::OnFile => self.recorded(call, &token).await?,
        };
        let token = match recorded {
            Some(token) if call.at < token.expires => token,
            None if remembered == Remembered::OnFile => return Err(untouched(call, lost()).await),
            None if call.at < token.expires => self.issue(call, token, room).await?,
            // Only a late repetition gets here: a fresh token needs a fresh code.
            Some(_) | None => return Err(untouched(call, expired()).await),
        };
        let jwt = self.mint.elevated(&token)?;
        if remembered != Remembered::OnFile {
            self.issued.on_file(token.id, call.at).await?;
        }
        Ok(Elevated { jwt, token })
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

/// Whether the operation signs bytes that show nothing of what they mean.
pub(crate) fn is_opaque(operation: &CheckedOperation) -> bool {
    operation.facts().message.as_ref().is_some_and(|message| message.form == MessageForm::Binary)
}

/// The refusal of a repetition for whose token the store has no record any more.
fn lost() -> Error {
    Error::new(
        Reason::TokenUnknown,
        "an elevated token was made for this request and the token store has no record of it any more; authenticate \
         anew, with a fresh code and a fresh request id",
    )
}

fn token(call: &UserCall, purpose: &Purpose, terms: Terms, proof: &FactorProof) -> Token {
    // The proof's time, so that a repetition makes the same token; by our own clock it is never in the future.
    let issued = Timestamp::from_seconds(proof.auth_time.min(call.at).seconds());
    Token {
        id: TokenId::derive(proof.id),
        environment: call.environment,
        user: call.user,
        session: call.session.clone(),
        scopes: purpose.scopes().to_vec(),
        behavior: terms.behavior,
        operation: purpose.operation(),
        acr: proof.kind.acr(),
        amr: proof.kind.amr().to_vec(),
        auth_time: issued,
        device: proof.device,
        policy_version: terms.policy_version,
        issued,
        expires: issued.plus(terms.life),
    }
}

#[cfg(test)]
mod tests;
