//! [`Entropy`] in the two shapes that the cryptographic crates ask for.

use std::convert::Infallible;

use kernel::Entropy;

/// A generator that takes every octet from the injected source and keeps no state of its own.
pub(crate) struct EntropyRng<'a>(pub(crate) &'a dyn Entropy);

impl EntropyRng<'_> {
    fn array<const N: usize>(&self) -> [u8; N] {
        kernel::entropy::bytes(self.0)
    }
}

/// For `frost-core` 3, which is on `rand_core` 0.6.
impl rand_core_06::RngCore for EntropyRng<'_> {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        self.0.fill(dest);
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand_core_06::Error> {
        self.0.fill(dest);
        Ok(())
    }
}

impl rand_core_06::CryptoRng for EntropyRng<'_> {}

/// For `hpke` 0.15, which is on `rand_core` 0.10.
impl rand_core::TryRng for EntropyRng<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.array()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.array()))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(dst);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for EntropyRng<'_> {}
