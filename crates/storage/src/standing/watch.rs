//! The rounds that confirm a database.

use std::sync::Arc;
use std::time::Duration;

use kernel::{Error, Reason, Result};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter};

use super::{BUSY, IDLE, Standing, WHAT_TO_DO, now};
use crate::mark::entity::{Column, Entity};
use crate::mark::{self, Mark, Owner, ROW};
use crate::sql::{corrupt, unavailable};
use crate::witness::Witness;

/// The longest that a round takes: well within the time for which a confirmation holds.
const ROUND_LIMIT: Duration = Duration::from_secs(3);

/// Keeps a [`Standing`] confirmed while it runs.
pub struct Watch {
    database: DatabaseConnection,
    witness: Arc<dyn Witness>,
    owner: Owner,
    epoch: u64,
    standing: Standing,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("owner", &self.owner)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

/// Finds out, before anything is served, whether the database that [`mark::claim`] answered `mark` for is older than it
/// was. Answers the standing, which is confirmed once, and what keeps it confirmed when it is run.
///
/// # Errors
///
/// `SERVICE_HALTED`, saying to the operator what is wrong and what to do, when it is older, or when the witness does not
/// know a database that was in use; `STORE_UNAVAILABLE` when database or witness does not answer.
pub async fn watch(
    database: DatabaseConnection,
    witness: Arc<dyn Witness>,
    mark: &Mark,
) -> Result<(Standing, Watch)> {
    let began = now();
    let round = Round { database: &database, witness: &*witness, owner: &mark.owner, epoch: mark.epoch };
    introduce(&round).await?;
    let counter = match round.run(0, false).await? {
        Found::Same(counter) => counter,
        Found::Other(why) => return Err(Error::new(Reason::ServiceHalted, why)),
    };
    let standing = Standing::confirmed(mark.epoch, counter, began);
    let (owner, epoch) = (mark.owner.clone(), mark.epoch);
    let watch = Watch { database, witness, owner, epoch, standing: standing.clone() };
    Ok((standing, watch))
}

/// Finds out, beside the processes of a role, whether a database is the role's and not older than it was. Changes nothing.
///
/// # Errors
///
/// `SERVICE_HALTED`, saying to the operator what is wrong and what to do, when nobody used it yet, it is another's, older,
/// or was in use and the witness does not know it; `STORE_UNAVAILABLE` when database or witness does not answer.
pub async fn look(database: &DatabaseConnection, witness: &dyn Witness, owner: &Owner) -> Result<Mark> {
    let halted = |why: String| Error::new(Reason::ServiceHalted, why);
    // First: the database only grows.
    let witnessed = witness.read(&owner.witness_name()).await?;
    let Some(mark) = mark::read(database).await? else {
        return Err(halted(format!(
            "nobody has used this database yet, so it says nothing of what {owner} keeps. Correct `database`, or start \
             the role first; if a database was lost, {WHAT_TO_DO}"
        )));
    };
    let mark = mark.of(owner)?;
    let round = Round { database, witness, owner, epoch: mark.epoch };
    match witnessed {
        Some(witnessed) if mark.counter < witnessed => Err(halted(round.older(mark.counter, witnessed))),
        None if mark.counter > 0 => Err(halted(round.unknown())),
        _ => Ok(mark),
    }
}

/// Tells the witness of a database that was never in use.
async fn introduce(round: &Round<'_>) -> Result<()> {
    let name = round.owner.witness_name();
    if round.witness.read(&name).await?.is_none() {
        let mark = mark::read(round.database).await?.ok_or_else(|| corrupt("mark of its owner"))?;
        // Before the counter is raised: a process that dies in between must not leave a counter without a witness.
        if mark.counter == 0 {
            round.witness.raise(&name, 0).await?;
        }
    }
    Ok(())
}

impl Watch {
    /// Confirms the database again and again, until `stop`, or until it is found to be older than it was and the service
    /// has halted.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut silent = false;
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = self.wait() => {}
            }
            let outcome = tokio::select! {
                () = &mut stop => return,
                outcome = tokio::time::timeout(ROUND_LIMIT, self.round()) => outcome,
            };
            match outcome.unwrap_or_else(|_| Err(Error::store_unavailable("it took too long"))) {
                Ok(()) if self.standing.shared.halted.get().is_some() => return,
                Ok(()) => {
                    if std::mem::take(&mut silent) {
                        tracing::info!(role = self.owner.role(), "database and witness answer again");
                    }
                }
                Err(error) => {
                    // Once, not every second.
                    if !std::mem::replace(&mut silent, true) {
                        tracing::warn!(
                            role = self.owner.role(),
                            ?error,
                            "it cannot be confirmed that the database is not older than it was; without a \
                             confirmation nothing will be authorized"
                        );
                    }
                }
            }
        }
    }

    /// Until the next round is due.
    pub(super) async fn wait(&self) {
        tokio::select! {
            () = tokio::time::sleep(IDLE) => {}
            // A little later: what is consumed meanwhile is confirmed with it.
            () = self.standing.shared.consumed.notified() => tokio::time::sleep(BUSY).await,
        }
    }

    /// One round: confirms the standing or halts. Refused when database or witness does not answer.
    pub(super) async fn round(&self) -> Result<()> {
        let began = now();
        let round = Round {
            database: &self.database,
            witness: &*self.witness,
            owner: &self.owner,
            epoch: self.epoch,
        };
        let stands = self.standing.check_at(began).is_ok();
        match round.run(self.standing.known(), stands).await? {
            Found::Same(counter) => self.standing.confirm(counter, began),
            Found::Other(why) => self.standing.halt(why),
        }
        Ok(())
    }
}

