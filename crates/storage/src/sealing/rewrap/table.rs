//! The statements of the walk, the same on SQLite and Postgres.

use std::collections::BTreeMap;

use kernel::Result;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, Order, Query, SelectStatement, SimpleExpr};
use sea_orm::{ConnectionTrait, DatabaseConnection, QueryResult};

use super::column::{KeyColumn, KeyValue, SealedColumn};
use crate::sealing::version_of;
use crate::sql::unavailable;

/// A row with its sealed value.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Of the key, then of what is beside it.
    pub(super) values: Vec<KeyValue>,
    /// The sealed value.
    pub(super) sealed: Vec<u8>,
}

impl Row {
    /// The primary key, for people.
    pub(super) fn name(&self, column: &SealedColumn) -> String {
        let key: Vec<_> = self.values.iter().take(column.key.len()).map(ToString::to_string).collect();
        format!("{} {}", column.split().0, key.join("/"))
    }

    fn read(column: &SealedColumn, found: &QueryResult) -> Result<Self> {
        let value = |part: &KeyColumn| match part {
            KeyColumn::Uuid(name) => found.try_get("", name).map(KeyValue::Uuid),
            KeyColumn::Text(name) => found.try_get("", name).map(KeyValue::Text),
        };
        let parts = column.key.iter().chain(column.beside);
        let values = parts.map(value).collect::<Result<_, _>>().map_err(unavailable)?;
        let sealed = found.try_get("", column.split().1).map_err(unavailable)?;
        Ok(Self { values, sealed })
    }

    /// The conditions that name it.
    fn is(&self, column: &SealedColumn) -> impl Iterator<Item = SimpleExpr> {
        column.key.iter().zip(&self.values).map(|(part, value)| Expr::col(part.name()).eq(expression(value)))
    }
}

fn expression(value: &KeyValue) -> Expr {
    match value {
        KeyValue::Uuid(uuid) => Expr::value(*uuid),
        KeyValue::Text(text) => Expr::value(text.clone()),
    }
}

fn length(column: &str) -> SimpleExpr {
    Func::cust("length").arg(Expr::col(Alias::new(column))).into()
}

fn select(column: &SealedColumn) -> SelectStatement {
    let (table, sealed) = column.split();
    let mut select = Query::select();
    select.from(table).column(sealed).and_where(length(sealed).gt(0));
    for part in column.key.iter().chain(column.beside) {
        select.column(part.name());
    }
    select
}

/// The next rows after `last`, by primary key.
pub(super) async fn after(
    database: &DatabaseConnection,
    column: &SealedColumn,
    last: Option<&Row>,
    limit: u64,
) -> Result<Vec<Row>> {
    let mut select = select(column);
    for part in column.key {
        select.order_by(part.name(), Order::Asc);
    }
    if let Some(last) = last {
        let key = column.key.iter().map(|part| Expr::col(part.name()));
        let values = last.values.iter().take(column.key.len()).map(expression);
        select.and_where(Expr::tuple(key).gt(Expr::tuple(values)));
    }
    let found = database.query_all(select.limit(limit)).await.map_err(unavailable)?;
    found.iter().map(|found| Row::read(column, found)).collect()
}

/// The same row as it is now; none when it or its value is gone.
pub(super) async fn again(
    database: &DatabaseConnection,
    column: &SealedColumn,
    row: &Row,
) -> Result<Option<Row>> {
    let mut select = select(column);
    for condition in row.is(column) {
        select.and_where(condition);
    }
    let found = database.query_one(&select).await.map_err(unavailable)?;
    found.map(|found| Row::read(column, &found)).transpose()
}

/// Puts `fresh` in the place of the row's value, unless that was changed since it was read.
pub(super) async fn compare_and_set(
    database: &DatabaseConnection,
    column: &SealedColumn,
    row: &Row,
    fresh: Vec<u8>,
) -> Result<bool> {
    let (table, sealed) = column.split();
    let mut update = Query::update();
    update.table(table).value(sealed, fresh).and_where(Expr::col(sealed).eq(row.sealed.clone()));
    for condition in row.is(column) {
        update.and_where(condition);
    }
    Ok(database.execute(&update).await.map_err(unavailable)?.rows_affected() == 1)
}

/// How many values there are by version of the key-encryption key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// By version; `None` for values too short to be sealed.
    pub by_version: BTreeMap<Option<u32>, u64>,
}

impl Census {
    /// How many values there are.
    pub fn total(&self) -> u64 {
        self.by_version.values().sum()
    }

    /// How many are sealed with `version`.
    pub fn of(&self, version: u32) -> u64 {
        self.by_version.get(&Some(version)).copied().unwrap_or_default()
    }
}

/// Counts the values of the columns by the version they were sealed with. Opens none.
///
/// # Errors
///
/// `STORE_UNAVAILABLE` when the database does not answer.
pub async fn census(database: &DatabaseConnection, columns: &[SealedColumn]) -> Result<Census> {
    let mut census = Census::default();
    for column in columns {
        let (table, sealed) = column.split();
        let prefix: SimpleExpr = Func::cust("substr").arg(Expr::col(sealed)).arg(1).arg(4).into();
        let count = Func::count(Expr::col(sealed));
        let mut select = Query::select();
        select
            .expr_as(prefix, "sealed_version")
            .expr_as(count, "sealed_count")
            .from(table)
            .and_where(length(sealed).gt(0))
            .group_by_col("sealed_version");
        for found in database.query_all(&select).await.map_err(unavailable)? {
            let prefix: Vec<u8> = found.try_get("", "sealed_version").map_err(unavailable)?;
            let count: i64 = found.try_get("", "sealed_count").map_err(unavailable)?;
            *census.by_version.entry(version_of(&prefix)).or_default() += count.unsigned_abs();
        }
    }
    Ok(census)
}
