//! A role's durable state: its database, found to be its own, up to date and not older than it was.

use std::sync::Arc;

use kernel::{Clock, Error, Result, Timestamp};
use sea_orm::DatabaseConnection;
use storage::mark::{self, Mark, Owner};
use storage::redis::{Redis, RedisWitness};
use storage::sql::{self, Lease};
use storage::standing::{Standing, Watch, watch};
use storage::{FileWitness, SqlAuditLog, Witness};

use crate::roles::Store;
use crate::settings::{RoleSettings, Settings, Shared, WitnessSettings};

/// See the module.
pub(super) struct Stores {
    /// For the wiring.
    pub(super) store: Store,
    /// Whether anything may be authorized.
    pub(super) standing: Standing,
    /// The right to be the only process, where there may be one only.
    pub(super) lease: Option<Arc<Lease>>,
    /// What is kept outside the database.
    pub(super) witness: Arc<dyn Witness>,
}

impl Stores {
    /// One attempt, bounded by the timeouts of the settings. Also answers what keeps the standing confirmed, to be run.
    pub(super) async fn open<R: RoleSettings>(
        settings: &Settings<R>,
        clock: &dyn Clock,
    ) -> Result<(Self, Watch)> {
        let (connection, mark) = database(settings, clock.now()).await?;
        let witness = witness(&settings.shared.witness).await?;
        let (standing, watch) = watch(connection.clone(), witness.clone(), &mark).await?;
        let at = settings.own.basics().database;
        let lease = if settings.own.is_alone() || !at.is_postgres() {
            Some(Arc::new(Lease::acquire(at, mark.owner.role()).await?))
        } else {
            None
        };
        let mut audit = SqlAuditLog::new(connection.clone()).with_standing(standing.clone());
        if let Some(lease) = &lease {
            audit = audit.with_lease(lease.clone());
        }
        let store = Store { database: connection, audit: Arc::new(audit), not_before: mark.not_before() };
        Ok((Self { store, standing, lease, witness }, watch))
    }
}

impl<R: RoleSettings> Settings<R> {
    /// Whose the role's database is.
    pub(crate) fn owner(&self) -> Result<Owner> {
        self.shared.owner_of(&self.own)
    }

    /// Opens the role's database. Nothing is known yet of what is in it.
    pub(crate) async fn open_database(&self) -> Result<DatabaseConnection> {
        sql::open_for(self.own.basics().database, self.shared.mode.into()).await
    }
}

impl Shared {
    /// Whose the database of a role with these settings is.
    pub(super) fn owner_of(&self, own: &impl RoleSettings) -> Result<Owner> {
        Owner::new(&self.deployment, &own.owner(), self.mode.into())
    }
}

/// Opens a role's database, which must be up to date and its own or nobody's yet.
pub(crate) async fn database<R: RoleSettings>(
    settings: &Settings<R>,
    now: Timestamp,
) -> Result<(DatabaseConnection, Mark)> {
    let database = settings.open_database().await?;
    sql::check_schema::<R::Migrator>(&database).await?;
    let mark = mark::claim(&database, &settings.owner()?, now).await?;
    Ok((database, mark))
}

/// What is kept outside the databases.
pub(crate) async fn witness(settings: &WitnessSettings) -> Result<Arc<dyn Witness>> {
    match (&settings.folder, &settings.redis) {
        (Some(folder), _) => Ok(Arc::new(FileWitness::new(folder.clone()))),
        (None, Some(redis)) => Ok(Arc::new(RedisWitness::new(Redis::connect(redis).await?))),
        (None, None) => Err(Error::invalid("witness", "is not set: `folder` or `redis`")),
    }
}
