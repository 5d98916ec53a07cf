//! Receipts: the one that the client brought, or the one that the issuer gives for what the session alone may do.

use kernel::secret::ExposeSecret;
use kernel::{Error, Reason, Result, SecretText};
use operation::CheckedOperation;

use crate::caller::Caller;
use crate::gateway::Gateway;

/// The longest receipt that is carried, in octets; several times what the issuer makes.
const MAX_RECEIPT_LENGTH: usize = 8192;

/// A receipt and where it came from.
#[derive(Clone, Debug)]
pub(crate) enum Receipt {
    /// The client asked the issuer itself. The gateway cannot have another one.
    Client(SecretText),
    /// The issuer gave it for the session, and would again.
    Session(SecretText),
}

impl Receipt {
    /// The receipt, unread: only the nodes decide what it is worth.
    pub(crate) const fn text(&self) -> &SecretText {
        match self {
            Self::Client(text) | Self::Session(text) => text,
        }
    }
}

/// Looks at a receipt from outside, before anything else is asked: three parts of base64url, not too long. None when
/// the caller brought none.
///
/// # Errors
///
/// `RECEIPT_INVALID`.
pub(crate) fn brought(receipt: SecretText) -> Result<Option<Receipt>> {
    let text = receipt.expose_secret();
    if text.is_empty() {
        return Ok(None);
    }
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
    };
    if text.len() > MAX_RECEIPT_LENGTH || text.split('.').count() != 3 || !text.split('.').all(part) {
        return Err(Error::new(
            Reason::ReceiptInvalid,
            "this is not a receipt; send the `receipt` that StepUpService.AuthorizeOperation answered, or none",
        ));
    }
    Ok(Some(Receipt::Client(receipt)))
}

impl Gateway {
    /// The receipt for the operation: the one that was brought, else what the issuer says to the session.
    ///
    /// # Errors
    ///
    /// The issuer's refusal, whole.
    pub(crate) async fn authorize(
        &self,
        caller: &Caller,
        operation: &CheckedOperation,
        brought: Option<Receipt>,
    ) -> Result<Receipt> {
        match brought {
            Some(receipt) => Ok(receipt),
            None => self.issuer.authorize(&caller.bearer, operation).await.map(Receipt::Session),
        }
    }

    /// A fresh receipt in place of one that a node says has expired.
    ///
    /// # Errors
    ///
    /// `expired`, when the client brought it; the issuer's refusal.
    pub(crate) async fn renew(
        &self,
        caller: &Caller,
        operation: &CheckedOperation,
        receipt: &mut Receipt,
        expired: Error,
    ) -> Result<()> {
        match receipt {
            Receipt::Client(_) => Err(expired),
            Receipt::Session(_) => {
                *receipt = self.authorize(caller, operation, None).await?;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(text: &str) -> Result<Option<Receipt>> {
        brought(SecretText::from(text.to_owned()))
    }

    #[test]
    fn what_cannot_be_a_receipt_is_refused_without_asking_anybody() {
        assert!(look("").unwrap().is_none());
        assert!(matches!(look("aGVhZA.Ym-k_.c2ln"), Ok(Some(Receipt::Client(_)))));
        let long = format!("a.{}.c", "b".repeat(MAX_RECEIPT_LENGTH - 4));
        assert!(look(&long).unwrap().is_some());
        for bad in [
            "a",
            "a.b",
            "a.b.",
            "a..c",
            ".b.c",
            "a.b.c.d",
            "a.b.c ",
            "a.b\n.c",
            "a.b=.c",
            "ä.b.c",
            &format!("{long}c"),
        ] {
            assert_eq!(look(bad).unwrap_err().reason(), Reason::ReceiptInvalid, "{bad}");
        }
    }
}
