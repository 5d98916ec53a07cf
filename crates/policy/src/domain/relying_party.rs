//! The WebAuthn relying party (WebAuthn Level 3, section 5.4.2).

use kernel::{Error, Result};

use super::Mode;
use super::address;
use super::origins;

/// A relying party that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RelyingParty {
    /// A domain, lower case.
    pub(crate) rp_id: String,
    /// The origins that ceremonies may come from, normalised, each on the domain or below it. At least one.
    pub(crate) origins: Vec<String>,
}

/// A relying party as a caller sent it.
#[derive(Clone, Debug)]
pub(crate) struct RelyingPartyDraft {
    /// The wanted id.
    pub(crate) rp_id: String,
    /// The wanted origins.
    pub(crate) origins: Vec<String>,
}

impl RelyingPartyDraft {
    /// Checks it. Which domains are registrable only a list of public suffixes knows; browsers have it and refuse.
    pub(crate) fn check(self, mode: Mode) -> Result<RelyingParty> {
        let rp_id = self.rp_id;
        let is_here = mode == Mode::Dev && rp_id == "localhost";
        if !address::is_domain_name(&rp_id) || !(rp_id.contains('.') || is_here) {
            return Err(Error::invalid(
                "environment.relying_party.rp_id",
                "must be a domain in lower case, such as `wallet.example`",
            ));
        }
        let field = "environment.relying_party.origins";
        let origins = origins::check(field, &self.origins, mode)?;
        if origins.is_empty() {
            return Err(Error::invalid(field, "must have at least one entry"));
        }
        if let Some(index) = origins.iter().position(|origin| !address::is_within(origin, &rp_id)) {
            return Err(Error::invalid(format!("{field}[{index}]"), format!("is not within `{rp_id}`")));
        }
        Ok(RelyingParty { rp_id, origins })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rp_id: &str, origins: &[&str], mode: Mode) -> Result<RelyingParty, String> {
        let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
        RelyingPartyDraft { rp_id: rp_id.to_owned(), origins }
            .check(mode)
            .map_err(|error| error.violations()[0].field.clone())
    }

    #[test]
    fn origins_lie_within_the_domain() {
        let party = check(
            "wallet.example",
            &["https://wallet.example", "https://App.wallet.example"],
            Mode::Production,
        );
        assert_eq!(party.unwrap().origins[1], "https://app.wallet.example");
        let stray =
            check("wallet.example", &["https://wallet.example", "https://evil.example"], Mode::Production);
        assert_eq!(stray.unwrap_err(), "environment.relying_party.origins[1]");
        let none = check("wallet.example", &[], Mode::Production);
        assert_eq!(none.unwrap_err(), "environment.relying_party.origins");
    }

    #[test]
    fn the_id_is_a_domain() {
        for bad in ["", "example", "Wallet.example", "https://wallet.example", "wallet.example.", "127.0.0.1"]
        {
            let refused = check(bad, &["https://wallet.example"], Mode::Production);
            assert_eq!(refused.unwrap_err(), "environment.relying_party.rp_id", "{bad}");
        }
    }

    #[test]
    fn localhost_is_for_dev_mode() {
        assert!(check("localhost", &["http://localhost:3000"], Mode::Dev).is_ok());
        assert!(check("localhost", &["https://localhost:3000"], Mode::Production).is_err());
    }
}
