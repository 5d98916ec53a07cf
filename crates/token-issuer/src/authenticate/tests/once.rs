//! A proof makes one token, wherever a call for it ends and whatever the stores lose.

use std::sync::Mutex;

use super::*;
use async_trait::async_trait;
use kernel::{EnvironmentId, OperationId, ProofId, UserId};
use operation::Digest;
use storage::{Redis, RedisSettings};
use testkit::RedisServer;
use tokio::sync::Semaphore;

use crate::RedisTokenStore;
use crate::domain::record::TokenRecord;
use crate::domain::token::TokenKey;
use crate::fixtures;
use crate::ports::Redeemed;

/// How many tokens the first proofs have on file.
pub(super) async fn records(bench: &Bench) -> usize {
    let mut there = 0;
    for proof in 0..4 {
        let id = TokenId::derive(ProofId::from_uuid(fixtures::id(5, proof)));
        let key = TokenKey { id, ..fixtures::token(0).key() };
        there += usize::from(bench.tokens.get(key, NOW).await.unwrap().is_some());
    }
    there
}

/// The same service on a token store that lost everything: restarted, flushed, failed over.
fn after_loss(authenticate: &Authenticate) -> Authenticate {
    Authenticate { tokens: Arc::new(crate::MemoryTokenStore::new()), ..authenticate.clone() }
}

#[tokio::test]
async fn a_token_that_cannot_be_remembered_does_not_go_on_file() {
    let bench = Bench::new();
    bench.issued.break_down_after(0);
    let error = refused(&bench, request(1, &["wallet:sign"])).await;
    assert_eq!(error.reason(), Reason::StoreUnavailable);
    assert_eq!(records(&bench).await, 0);
    bench.issued.recover();
    bench.authenticate().authenticate(&bench.call(NOW), request(1, &["wallet:sign"])).await.unwrap();
    assert_eq!(records(&bench).await, 1);
}

#[tokio::test]
async fn a_call_that_ends_before_its_token_is_on_file_costs_no_second_code() {
    let bench = Bench::new();
    let authenticate = bench.authenticate();
    // It is remembered that the token is issued, and then the store takes it no more.
    let away = Authenticate { tokens: Arc::new(Away(bench.tokens.clone())), ..authenticate.clone() };
    let died = away.authenticate(&bench.call(NOW), request(1, &["wallet:sign"])).await.unwrap_err();
    assert_eq!(died.reason(), Reason::StoreUnavailable);
    assert_eq!((bench.issued.count(), records(&bench).await), (1, 0));
    // The same request again, also on a store that is another one by now.
    let later = bench.call(NOW.plus(Duration::from_secs(1)));
    let moved = after_loss(&authenticate);
    let made = moved.authenticate(&later, request(1, &["wallet:sign"])).await.unwrap();
    assert_eq!(moved.tokens.get(made.token.key(), NOW).await.unwrap().unwrap().token, made.token);
    assert_eq!(bench.factors.tested(), 1, "the code is not asked for again");
    // From now on somebody has it.
    let error = authenticate.authenticate(&later, request(1, &["wallet:sign"])).await.unwrap_err();
    assert_eq!((error.reason(), records(&bench).await), (Reason::TokenUnknown, 0));
}

#[tokio::test]
async fn a_call_that_ends_before_its_mark_hands_out_nothing_and_its_repetition_finds_the_record() {
    let bench = Bench::new();
    let authenticate = bench.authenticate();
    bench.issued.break_down_after(1);
    let died = refused(&bench, request(1, &["wallet:sign"])).await;
    assert_eq!((died.reason(), records(&bench).await), (Reason::StoreUnavailable, 1));
    // Nor does a repetition, for as long as the mark cannot be made.
    bench.issued.break_down_after(1);
    let died = refused(&bench, request(1, &["wallet:sign"])).await;
    assert_eq!(died.reason(), Reason::StoreUnavailable);
    bench.issued.recover();
    // Policy says something else by now: the token that is on file is the one.
    bench.policy.say(Verdict::StepUpRequired(Requirement {
        token_expiry_seconds: 60,
        ..requirement(Action::WalletSign)
    }));
    let made = authenticate.authenticate(&bench.call(NOW), request(1, &["wallet:sign"])).await.unwrap();
    assert_eq!(made.token.expires, NOW.plus(Duration::from_secs(300)));
    assert_eq!(bench.factors.tested(), 1);
    // From now on somebody has it, so what the store loses stays lost, though only the repetition made the mark.
    let error = after_loss(&authenticate).authenticate(&bench.call(NOW), request(1, &["wallet:sign"])).await;
    assert_eq!(error.unwrap_err().reason(), Reason::TokenUnknown);
}

