//! Several refusals told at once, so that nobody has to find a request's mistakes one by one.

use kernel::{Error, Result};

/// The most wrong fields that are named at once, so that an answer stays small whatever was sent.
const MOST: usize = 16;

/// Refusals of one request: the first, with the wrong fields of all.
#[derive(Default)]
pub(crate) struct Refusals(Option<Error>);

impl Refusals {
    /// Takes note of a refusal; hands on what was accepted.
    pub(crate) fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        let refusal = match result {
            Ok(accepted) => return Some(accepted),
            Err(refusal) => refusal,
        };
        self.0 = Some(match self.0.take() {
            None => refusal,
            Some(first) => refusal
                .violations()
                .iter()
                .take(MOST.saturating_sub(first.violations().len()))
                .fold(first, |first, wrong| first.violation(wrong.field.clone(), wrong.description.clone())),
        });
        None
    }

    /// Refuses if anything was.
    pub(crate) fn or<T>(self, accepted: T) -> Result<T> {
        match self.0 {
            None => Ok(accepted),
            Some(refusal) => Err(refusal),
        }
    }
}

/// All that was accepted, or the refusals of all that was not.
pub(crate) fn all<T>(results: impl IntoIterator<Item = Result<T>>) -> Result<Vec<T>> {
    let mut refusals = Refusals::default();
    let accepted = results.into_iter().filter_map(|result| refusals.note(result)).collect();
    refusals.or(accepted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_field_is_named() {
        let refused = all([Err(Error::invalid("a", "is wrong")), Ok(1), Err(Error::invalid("b", "is too"))]);
        let fields: Vec<_> =
            refused.unwrap_err().violations().iter().map(|wrong| wrong.field.clone()).collect();
        assert_eq!(fields, ["a", "b"]);
        assert_eq!(all([Ok(1), Ok(2)]).unwrap(), [1, 2]);
    }

    #[test]
    fn an_answer_stays_small() {
        let refused =
            all((0..100).map(|index| Err::<(), _>(Error::invalid(format!("f[{index}]"), "is wrong"))));
        assert_eq!(refused.unwrap_err().violations().len(), MOST);
    }
}
