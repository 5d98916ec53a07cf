//! The canonical encoding of `docs/mpc.md`: parts, each preceded by its length as four octets, big-endian.

use kernel::Error;

/// Writes an encoding.
pub(crate) struct Encoder(Vec<u8>);

impl Encoder {
    /// Begins with the name of what is encoded, so that nothing encoded for one purpose means anything for another.
    pub(crate) fn new(name: &str) -> Self {
        Self(Vec::new()).part(name.as_bytes())
    }

    /// A part. Nothing that is encoded comes near 4 GiB, so the length is never cut.
    #[must_use]
    pub(crate) fn part(mut self, part: &[u8]) -> Self {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(part);
        self
    }

    /// A number of two octets.
    #[must_use]
    pub(crate) fn u16(self, number: u16) -> Self {
        self.part(&number.to_be_bytes())
    }

    /// A number of four octets.
    #[must_use]
    pub(crate) fn u32(self, number: u32) -> Self {
        self.part(&number.to_be_bytes())
    }

    /// The encoding.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// The octets are not the canonical encoding of what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not the canonical encoding of what was expected")
    }
}

impl std::error::Error for Malformed {}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        Self::internal(malformed)
    }
}

/// Reads an encoding, strictly: whatever it accepts, [`Encoder`] would write the same.
pub(crate) struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    /// Begins to read what is called `name`.
    pub(crate) fn new(name: &str, octets: &'a [u8]) -> Result<Self, Malformed> {
        let mut decoder = Self(octets);
        if decoder.part()? == name.as_bytes() { Ok(decoder) } else { Err(Malformed) }
    }

    /// A part.
    pub(crate) fn part(&mut self) -> Result<&'a [u8], Malformed> {
        let (length, rest) = self.0.split_first_chunk::<4>().ok_or(Malformed)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Malformed)?;
        let (part, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(part)
    }

    /// A part of exactly `N` octets.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.part()?.try_into().map_err(|_| Malformed)
    }

    /// A number of two octets.
    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    /// A number of four octets.
    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// An identifier that parses from its text.
    pub(crate) fn parse<T: std::str::FromStr>(&mut self) -> Result<T, Malformed> {
        std::str::from_utf8(self.part()?).ok().and_then(|text| text.parse().ok()).ok_or(Malformed)
    }

    /// An identifier that is a UUID of 16 octets.
    pub(crate) fn uuid(&mut self) -> Result<uuid::Uuid, Malformed> {
        self.array().map(uuid::Uuid::from_bytes)
    }

    /// Nothing follows.
    pub(crate) fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(octets: &[u8]) -> Result<(Vec<u8>, u16, u32), Malformed> {
        let mut decoder = Decoder::new("test/v1", octets)?;
        let out = (decoder.part()?.to_vec(), decoder.u16()?, decoder.u32()?);
        decoder.end()?;
        Ok(out)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(part in proptest::collection::vec(any::<u8>(), 0..64), small: u16, large: u32) {
            let octets = Encoder::new("test/v1").part(&part).u16(small).u32(large).finish();
            prop_assert_eq!(decode(&octets), Ok((part, small, large)));
        }
    }

    #[test]
    fn cut_lengthened_and_misnamed_encodings_are_refused() {
        let octets = Encoder::new("test/v1").part(b"abc").u16(1).u32(2).finish();
        for end in 0..octets.len() {
            assert_eq!(decode(&octets[..end]), Err(Malformed));
        }
        assert_eq!(decode(&[&octets[..], b"\0"].concat()), Err(Malformed));
        assert_eq!(decode(&Encoder::new("test/v2").part(b"abc").u16(1).u32(2).finish()), Err(Malformed));
        assert_eq!(decode(&Encoder::new("test/v1").part(b"abc").u32(1).u32(2).finish()), Err(Malformed));
    }
}