#[tokio::test]
async fn a_repetition_never_makes_a_spent_token_unspent() {
    let bench = Bench::new();
    let authenticate = bench.authenticate();
    let made = authenticate.authenticate(&bench.call(NOW), request(1, &["wallet:sign"])).await.unwrap();
    bench.authorize().authorize(&bench.call(NOW), sign(1, b"hello"), shown(made.jwt)).await.unwrap();
    let again = authenticate.authenticate(&bench.call(NOW), request(1, &["wallet:sign"])).await.unwrap();
    assert_eq!(again.token, made.token);
    let record = bench.tokens.get(made.token.key(), NOW).await.unwrap().unwrap();
    assert!(record.is_spent());
    let other = bench.authorize().authorize(&bench.call(NOW), sign(2, b"hello"), shown(again.jwt)).await;
    assert_eq!(other.unwrap_err().reason(), Reason::TokenAlreadyRedeemed);
}

/// Two calls for one proof, of which the first is told other terms by policy, and the second has its token on file when
/// the first, which found none, comes to that.
#[tokio::test]
async fn of_two_calls_that_were_told_different_terms_both_hand_out_the_token_that_is_on_file() {
    let bench = Bench::new();
    let authenticate = bench.authenticate();
    // What the other call makes of the same proof, as if it was somewhere else.
    let shorter = Requirement { token_expiry_seconds: 60, ..requirement(Action::WalletSign) };
    bench.policy.say(Verdict::StepUpRequired(shorter));
    let other =
        Authenticate { issued: Arc::new(FakeIssuedTokens::new(Arc::default())), ..after_loss(&authenticate) };
    let short = other.authenticate(&bench.call(NOW), request(1, &["wallet:sign"])).await.unwrap().token;

    let overtaken = Overtaken { inner: bench.tokens.clone(), by: Mutex::new(Some(short.clone())) };
    bench.policy.say(Verdict::StepUpRequired(requirement(Action::WalletSign)));
    let first = Authenticate { tokens: Arc::new(overtaken), ..authenticate };
    let made = first.authenticate(&bench.call(NOW), request(1, &["wallet:sign"])).await.unwrap();
    assert_eq!(made.token, short);
    assert_eq!(bench.mint.open(TokenKind::Elevated, &made.jwt, NOW).unwrap(), short);
}

#[tokio::test]
async fn what_the_token_store_lost_is_not_issued_anew() {
    let bench = Bench::new();
    let authenticate = bench.authenticate();
    let made = authenticate.authenticate(&bench.call(NOW), request(1, &["wallet:sign"])).await.unwrap();
    // It was spent, and nobody can tell any more.
    let operation = sign(1, b"hello");
    bench.authorize().authorize(&bench.call(NOW), operation, shown(made.jwt)).await.unwrap();
    let lost = after_loss(&authenticate);
    for seconds in [10, 60, 299] {
        let later = bench.call(NOW.plus(Duration::from_secs(seconds)));
        let error = lost.authenticate(&later, request(1, &["wallet:sign"])).await.unwrap_err();
        assert_eq!(error.reason(), Reason::TokenUnknown);
        assert!(error.message().contains("authenticate anew"), "{error:?}");
    }
    assert_eq!(lost.tokens.get(made.token.key(), NOW).await.unwrap(), None);
    let refusals: Vec<_> = bench.audit.rows().into_iter().map(|row| row.outcome).collect();
    assert_eq!(refusals.len(), 2 + 3, "{refusals:?}");
}

#[tokio::test]
async fn of_processes_that_race_for_one_proof_all_hand_out_one_token() {
    for _ in 0..50 {
        let bench = Bench::new();
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let (authenticate, call) = (bench.authenticate(), bench.call(NOW));
                tokio::spawn(
                    async move { authenticate.authenticate(&call, request(1, &["wallet:sign"])).await },
                )
            })
            .collect();
        let mut tokens = Vec::new();
        for task in tasks {
            tokens.push(task.await.unwrap().unwrap().token);
        }
        assert!(tokens.iter().all(|token| *token == tokens[0]));
        assert_eq!((bench.issued.count(), records(&bench).await, bench.factors.tested()), (1, 1, 1));
    }
}

