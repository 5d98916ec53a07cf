//! The canonical encoding of everything the nodes sign or seal: a list of parts, each preceded by its length as four
//! octets, big-endian. The first part names what is encoded. `docs/mpc.md` lists the encodings.

use zeroize::Zeroizing;

/// Writes an encoding.
pub struct Encoder(Vec<u8>);

impl Encoder {
    /// Begins the encoding of what is called `name`.
    pub fn new(name: &str) -> Self {
        Self(Vec::new()).part(name.as_bytes())
    }

    /// A part. What is encoded here is bounded to far less than four gigaoctets by its callers.
    #[must_use]
    pub fn part(mut self, part: &[u8]) -> Self {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(part);
        self
    }

    /// A number of two octets.
    #[must_use]
    pub fn u16(self, number: u16) -> Self {
        self.part(&number.to_be_bytes())
    }

    /// A number of four octets.
    #[must_use]
    pub fn u32(self, number: u32) -> Self {
        self.part(&number.to_be_bytes())
    }

    /// An identifier.
    #[must_use]
    pub fn uuid(self, uuid: uuid::Uuid) -> Self {
        self.part(uuid.as_bytes())
    }

    /// The encoding.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    /// The encoding of something secret, begun by [`Encoder::secret`].
    pub fn finish_secret(self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0)
    }

    /// Begins the encoding of something secret, with room for `octets`, so that no partial copy is left behind when
    /// the buffer grows.
    pub fn secret(name: &str, octets: usize) -> Self {
        Self(Vec::with_capacity(octets)).part(name.as_bytes())
    }
}

/// The octets are not the canonical encoding of what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not the canonical encoding of what was expected")
    }
}

impl std::error::Error for Malformed {}

/// Reads an encoding, strictly: whatever it accepts, [`Encoder`] would write the same. Anything else is [`Malformed`].
pub struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    /// Begins to read what is called `name`.
    pub fn new(name: &str, octets: &'a [u8]) -> Result<Self, Malformed> {
        let mut decoder = Self(octets);
        if decoder.part()? == name.as_bytes() { Ok(decoder) } else { Err(Malformed) }
    }

    /// A part.
    pub fn part(&mut self) -> Result<&'a [u8], Malformed> {
        let (length, rest) = self.0.split_first_chunk::<4>().ok_or(Malformed)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Malformed)?;
        let (part, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(part)
    }

    /// A part of exactly `N` octets.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.part()?.try_into().map_err(|_| Malformed)
    }

    /// A number of two octets.
    pub fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    /// A number of four octets.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// An identifier.
    pub fn uuid(&mut self) -> Result<uuid::Uuid, Malformed> {
        self.array().map(uuid::Uuid::from_bytes)
    }

    /// Text that parses.
    pub fn parse<T: std::str::FromStr>(&mut self) -> Result<T, Malformed> {
        std::str::from_utf8(self.part()?).ok().and_then(|text| text.parse().ok()).ok_or(Malformed)
    }

    /// Nothing follows.
    pub fn end(self) -> Result<(), Malformed> {
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

        #[test]
        fn what_is_read_is_written_the_same(octets in proptest::collection::vec(0_u8..10, 0..64)) {
            let octets = [&Encoder::new("test/v1").finish()[..], &octets].concat();
            if let Ok((part, small, large)) = decode(&octets) {
                prop_assert_eq!(Encoder::new("test/v1").part(&part).u16(small).u32(large).finish(), octets);
            }
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
