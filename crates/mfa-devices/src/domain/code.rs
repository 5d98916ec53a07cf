//! A code as it was typed.

use std::ops::RangeInclusive;

use kernel::SecretText;
use kernel::secret::ExposeSecret;
use zeroize::Zeroizing;

/// How many digits a code may have (RFC 4226 section 5.3).
const DIGITS: RangeInclusive<usize> = 6..=8;

/// More characters than anybody types into the field, spaces and all.
const MAX_TYPED: usize = 32;

/// Six to eight ASCII digits.
pub(crate) struct Code(SecretText);

impl Code {
    /// Takes the ASCII spaces out and wants six to eight ASCII digits then, as many as some device shows. Everything else
    /// is `None`: letters, other white space, full-width digits, five or nine digits. Such input cannot be a guess, so it
    /// costs no try.
    pub(crate) fn parse(typed: &SecretText) -> Option<Self> {
        let typed = typed.expose_secret();
        if typed.len() > MAX_TYPED {
            return None;
        }
        let digits = Zeroizing::new(typed.replace(' ', ""));
        (DIGITS.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| Self(SecretText::from(digits.as_str())))
    }

    /// The digits.
    pub(crate) fn digits(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(typed: &str) -> Option<String> {
        Code::parse(&SecretText::from(typed)).map(|code| code.digits().to_owned())
    }

    #[test]
    fn spaces_are_taken_out() {
        for typed in ["012345", "012 345", " 012345 ", "0 1 2 3 4 5"] {
            assert_eq!(parse(typed).as_deref(), Some("012345"), "{typed:?}");
        }
        for digits in ["0123456", "01234567"] {
            assert_eq!(parse(digits).as_deref(), Some(digits));
        }
    }

    #[test]
    fn everything_but_six_to_eight_ascii_digits_is_not_a_code() {
        let long = format!("{}012345", " ".repeat(MAX_TYPED));
        for typed in [
            "",
            " ",
            "12345",
            "123456789",
            "12345a",
            "abcdef",
            "+12345",
            "-12345",
            "123-456",
            "123456\n",
            "123\u{a0}456",
            "123\t456",
            "\u{ff11}\u{ff12}\u{ff13}\u{ff14}\u{ff15}\u{ff16}",
            "\u{0661}\u{0662}\u{0663}\u{0664}\u{0665}\u{0666}",
            "\u{ff11}\u{ff12}",
            "0x1234",
            &long,
        ] {
            assert_eq!(parse(typed), None, "{typed:?}");
        }
    }
}
