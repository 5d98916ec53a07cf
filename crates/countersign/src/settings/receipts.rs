//! Whose receipts are accepted.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Wrong;

/// What an enforcement point is told by the operator about receipts.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ReceiptSettings {
    /// The `iss` of receipts: what `token-issuer.issuer` says. Required.
    pub(crate) issuer: String,
    /// The operator root's public key, a JSON Web Key. Required.
    pub(crate) operator_root_file: PathBuf,
    /// The root's signed statement of the keys that sign receipts; see `countersign keys`. Required.
    pub(crate) statement_file: PathBuf,
}

impl ReceiptSettings {
    pub(super) fn check(&self, wrong: &mut Wrong) {
        wrong.need(
            "receipts.issuer",
            !self.issuer.is_empty(),
            "the `iss` of receipts, as token-issuer has it",
        );
        let root = "the operator root's public key (`countersign keys` makes one)";
        wrong.need_file("receipts.operator_root_file", &self.operator_root_file, root);
        let statement = "the root's statement of the keys that sign receipts (`countersign keys` makes one)";
        wrong.need_file("receipts.statement_file", &self.statement_file, statement);
    }
}
