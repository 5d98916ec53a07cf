use std::collections::{BTreeMap, BTreeSet};

use kernel::{Error, Result};

/// Which DNS name stands for which role, on one listener. A name that is not here is nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Callers {
    setting: String,
    roles: BTreeMap<String, String>,
}

/// What the names in a certificate come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// They stand for one role.
    Role(String),
    /// None of them is listed.
    Nobody,
    /// They stand for several roles: nobody holds two.
    Several(BTreeSet<String>),
}

impl Callers {
    /// From the table `setting`: DNS name to role. Names are compared as a whole, upper and lower case alike.
    ///
    /// # Errors
    /// `INVALID_REQUEST` naming the entry: a name that is no host name, a wildcard, a name that is there twice.
    pub fn new(setting: &str, names: &BTreeMap<String, String>) -> Result<Self> {
        let mut roles = BTreeMap::new();
        for (name, role) in names {
            if let Some(why) = unfit(name) {
                return Err(Error::invalid(format!("{setting}.\"{name}\""), why));
            }
            if roles.insert(name.to_ascii_lowercase(), role.clone()).is_some() {
                return Err(Error::invalid(format!("{setting}.\"{name}\""), "is there twice"));
            }
        }
        Ok(Self { setting: setting.to_owned(), roles })
    }

    /// Checks that every role is one that calls here.
    ///
    /// # Errors
    /// `INVALID_REQUEST` naming the entry and the roles there are.
    pub fn check(&self, callers: &[&str]) -> Result<()> {
        for (name, role) in &self.roles {
            if !callers.contains(&role.as_str()) {
                let known = if callers.is_empty() { "none".to_owned() } else { callers.join(", ") };
                return Err(Error::invalid(
                    format!("{}.\"{name}\"", self.setting),
                    format!("`{role}` is no role that calls this service; those that do: {known}"),
                ));
            }
        }
        Ok(())
    }

    /// The table's name in the configuration.
    pub(crate) fn setting(&self) -> &str {
        &self.setting
    }

    /// Whose certificate it is that has `names`. A wildcard in a certificate is a name like any other and never listed.
    pub(crate) fn role(&self, names: &[String]) -> Known {
        let mut roles: BTreeSet<String> =
            names.iter().filter_map(|name| self.roles.get(&name.to_ascii_lowercase())).cloned().collect();
        match (roles.pop_first(), roles.is_empty()) {
            (None, _) => Known::Nobody,
            (Some(role), true) => Known::Role(role),
            (Some(role), false) => {
                roles.insert(role);
                Known::Several(roles)
            }
        }
    }
}

/// Why a name cannot be an entry (RFC 1123 section 2.1, without a trailing dot).
fn unfit(name: &str) -> Option<&'static str> {
    if name.contains('*') {
        return Some("a wildcard stands for nobody in particular; list the names");
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let address = name.parse::<std::net::IpAddr>().is_ok();
    if name.len() > 253 || address || !name.split('.').all(label) {
        return Some("is not a DNS name such as `token-issuer.countersign.svc`");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(name, role)| ((*name).to_owned(), (*role).to_owned())).collect()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn only_a_whole_listed_name_is_somebody() {
        let callers = Callers::new(
            "peer.callers",
            &table(&[
                ("issuer.test", "token-issuer"),
                ("issuer", "token-issuer"),
                ("gw.test", "waas-gateway"),
            ]),
        )
        .unwrap();
        for some in [&["issuer.test"][..], &["x.test", "ISSUER.Test"], &["issuer", "issuer.test"]] {
            assert_eq!(callers.role(&names(some)), Known::Role("token-issuer".to_owned()), "{some:?}");
        }
        for nobody in [
            &[][..],
            &["*.test"],
            &["issuer.test.evil.example"],
            &["evil.issuer.test"],
            &["issuer.test."],
            &["issuer.test\0.evil"],
            &[" issuer.test"],
        ] {
            assert_eq!(callers.role(&names(nobody)), Known::Nobody, "{nobody:?}");
        }
        let both = callers.role(&names(&["issuer.test", "gw.test"]));
        let roles = names(&["token-issuer", "waas-gateway"]).into_iter().collect();
        assert_eq!(both, Known::Several(roles));
    }

    #[test]
    fn a_name_that_cannot_be_one_is_refused_by_name() {
        for bad in ["*.test", "", "a..b", "10.0.0.1", "::1", "a.test.", "-a.test", "https://a.test", "a b"] {
            let refused = Callers::new("peer.callers", &table(&[(bad, "policy")])).unwrap_err();
            assert!(refused.message().contains("peer.callers"), "{bad}: {refused}");
        }
        let twice = table(&[("a.test", "policy"), ("A.test", "token-issuer")]);
        assert!(Callers::new("peer.callers", &twice).is_err());
    }

    #[test]
    fn a_role_that_calls_nothing_here_is_refused_with_those_that_do() {
        let callers = Callers::new("peer.callers", &table(&[("a.test", "token-isuer")])).unwrap();
        let refused = callers.check(&["token-issuer"]).unwrap_err();
        assert!(refused.message().contains("token-isuer") && refused.message().contains("token-issuer"));
        assert!(callers.check(&["token-isuer", "policy"]).is_ok());
    }
}
