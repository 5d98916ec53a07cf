//! Documents that a run writes its table into.

/// The marks between which the table of a document stands.
const MARKS: [&str; 2] = ["<!-- table: begin -->\n", "<!-- table: end -->"];

/// The document with another table, if it has a place for one.
pub(crate) fn with_table(document: &str, table: &str) -> Option<String> {
    let [begin, end] = MARKS;
    let (before, rest) = document.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}{table}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let document = "# Faults\n<!-- table: begin -->\nold\n<!-- table: end -->\nText.\n";
        let expected = "# Faults\n<!-- table: begin -->\nnew\n<!-- table: end -->\nText.\n";
        assert_eq!(with_table(document, "new\n").as_deref(), Some(expected));
        assert_eq!(with_table("# Faults\n", "new\n"), None);
    }
}
