//! The table `audit_events`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_events")]
pub(super) struct Model {
    #[sea_orm(primary_key)]
    pub(super) id: i64,
    pub(super) kind: String,
    pub(super) time_ms: i64,
    pub(super) environment: Option<String>,
    pub(super) actor: String,
    pub(super) resource: String,
    pub(super) operation_id: String,
    pub(super) digest: Vec<u8>,
    pub(super) outcome: String,
    pub(super) reason: Option<String>,
    pub(super) count: i64,
    pub(super) trace_id: String,
    /// What like refusals within a minute share; none for rows that stand alone.
    pub(super) aggregate: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(super) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