/// What one round asks.
struct Round<'a> {
    database: &'a DatabaseConnection,
    witness: &'a dyn Witness,
    owner: &'a Owner,
    epoch: u64,
}

/// What a round found.
enum Found {
    /// The database, not older than it was, at this counter.
    Same(u64),
    /// Something else, as the operator is told.
    Other(String),
}

impl Round<'_> {
    /// Asks the witness, raises the counter where it is not below what the witness and this process know, and raises the
    /// witness. In this order: at any time the counter is at least what the witness was raised to before.
    ///
    /// `stands` is whether this process knows from its own memory that the database is not older than it was. Then a
    /// witness that forgot it is told again, since nothing is lost; else nobody knows, and that is found.
    async fn run(&self, known: u64, stands: bool) -> Result<Found> {
        let name = self.owner.witness_name();
        let witnessed = match self.witness.read(&name).await? {
            Some(witnessed) => witnessed,
            None if stands => {
                tracing::error!(
                    name,
                    "the witness forgot this database and is told again; keep it on storage that lasts"
                );
                known
            }
            None => return Ok(Found::Other(self.unknown())),
        };
        let floor = Ord::max(witnessed, known);
        let raised = self.raise(floor).await?;
        let mark = mark::read(self.database).await?;
        let counter = match mark {
            Some(mark) if mark.owner == *self.owner && mark.epoch == self.epoch => mark.counter,
            found => return Ok(Found::Other(self.another(found.as_ref()))),
        };
        if counter < floor {
            return Ok(Found::Other(self.older(counter, floor)));
        }
        if !raised {
            return Err(Error::store_unavailable("the mark changed while it was raised"));
        }
        self.witness.raise(&name, counter).await?;
        Ok(Found::Same(counter))
    }

    /// Raises the counter by one, unless it is below `floor` or the database is another.
    async fn raise(&self, floor: u64) -> Result<bool> {
        let number = |value: u64| i64::try_from(value).map_err(Error::internal);
        let raised = Entity::update_many()
            .col_expr(Column::Counter, Expr::col(Column::Counter).add(1))
            .filter(Column::Id.eq(ROW))
            .filter(Column::Deployment.eq(self.owner.deployment()))
            .filter(Column::Role.eq(self.owner.role()))
            .filter(Column::Mode.eq(self.owner.mode().as_str()))
            .filter(Column::Epoch.eq(number(self.epoch)?))
            .filter(Column::Counter.gte(number(floor)?))
            .exec(self.database)
            .await
            .map_err(unavailable)?;
        Ok(raised.rows_affected == 1)
    }

    fn older(&self, counter: u64, floor: u64) -> String {
        let found = if counter == 0 {
            "is new, and the one that was in use had counter"
        } else {
            "was put back: it has not what came after its counter, and the one that was in use had counter"
        };
        format!(
            "the database of {} {found} {floor} (this one has {counter}). What was spent since may be unspent in it. \
             {WHAT_TO_DO}",
            self.owner
        )
    }

    fn unknown(&self) -> String {
        format!(
            "the database of {} was in use, and the witness does not know it, so nobody can say whether it is older \
             than it was. If the configuration names the wrong witness, correct that. If the witness was lost: \
             {WHAT_TO_DO}",
            self.owner
        )
    }

    fn another(&self, found: Option<&Mark>) -> String {
        match found {
            Some(mark) if mark.owner == *self.owner => format!(
                "the database of {} is in epoch {} now, and this process began in {}: a restore was acknowledged \
                 meanwhile. Start it again",
                self.owner, mark.epoch, self.epoch
            ),
            Some(mark) => format!(
                "the database of {} was replaced by one of {} under this process. Correct that and start it again",
                self.owner, mark.owner
            ),
            None => format!(
                "the database of {} was replaced by one that nobody has used under this process. {WHAT_TO_DO}",
                self.owner
            ),
        }
    }
}
