//! What `INFO` says, read strictly: a field that is not there is not guessed.

use std::collections::HashMap;

/// The fields of an `INFO` answer.
#[derive(Debug)]
pub(super) struct Info {
    fields: HashMap<String, String>,
}

impl Info {
    pub(super) fn parse(text: &str) -> Self {
        let fields = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.trim_end().split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self { fields }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// Whether the field is there and says yes.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.number(name).is_some_and(|number| number != 0)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str)
    }

    /// The id of the replication history the server is on, if it is one: 40 hexadecimal digits, not all zero.
    pub(super) fn replication_id(&self) -> Option<&str> {
        self.get("master_replid").filter(|id| is_replication_id(id))
    }
}

/// Whether the text can be a replication id.
pub(super) fn is_replication_id(text: &str) -> bool {
    text.len() == 40
        && text.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
        && text.bytes().any(|c| c != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_headings_are_not() {
        let info = Info::parse(
            "# Server\r\nredis_version:7.0.15\r\nhz:10\r\n\r\n# Cluster\r\ncluster_enabled:0\r\n",
        );
        assert_eq!(info.get("redis_version"), Some("7.0.15"));
        assert_eq!(info.number("hz"), Some(10));
        assert!(!info.is_set("cluster_enabled") && !info.is_set("loading"));
        assert_eq!(info.replication_id(), None);
    }

    #[test]
    fn a_replication_id_is_40_digits_and_not_nothing() {
        assert!(is_replication_id("3d70025265b2fde173df15f2785a12cf53b1e8eb"));
        for bad in
            ["", "0", &"0".repeat(40), &"a".repeat(39), &"a".repeat(41), &"A".repeat(40), &"g".repeat(40)]
        {
            assert!(!is_replication_id(bad), "{bad}");
        }
    }
}
