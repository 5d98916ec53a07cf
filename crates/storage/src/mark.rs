//! The mark that every service's database bears: whose it is, and how far it has come.
//!
//! One row. The first process that uses a database writes it, by [`claim`]; from then on a process of another deployment,
//! role or mode is refused. Epoch and counter tell a database that was set back from one that was not: see
//! [`crate::standing`] and [`crate::restore`].

pub(crate) mod entity;
mod migration;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use kernel::{Error, Reason, Result, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue, ConnectionTrait, EntityName as _, EntityTrait};

use self::entity::{ActiveModel, Column, Entity, Model};
use crate::sql::{corrupt, has_table, unavailable};
use crate::witness;

pub use migration::Migration;

/// The one row's primary key.
pub(crate) const ROW: i32 = 1;

/// The epoch of a database that was never acknowledged as restored.
const FIRST_EPOCH: i64 = 1;

/// How far the clocks of two processes may differ: what was given out by one whose clock was ahead when a restore was
/// acknowledged is dead all the same.
pub(crate) const SKEW: Duration = Duration::from_secs(5);

/// What follows the name of a database's counter at the witness in that of the number of the receipt statement which its
/// owner accepted last.
const STATEMENT: &str = "receipt-statement";

/// What a database's data is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// For trying it out: throw-away keys, a throw-away identity provider.
    Dev,
    /// For users.
    Production,
}

impl Mode {
    /// The name, as it stands in configuration and database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Production => "production",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [Self::Dev, Self::Production]
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| Error::invalid("mode", "must be `dev` or `production`"))
    }
}

/// Refuses a name of a deployment that is not 1 to 32 lower-case letters, digits and hyphens, the first a letter. It has no
/// dot, so that no two owners share a name at the witness.
pub fn check_deployment(text: &str) -> Result<()> {
    let right = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
    let named = (1..=32).contains(&text.len())
        && text.bytes().all(right)
        && text.starts_with(|first: char| first.is_ascii_lowercase());
    if named {
        return Ok(());
    }
    Err(Error::invalid(
        "deployment",
        "must be 1 to 32 lower-case letters, digits and hyphens, a letter first",
    ))
}

/// Whose a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    deployment: String,
    role: String,
    mode: Mode,
}

impl Owner {
    /// `deployment` is the operator's name for all services that belong together: see [`check_deployment`]. `role` tells
    /// its databases apart, and may have dots: `policy`, `mpc-signer.node-1`.
    ///
    /// # Errors
    ///
    /// `INVALID_REQUEST` naming the setting.
    pub fn new(deployment: &str, role: &str, mode: Mode) -> Result<Self> {
        check_deployment(deployment)?;
        let owner = Self { deployment: deployment.to_owned(), role: role.to_owned(), mode };
        if witness::check_name(role).is_err() || witness::check_name(&owner.statement_name()).is_err() {
            return Err(Error::invalid(
                "role",
                "must be lower-case letters, digits, hyphens and dots, beginning with a letter or digit, and short: \
                 with the deployment's at most 98",
            ));
        }
        Ok(owner)
    }

    /// The deployment.
    pub fn deployment(&self) -> &str {
        &self.deployment
    }

    /// The role.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// What the data is for.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The name of the database's counter at the witness: mode, deployment and role with dots between. With the mode, so
    /// that what is tried out under the name of a deployment raises nothing of what is for users.
    pub fn witness_name(&self) -> String {
        format!("{}.{}.{}", self.mode, self.deployment, self.role)
    }

    /// The name of the highest sequence number of a statement that was accepted, at the witness: below that of the
    /// database. So each verifier can be let write its own alone, and one that is in wrong hands raises nobody else's.
    pub fn statement_name(&self) -> String {
        format!("{}.{STATEMENT}", self.witness_name())
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "role `{}` of deployment `{}` in mode `{}`", self.role, self.deployment, self.mode)
    }
}

/// What the row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Whose it is.
    pub owner: Owner,
    /// How often a restore was acknowledged, and one; a process serves one epoch and halts in another.
    pub epoch: u64,
    /// Grows while the database is in use.
    pub counter: u64,
    /// When its owner first used it.
    pub claimed_at: Timestamp,
    /// When a restore was last acknowledged.
    pub restored_at: Option<Timestamp>,
}

