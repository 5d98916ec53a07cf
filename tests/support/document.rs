//! Documents that a run writes its table into.

use std::path::Path;

/// The marks between which the table of a document stands.
const MARKS: [&str; 2] = ["<!-- table: begin -->\n", "<!-- table: end -->"];

/// Puts a table into the document in a file, in place of the one that is there.
pub(crate) fn write_table(file: &Path, table: &str) {
    let document = std::fs::read_to_string(file).expect("the document is there");
    let document = with_table(&document, table).expect("the document has a place for the table");
    std::fs::write(file, document).expect("the document can be written");
}

/// The document with another table, if it has a place for one.
fn with_table(document: &str, table: &str) -> Option<String> {
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

    #[test]
    fn a_file_gets_its_table() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("faults.md");
        std::fs::write(&file, "<!-- table: begin -->\n<!-- table: end -->\n").unwrap();
        write_table(&file, "new\n");
        let written = std::fs::read_to_string(&file).unwrap();
        assert_eq!(written, "<!-- table: begin -->\nnew\n<!-- table: end -->\n");
    }
}
