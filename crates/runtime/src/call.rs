//! Who is calling, as a use case sees it. Time is read once a call, so that one call sees one time.

use std::str::FromStr;
use std::sync::Arc;

use kernel::{EnvironmentId, Error, Reason, Result, SecretText, SessionId, Timestamp, UserId};
use storage::Trail;

use crate::environments::EnvironmentSettings;

/// A call by a signed-in user.
#[derive(Clone, Debug)]
pub struct UserCall {
    /// The environment the request names.
    pub environment: EnvironmentId,
    /// The user.
    pub user: UserId,
    /// The session, as its provider names it.
    pub session: SessionId,
    /// The identity provider, by its id within the environment.
    pub provider_id: String,
    /// When the user signed in, where the provider says so.
    pub auth_time: Option<Timestamp>,
    /// When the session token expires.
    pub session_expires: Timestamp,
    /// The environment's settings, at most five seconds old.
    pub settings: Arc<EnvironmentSettings>,
    /// The session token, to call another service on the user's behalf.
    pub bearer: SecretText,
    /// The time of the call.
    pub at: Timestamp,
    /// What the call leaves in the audit trail.
    pub trail: Trail,
}

/// A call by another service of the suite.
#[derive(Clone, Debug)]
pub struct PeerCall {
    /// The calling service's role.
    pub role: String,
    /// The time of the call.
    pub at: Timestamp,
    /// What the call leaves in the audit trail.
    pub trail: Trail,
}

/// What an administrator may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminRole {
    /// Read settings.
    Viewer,
    /// Change settings; may read them too.
    Editor,
    /// Read the audit trail.
    Auditor,
    /// Everything.
    Owner,
}

impl AdminRole {
    const ALL: [Self; 4] = [Self::Viewer, Self::Editor, Self::Auditor, Self::Owner];

    /// The name of the role in a token.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Auditor => "auditor",
            Self::Owner => "owner",
        }
    }

    const fn includes(self, wanted: Self) -> bool {
        matches!(
            (self, wanted),
            (Self::Owner, _)
                | (Self::Editor, Self::Editor | Self::Viewer)
                | (Self::Auditor, Self::Auditor)
                | (Self::Viewer, Self::Viewer)
        )
    }
}

/// A role and where it holds: `role@*` or `role@{environment}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    role: AdminRole,
    /// None: everywhere.
    environment: Option<EnvironmentId>,
}

impl FromStr for Grant {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (role, place) = text.split_once('@').ok_or(())?;
        let role = AdminRole::ALL.into_iter().find(|known| known.as_str() == role).ok_or(())?;
        let environment = if place == "*" { None } else { Some(place.parse().map_err(|_| ())?) };
        Ok(Self { role, environment })
    }
}

/// A call by an administrator.
#[derive(Clone, Debug)]
pub struct AdminCall {
    /// Who: `{issuer}#{subject}`.
    pub subject: String,
    /// What they may do, and where.
    pub grants: Vec<Grant>,
    /// The time of the call.
    pub at: Timestamp,
    /// What the call leaves in the audit trail.
    pub trail: Trail,
}

impl AdminCall {
    /// Whether the caller has `role` in `environment`; without an environment, everywhere.
    pub fn covers(&self, role: AdminRole, environment: Option<EnvironmentId>) -> bool {
        self.grants.iter().any(|grant| {
            grant.role.includes(role)
                && (grant.environment.is_none()
                    || (environment.is_some() && grant.environment == environment))
        })
    }

    /// Refuses with `ADMIN_ROLE_MISSING` unless the caller has `role` in `environment`; without one, everywhere.
    pub fn require(&self, role: AdminRole, environment: Option<EnvironmentId>) -> Result<()> {
        if self.covers(role, environment) {
            return Ok(());
        }
        let place = environment.map_or_else(|| "*".to_owned(), |environment| environment.to_string());
        Err(Error::new(
            Reason::AdminRoleMissing,
            format!("this needs the role `{}@{place}`, or `owner` there", role.as_str()),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11";
    const THERE: &str = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d12";

    fn covers(grants: &[&str], role: AdminRole, environment: Option<&str>) -> bool {
        let call = AdminCall {
            subject: "issuer#me".into(),
            grants: grants.iter().filter_map(|grant| grant.parse().ok()).collect(),
            at: Timestamp::from_seconds(0),
            trail: testkit::trail(),
        };
        call.covers(role, environment.map(|id| id.parse().unwrap()))
    }

    #[test]
    fn a_role_holds_where_it_was_granted_and_nowhere_else() {
        let editor = format!("editor@{HERE}");
        assert!(covers(&[&editor], AdminRole::Editor, Some(HERE)));
        assert!(covers(&[&editor], AdminRole::Viewer, Some(HERE)));
        assert!(!covers(&[&editor], AdminRole::Auditor, Some(HERE)));
        assert!(!covers(&[&editor], AdminRole::Editor, Some(THERE)));
        assert!(!covers(&[&editor], AdminRole::Viewer, None));
        assert!(covers(&["owner@*"], AdminRole::Auditor, None));
        assert!(!covers(&["viewer@*"], AdminRole::Editor, Some(HERE)));
    }

    #[test]
    fn what_is_not_a_grant_grants_nothing() {
        for grant in ["owner", "owner@", "Owner@*", "root@*", "@*", "owner@**", "owner@ *"] {
            assert!(grant.parse::<Grant>().is_err(), "{grant}");
        }
    }
}
