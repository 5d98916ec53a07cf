//! An operator's word that a database was put back and is to be used all the same.
//!
//! A database that was put back has forgotten what was spent in it since. The acknowledgement begins a new epoch of it:
//! everything that was given out before is dead, wherever this service would be asked to honour it, by
//! [`Mark::not_before`]; and its counter goes on above the witness. Each service's part is told that moment at its start.

use std::fmt;

use kernel::{Error, Reason, Result, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter};

use crate::audit;
use crate::mark::entity::{Column, Entity};
use crate::mark::{self, Mark, ROW, SKEW};
use crate::sql::unavailable;
use crate::witness::{MAX_VALUE, Witness};

/// What an acknowledgement did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The mark as it was found.
    pub before: Mark,
    /// What the witness knew; none when it knew nothing of the database.
    pub witnessed: Option<u64>,
    /// The mark as it is now.
    pub after: Mark,
}

/// Acknowledges that the database was put back, to the state that it is in now. It must have been claimed
/// ([`mark::claim`]), also when it is empty; all processes of its role are to be stopped, and one that still runs halts.
///
/// Can be repeated, also after it was interrupted at any point: each time is a restore of its own.
///
/// # Errors
///
/// `SERVICE_HALTED` when nobody claimed the database, when its data is from the future (this machine's clock is wrong:
/// what was given out until now would not be dead), when its counter or the witness is at the largest value that there is,
/// or when another acknowledgement is under way; `STORE_UNAVAILABLE` when database or witness does not answer.
pub async fn acknowledge(
    database: &DatabaseConnection,
    witness: &dyn Witness,
    now: Timestamp,
) -> Result<Report> {
    let before = mark::read(database).await?.ok_or_else(|| {
        refused("nobody has used this database, so nothing was put back in it; start the service")
    })?;
    let newest = audit::newest(database).await?;
    let latest = newest.into_iter().chain(before.restored_at).fold(before.claimed_at, Timestamp::max);
    if latest > now.plus(SKEW) {
        return Err(refused(format!(
            "this database knows of {latest}, and this machine's clock says {now}: what was given out in between would \
             stay good. Set the clock right; if it is right, a process had a clock that was ahead, and this is to be \
             done after {latest}"
        )));
    }
    let at = now.max(latest);
    let name = before.owner.witness_name();
    let witnessed = witness.read(&name).await?;
    refuse_the_last(&before, witnessed, &name)?;
    begin_epoch(database, &before, witnessed.unwrap_or(0), at).await?;
    let after = mark::read(database).await?.ok_or_else(overtaken)?;
    if after.epoch != before.epoch + 1 {
        return Err(overtaken());
    }
    // Last: interrupted before this, the database is ahead of the witness, which is as it should be.
    witness.raise(&name, after.counter).await?;
    Ok(Report { before, witnessed, after })
}

/// Above the largest value a counter cannot go on: the mark would not be read any more, and the database be lost for good.
/// No deployment counts that far; somebody wrote it.
fn refuse_the_last(before: &Mark, witnessed: Option<u64>, name: &str) -> Result<()> {
    if witnessed.is_some_and(|witnessed| witnessed >= MAX_VALUE) {
        return Err(refused(format!(
            "the witness says {MAX_VALUE} for `{name}`, the largest value that there is, which no database comes to by \
             being used: somebody else wrote it. Find out who may write to the witness; then remove what it has for this \
             name (in a folder the file {name}.witness, in Redis the key PREFIX:witness:{name}) and acknowledge again: the \
             counter goes on from the database's own. Nothing was changed"
        )));
    }
    if before.counter >= MAX_VALUE {
        return Err(refused(format!(
            "the counter of this database is {MAX_VALUE}, the largest value that there is, which it does not come to by \
             being used: somebody else wrote it. Put a copy back that is from before. Nothing was changed"
        )));
    }
    Ok(())
}

/// Compare-and-set on the epoch. The counter is the database's own to count on: a process may still be raising it.
async fn begin_epoch(
    database: &DatabaseConnection,
    before: &Mark,
    witnessed: u64,
    at: Timestamp,
) -> Result<()> {
    let number = |value: u64| i64::try_from(value).map_err(Error::internal);
    let (epoch, witnessed) = (number(before.epoch)?, number(witnessed)?);
    let higher = Expr::case(Expr::col(Column::Counter).gt(witnessed), Expr::col(Column::Counter))
        .finally(Expr::val(witnessed));
    let begun = Entity::update_many()
        .col_expr(Column::Epoch, Expr::value(epoch + 1))
        .col_expr(Column::Counter, Expr::expr(higher).add(1))
        .col_expr(Column::RestoredMs, Expr::value(at.millis()))
        .filter(Column::Id.eq(ROW))
        .filter(Column::Epoch.eq(epoch))
        // A process that still runs may have raised it since.
        .filter(Column::Counter.lt(number(MAX_VALUE)?))
        .exec(database)
        .await
        .map_err(unavailable)?;
    if begun.rows_affected == 1 { Ok(()) } else { Err(overtaken()) }
}

fn refused(why: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Reason::ServiceHalted, why)
}

fn overtaken() -> Error {
    refused(
        "somebody else acknowledged a restore of this database at the same time; look at what it is, then try again",
    )
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, witnessed, after } = self;
        writeln!(f, "The restore of the database of {} is acknowledged.", after.owner)?;
        write!(f, "Its counter was {}; ", before.counter)?;
        match witnessed {
            None => write!(f, "the witness did not know it.")?,
            Some(witnessed) if *witnessed > before.counter => {
                write!(f, "the witness had seen {witnessed}, so it was older than it had been.")?;
            }
            Some(witnessed) => write!(
                f,
                "the witness had seen {witnessed}, so at most the last moment before it was lost is missing."
            )?,
        }
        writeln!(f, " Now both are at {}, in epoch {}.", after.counter, after.epoch)?;
        if let Some(not_before) = after.not_before() {
            writeln!(f, "Whatever was given out up to {not_before} is not accepted here any more.")?;
        }
        write!(f, "Start the processes of the role again: one that still runs halts.")
    }
}

#[cfg(test)]
mod tests;
