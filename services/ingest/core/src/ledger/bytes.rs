//! Little-endian numbers in a byte slice, read without a panic. It does not know what they mean.

/// What is left of a byte slice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next `count` bytes.
    #[inline]
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.0.split_at_checked(count)?;
        self.0 = left;
        Some(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, left) = self.0.split_first_chunk::<N>()?;
        self.0 = left;
        Some(*taken)
    }

    #[inline]
    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    #[inline]
    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    #[inline]
    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    #[inline]
    pub(super) fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_le_bytes)
    }

    #[inline]
    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// A number of `N` bytes, at most 8, without a sign.
    #[inline]
    pub(super) fn narrow<const N: usize>(&mut self) -> Option<i64> {
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(&self.array::<N>()?);
        Some(i64::from_le_bytes(wide))
    }

    /// A text of `count` bytes.
    #[inline]
    pub(super) fn text(&mut self, count: u8) -> Option<&'a str> {
        std::str::from_utf8(self.take(usize::from(count))?).ok()
    }
}

/// Appends the lowest `N` bytes of a number; `None`, and nothing appended, where they do not hold it.
pub(super) fn put_narrow<const N: usize>(number: i64, out: &mut Vec<u8>) -> Option<()> {
    if number < 0 || number >> (8 * N) != 0 {
        return None;
    }
    out.extend_from_slice(&number.to_le_bytes()[..N]);
    Some(())
}
