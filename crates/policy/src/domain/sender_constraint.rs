//! Whether tokens are good in the hands of one client only.

/// Whether tokens are good in the hands of one client only, loosest first, so that `max` is the stricter of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SenderConstraint {
    /// None are made.
    Off,
    /// A client that shows a key gets a token that is good with this key only.
    Allowed,
    /// No other token counts.
    Required,
}
