//! Four processes' worth of clients of one store, and everything that they were told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kernel::{Action, Clock as _, OperationId, Reason, entropy::bytes};
use operation::{Batch, Digest};
use token_issuer::domain::bound::{Bound, BoundOperation};
use token_issuer::domain::record::unknown;
use token_issuer::domain::requirement::TokenBehavior;
use token_issuer::domain::token::Token;
use token_issuer::ports::Redeemed;

use super::ledger::Ledger;
use super::story::{self, Answer, Order, Story, Ticket, Try};
use crate::faults::dice::Dice;
use crate::faults::stopwatch::until;
use crate::faults::tokens::store::Client;
use crate::faults::tokens::world::PATIENCE;
use crate::faults::variety::Variety;
use crate::support::tokens::elevated;

/// How many processes there are.
pub(crate) const CLIENTS: usize = 4;

/// How often an operation is tried while nobody knows what became of it, in the middle of the trouble.
const TRIES: usize = 3;

/// How long a caller waits before it repeats itself.
const PAUSE: Duration = Duration::from_millis(30);

/// Clients of one store, and their notes.
pub(crate) struct Crew {
    clients: Vec<Client>,
    /// Only the control has none.
    ledger: Option<Ledger>,
    /// Tokens on file that nobody has used yet.
    stock: Mutex<VecDeque<(Ticket, bool)>>,
    stories: Mutex<Vec<Story>>,
    problems: Mutex<Vec<String>>,
    /// Whether something was broken already: before that nothing may go wrong.
    broken: AtomicBool,
    unanswered: AtomicUsize,
    dice: Dice,
}

impl Crew {
    pub(crate) fn new(clients: Vec<Client>, ledger: Option<Ledger>, dice: Dice) -> Arc<Self> {
        assert_eq!(clients.len(), CLIENTS);
        Arc::new(Self {
            clients,
            ledger,
            stock: Mutex::default(),
            stories: Mutex::default(),
            problems: Mutex::default(),
            broken: AtomicBool::new(false),
            unanswered: AtomicUsize::new(0),
            dice,
        })
    }

    pub(crate) fn dice(&self) -> &Dice {
        &self.dice
    }

    /// Says that something is about to be broken.
    pub(crate) fn expect_trouble(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }

    /// Whether what ran is on record, as it is but for the control.
    pub(crate) fn has_ledger(&self) -> bool {
        self.ledger.is_some()
    }

    /// Notes what must not be.
    pub(crate) fn complain(&self, problem: impl Into<String>) {
        lock(&self.problems).push(problem.into());
    }

    /// How many calls were without an answer.
    pub(crate) fn unanswered(&self) -> usize {
        self.unanswered.load(Ordering::Relaxed)
    }

    /// What was noted: the first few, and how many more.
    pub(crate) fn take_problems(&self) -> Vec<String> {
        const SHOWN: usize = 5;
        let mut problems = std::mem::take(&mut *lock(&self.problems));
        if problems.len() > SHOWN {
            let more = problems.len() - SHOWN;
            problems.truncate(SHOWN);
            problems.push(format!("and {more} more"));
        }
        problems
    }

    /// Writes a story down.
    pub(crate) fn tell(&self, story: Story) {
        lock(&self.stories).push(story);
    }

    /// How many tokens were used up.
    pub(crate) fn used(&self) -> usize {
        lock(&self.stories).len()
    }

    /// Everything that was written down, tokens that nobody used included.
    pub(crate) fn take_stories(&self) -> Vec<Story> {
        let mut stories = std::mem::take(&mut *lock(&self.stories));
        stories.extend(lock(&self.stock).drain(..).map(|(ticket, issued)| Story::new(ticket, issued)));
        stories
    }

    /// The token that has been on file for longest.
    pub(crate) fn oldest_in_stock(&self) -> Option<(Ticket, bool)> {
        lock(&self.stock).pop_front()
    }

    /// Issues a token and puts it behind the others.
    pub(crate) async fn stock_up(&self, client: usize) {
        let ticket = self.ticket();
        let issued = self.issue(client, &ticket.token).await;
        lock(&self.stock).push_back((ticket, issued));
    }

    /// A token that nobody had before, of a user of its own. The control knows one kind.
    pub(crate) fn ticket(&self) -> Ticket {
        let kind = self.dice.below(Variety::ALL.len());
        let variety = if self.has_ledger() { Variety::ALL[kind] } else { Variety::Scoped };
        let token = elevated(self.dice.entropy());
        let (token, batch) = match variety {
            Variety::Scoped => (token, Vec::new()),
            Variety::Bound => {
                let Order { operation: id, digest } = self.order();
                let operation = BoundOperation { id, digest, action: Action::WalletExport, wallet: None };
                (Token { bound: Bound::Operation(operation), ..token }, Vec::new())
            }
            Variety::Batched => {
                let orders: Vec<_> = (0..2 + self.dice.below(3)).map(|_| self.order()).collect();
                let digests: Vec<_> = orders.iter().map(|order| order.digest).collect();
                let root = Batch::of(&digests).expect("few operations").root;
                (Token { bound: Bound::Batch(root), ..token }, orders)
            }
            Variety::TimeBound => (Token { behavior: TokenBehavior::TimeBound, ..token }, Vec::new()),
        };
        Ticket { token, batch }
    }