impl Mark {
    /// The mark, if it is this owner's. Refused with `SERVICE_HALTED`, as [`claim`].
    pub(crate) fn of(self, owner: &Owner) -> Result<Self> {
        if self.owner == *owner { Ok(self) } else { Err(anothers(&self.owner, owner)) }
    }

    /// Until when everything that was given out on the word of this database is dead; none when it was never restored.
    /// The moment itself is included: what says of itself that it was made at or before it is refused.
    ///
    /// A few seconds after the restore was acknowledged, because clocks differ.
    pub fn not_before(&self) -> Option<Timestamp> {
        self.restored_at.map(|at| at.plus(SKEW))
    }
}

/// Takes the database for its owner, or finds that it is the owner's. However many processes begin at once, one
/// deployment, role and mode get it.
///
/// # Errors
///
/// `SERVICE_HALTED`, naming both owners and what to do, when it is another's.
pub async fn claim(database: &impl ConnectionTrait, owner: &Owner, now: Timestamp) -> Result<Mark> {
    Entity::insert(ActiveModel {
        id: ActiveValue::Set(ROW),
        deployment: ActiveValue::Set(owner.deployment.clone()),
        role: ActiveValue::Set(owner.role.clone()),
        mode: ActiveValue::Set(owner.mode.as_str().to_owned()),
        epoch: ActiveValue::Set(FIRST_EPOCH),
        counter: ActiveValue::Set(0),
        claimed_ms: ActiveValue::Set(now.millis()),
        restored_ms: ActiveValue::Set(None),
    })
    .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
    .exec_without_returning(database)
    .await
    .map_err(unavailable)?;
    read(database).await?.ok_or_else(|| corrupt("mark of its owner"))?.of(owner)
}

/// Refuses a database that is another's, before anything is changed in it. One without a schema, or that nobody claimed
/// yet, is anybody's.
///
/// # Errors
///
/// `SERVICE_HALTED`, as [`claim`].
pub async fn refuse_anothers(database: &impl ConnectionTrait, owner: &Owner) -> Result<()> {
    if !has_table(database, Entity.table_name()).await? {
        return Ok(());
    }
    read(database).await?.map(|mark| mark.of(owner)).transpose().map(drop)
}

/// The mark; none on a database that nobody claimed.
pub async fn read(database: &impl ConnectionTrait) -> Result<Option<Mark>> {
    let row = Entity::find_by_id(ROW).one(database).await.map_err(unavailable)?;
    row.map(parse).transpose()
}

fn parse(row: Model) -> Result<Mark> {
    let bad = |_| corrupt("mark of its owner");
    let mode = row.mode.parse().map_err(bad)?;
    Ok(Mark {
        owner: Owner::new(&row.deployment, &row.role, mode).map_err(bad)?,
        epoch: number(row.epoch)?,
        counter: number(row.counter)?,
        claimed_at: Timestamp::from_millis(row.claimed_ms),
        restored_at: row.restored_ms.map(Timestamp::from_millis),
    })
}

fn number(value: i64) -> Result<u64> {
    let value = u64::try_from(value).map_err(|_| corrupt("count"))?;
    witness::check_value(value)?;
    Ok(value)
}

fn anothers(found: &Owner, wanted: &Owner) -> Error {
    let why = match (found.mode, wanted.mode) {
        (Mode::Dev, Mode::Production) => {
            "What was made in dev mode is never used for users: its keys and users are throw-away. Give this role a \
             database, or schema, of its own"
        }
        (Mode::Production, Mode::Dev) => {
            "Dev mode never touches the data of users. Give it a database of its own, or start it without one"
        }
        (Mode::Dev, Mode::Dev) | (Mode::Production, Mode::Production) => {
            "Two owners never share a database, or schema. Correct `database` in the configuration of the one that is \
             wrong; neither can be renamed"
        }
    };
    Error::new(
        Reason::ServiceHalted,
        format!("this database belongs to {found}, and this process is {wanted}. {why}"),
    )
}

#[cfg(test)]
mod tests;
