//! The kinds of fault.

use super::processes;
use super::tokens;

/// An enumeration of faults with their names on the command line and in the table.
macro_rules! faults {
    ($($(#[$doc:meta])* $fault:ident = $name:literal),+ $(,)?) => {
        /// A fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Fault { $($(#[$doc])* $fault),+ }

        impl Fault {
            /// Every one.
            pub(crate) const ALL: &[Self] = &[$(Self::$fault),+];

            /// Its name.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$fault => $name),+ }
            }
        }
    };
}
pub(crate) use faults;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Seen by clients of the token store.
    Tokens(tokens::Fault),
    /// Seen by users of a whole deployment.
    Processes(processes::Fault),
}

impl Kind {
    /// Every kind.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let tokens = tokens::Fault::ALL.iter().copied().map(Self::Tokens);
        tokens.chain(processes::Fault::ALL.iter().copied().map(Self::Processes))
    }

    /// The kind whose turn it is.
    pub(crate) fn by_turns(turn: u64) -> Self {
        let kinds: Vec<_> = Self::all().collect();
        let count = u64::try_from(kinds.len()).expect("few kinds");
        kinds[usize::try_from(turn % count).expect("few kinds")]
    }

    /// The kind of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().find(|kind| kind.name() == name)
    }

    /// Its name on the command line and in the table.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tokens(fault) => fault.name(),
            Self::Processes(fault) => fault.name(),
        }
    }

    /// Whether the control is struck as well.
    pub(crate) fn has_control(self) -> bool {
        matches!(self, Self::Tokens(_))
    }
}