    /// An operation to ask this token for: the first one is that which it is bound to, where it is to one. To a batch's
    /// own there are no others.
    pub(crate) fn order_for(&self, ticket: &Ticket, number: usize) -> Order {
        match (&ticket.token.bound, number) {
            (Bound::Batch(_), number) => ticket.batch[number % ticket.batch.len()],
            (Bound::Operation(bound), 0) => Order { operation: bound.id, digest: bound.digest },
            (Bound::Scopes | Bound::Wallet(_) | Bound::Operation(_), _) => self.order(),
        }
    }

    /// An operation that nobody had before.
    pub(crate) fn order(&self) -> Order {
        let entropy = self.dice.entropy();
        Order { operation: OperationId::random(entropy), digest: Digest::from_bytes(bytes(entropy)) }
    }

    /// Puts a token on file. Whether the store says that it is.
    pub(crate) async fn issue(&self, client: usize, token: &Token) -> bool {
        let calm = !self.broken.load(Ordering::SeqCst);
        let (store, now) = (&self.clients[client], runtime::SystemClock.now());
        // As an issuer does: a fault may come between the two.
        let issued = match store.check_room(token.environment, token.user, now).await {
            Ok(room) => store.issue(token, &room, now).await,
            Err(refused) => Err(refused),
        };
        match issued {
            Ok(()) => true,
            Err(error) => {
                self.look_at(error.reason(), calm);
                false
            }
        }
    }

    /// Asks once for an operation.
    pub(crate) async fn redeem(
        &self,
        client: usize,
        token: &Token,
        order: &Order,
    ) -> Result<Redeemed, Answer> {
        let calm = !self.broken.load(Ordering::SeqCst);
        match use_of(&self.clients[client], token, order).await {
            Ok(redeemed) => Ok(redeemed),
            Err(error) => {
                self.look_at(error.reason(), calm);
                Err(match error.reason() {
                    Reason::StoreUnavailable => Answer::Unknown,
                    reason => Answer::Refused(reason),
                })
            }
        }
    }

    /// The answer to an operation when nothing is broken; an unknown outcome is asked for until it is known.
    pub(crate) async fn known(
        &self,
        client: usize,
        token: &Token,
        order: &Order,
    ) -> Result<Redeemed, Answer> {
        let answer = until("an answer although nothing is broken any more", PATIENCE, async || {
            match self.redeem(client, token, order).await {
                Err(Answer::Unknown) => None,
                known => Some(known),
            }
        });
        answer.await.unwrap_or_else(|problem| {
            self.complain(problem);
            Err(Answer::Unknown)
        })
    }

    /// Asks for an operation as a client does: while the outcome is unknown, again, with the same id.
    pub(crate) async fn attempt(&self, client: usize, token: &Token, order: Order) -> Try {
        let mut answer = Answer::Unknown;
        for _ in 0..TRIES {
            answer = story::answer(self.redeem(client, token, &order).await);
            if answer != Answer::Unknown {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Try { order, answer }
    }

    /// Adds tries to a story; what was acknowledged is taken to the enforcement point at once.
    pub(crate) async fn conclude(&self, story: &mut Story, tries: impl IntoIterator<Item = Try>) {
        for one in tries {
            if let Some(ledger) = &self.ledger
                && one.answer == Answer::Acknowledged
                && !story.ran.contains(&one.order.operation)
            {
                match ledger.run(&story.ticket.token, &one.order).await {
                    Ok(true) => {
                        story.ran.insert(one.order.operation);
                    }
                    Ok(false) => {}
                    Err(problem) => self.complain(problem),
                }
            }
            match story.tries.iter_mut().find(|earlier| earlier.order == one.order) {
                // What was acknowledged once was acknowledged.
                Some(earlier) if earlier.answer == Answer::Acknowledged => {}
                Some(earlier) => earlier.answer = one.answer,
                None => story.tries.push(one),
            }
        }
    }

    /// The reasons that a client is prepared for. While nothing is broken a token is refused for having been used, or not
    /// answered by a machine that has too much to do, and for nothing else.
    fn look_at(&self, reason: Reason, calm: bool) {
        if reason == Reason::StoreUnavailable {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
        }
        let still_calm = calm && !self.broken.load(Ordering::SeqCst);
        match reason {
            Reason::TokenAlreadyRedeemed | Reason::StoreUnavailable => {}
            Reason::TokenStoreChanged | Reason::TokenUnknown if !still_calm => {}
            reason => self.complain(format!("refused with {reason}, broken: {}", !still_calm)),
        }
    }
}

/// What an issuer does with a token that is to pay for an operation: one that is time-bound is not spent, it only has to be
/// on file.
async fn use_of(client: &Client, token: &Token, order: &Order) -> kernel::Result<Redeemed> {
    let now = runtime::SystemClock.now();
    match token.behavior {
        TokenBehavior::SingleUse => client.redeem(token.key(), order.operation, order.digest, now).await,
        TokenBehavior::TimeBound => match client.get(token.key(), now).await? {
            Some(record) if record.token == *token && record.payments.is_empty() => Ok(Redeemed::Earlier),
            Some(_) => Err(kernel::Error::internal("another token, or a payment of one that is not spent")),
            None => Err(unknown()),
        },
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