/// Two calls for one proof. One found no mark and is late; the other hands the token out, it is spent, and the store loses
/// that. Only then does the late one go on.
#[tokio::test]
async fn a_call_that_is_late_by_a_failover_does_not_put_a_spent_token_on_file_again() {
    let mut server = RedisServer::start(&[]).await;
    let settings = RedisSettings { url: Some(server.url()), ..RedisSettings::default() };
    let bench = Bench::on(Arc::new(RedisTokenStore::new(Redis::connect(&settings).await.unwrap())));
    let late =
        Arc::new(Late { inner: bench.tokens.clone(), begun: Semaphore::new(0), gate: Semaphore::new(0) });
    let authenticate = Authenticate { tokens: late.clone(), ..bench.authenticate() };
    let call = bench.call(NOW);
    let first = {
        let call = call.clone();
        tokio::spawn(async move { authenticate.authenticate(&call, request(1, &["wallet:sign"])).await })
    };
    late.begun.acquire().await.unwrap().forget();

    let made =
        bench.authenticate().authenticate(&bench.call(NOW), request(1, &["wallet:sign"])).await.unwrap();
    bench.authorize().authorize(&bench.call(NOW), sign(1, b"hello"), shown(made.jwt.clone())).await.unwrap();
    server.restart().await;
    // It may take the client more than one try to find that out.
    let mut tries = 0..20;
    while bench.tokens.check_room(call.environment, call.user, NOW).await.is_err() {
        tries.next().expect("the store is there again");
    }
    late.gate.add_permits(1);
    let refused = first.await.unwrap().unwrap_err();
    assert_eq!(refused.reason(), Reason::StoreUnavailable);
    assert_eq!(records(&bench).await, 0);
    let again = bench.authorize().authorize(&bench.call(NOW), sign(2, b"hello"), shown(made.jwt)).await;
    assert_eq!(again.unwrap_err().reason(), Reason::TokenUnknown);
    // And the same request is told what became of it.
    assert_eq!(self::refused(&bench, request(1, &["wallet:sign"])).await.reason(), Reason::TokenUnknown);
}

/// A store that is there until a token is to be put on file.
struct Away(Arc<dyn TokenStore>);

#[async_trait]
impl TokenStore for Away {
    async fn check_room(&self, environment: EnvironmentId, user: UserId, now: Timestamp) -> Result<Room> {
        self.0.check_room(environment, user, now).await
    }
    async fn issue(&self, _: &Token, _: &Room, _: Timestamp) -> Result<()> {
        Err(Error::store_unavailable("away"))
    }
    async fn get(&self, key: TokenKey, now: Timestamp) -> Result<Option<TokenRecord>> {
        self.0.get(key, now).await
    }
    async fn redeem(
        &self,
        key: TokenKey,
        id: OperationId,
        digest: Digest,
        now: Timestamp,
    ) -> Result<Redeemed> {
        self.0.redeem(key, id, digest, now).await
    }
}

/// A store in which another call puts a token on file right before ours does.
struct Overtaken {
    inner: Arc<dyn TokenStore>,
    by: Mutex<Option<Token>>,
}

#[async_trait]
impl TokenStore for Overtaken {
    async fn check_room(&self, environment: EnvironmentId, user: UserId, now: Timestamp) -> Result<Room> {
        self.inner.check_room(environment, user, now).await
    }
    async fn issue(&self, token: &Token, room: &Room, now: Timestamp) -> Result<()> {
        let by = self.by.lock().unwrap().take();
        if let Some(other) = by {
            self.inner.issue(&other, room, now).await?;
        }
        self.inner.issue(token, room, now).await
    }
    async fn get(&self, key: TokenKey, now: Timestamp) -> Result<Option<TokenRecord>> {
        self.inner.get(key, now).await
    }
    async fn redeem(
        &self,
        key: TokenKey,
        id: OperationId,
        digest: Digest,
        now: Timestamp,
    ) -> Result<Redeemed> {
        self.inner.redeem(key, id, digest, now).await
    }
}

/// A store in which a token that is to be put on file waits at a gate.
struct Late {
    inner: Arc<dyn TokenStore>,
    begun: Semaphore,
    gate: Semaphore,
}

#[async_trait]
impl TokenStore for Late {
    async fn check_room(&self, environment: EnvironmentId, user: UserId, now: Timestamp) -> Result<Room> {
        self.inner.check_room(environment, user, now).await
    }
    async fn issue(&self, token: &Token, room: &Room, now: Timestamp) -> Result<()> {
        self.begun.add_permits(1);
        self.gate.acquire().await.map_err(Error::store_unavailable)?.forget();
        self.inner.issue(token, room, now).await
    }
    async fn get(&self, key: TokenKey, now: Timestamp) -> Result<Option<TokenRecord>> {
        self.inner.get(key, now).await
    }
    async fn redeem(
        &self,
        key: TokenKey,
        id: OperationId,
        digest: Digest,
        now: Timestamp,
    ) -> Result<Redeemed> {
        self.inner.redeem(key, id, digest, now).await
    }
}
