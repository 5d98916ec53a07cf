//! The table `deployment_mark`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "deployment_mark")]
pub(crate) struct Model {
    /// Always one and the same: there is one row.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: i32,
    pub(crate) deployment: String,
    pub(crate) role: String,
    pub(crate) mode: String,
    pub(crate) epoch: i64,
    pub(crate) counter: i64,
    pub(crate) claimed_ms: i64,
    pub(crate) restored_ms: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
