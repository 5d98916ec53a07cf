//! What the walk needs to know of a table.

use std::fmt;

use sea_orm::prelude::Uuid;

/// A column of sealed values. An empty value stands for one that was erased.
#[derive(Clone, Copy, Debug)]
pub struct SealedColumn {
    /// What [`Context::column`](crate::sealing::Context::column) is for its values: the table, a dot, and the column.
    pub name: &'static str,
    /// The primary key, in its order.
    pub key: &'static [KeyColumn],
    /// Columns beside the key that are part of the place too.
    pub beside: &'static [KeyColumn],
    /// What [`Context::row`](crate::sealing::Context::row) is: from the values of the key, then those beside it.
    pub row: fn(&[KeyValue]) -> Vec<u8>,
}

impl SealedColumn {
    /// The table and the column.
    pub(super) fn split(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or((self.name, "secret"))
    }
}

/// The octets of all values, one after the other: the row of most places.
pub fn octets(values: &[KeyValue]) -> Vec<u8> {
    values.iter().flat_map(KeyValue::as_bytes).copied().collect()
}

/// A column that says which row it is.
#[derive(Clone, Copy, Debug)]
pub enum KeyColumn {
    /// Of UUIDs.
    Uuid(&'static str),
    /// Of text.
    Text(&'static str),
}

impl KeyColumn {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Uuid(name) | Self::Text(name) => name,
        }
    }
}

/// What stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyValue {
    /// A UUID.
    Uuid(Uuid),
    /// Text.
    Text(String),
}

impl KeyValue {
    /// The octets of a UUID, or of the text.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Uuid(uuid) => uuid.as_bytes(),
            Self::Text(text) => text.as_bytes(),
        }
    }
}

impl fmt::Display for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(uuid) => uuid.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}
