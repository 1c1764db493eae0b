//! Bytes as reads bring them.

/// Cuts bytes into pieces whose sizes a seed decides: mostly a few bytes, at times many. Seed 0 doesn't cut.
pub struct Pieces<'a> {
    rest: &'a [u8],
    seed: u8,
    state: u64,
}

impl<'a> Pieces<'a> {
    pub fn new(bytes: &'a [u8], seed: u8) -> Self {
        Pieces { rest: bytes, seed, state: u64::from(seed) }
    }

    /// A linear congruential step (Knuth's MMIX constants); its high bits are good enough here.
    fn random(&mut self) -> usize {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 40) as usize
    }

    fn size(&mut self) -> usize {
        match self.seed {
            0 => self.rest.len(),
            1 => 1,
            _ => 1 + self.random() % (1 << (self.random() % 8)),
        }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let (piece, rest) = self.rest.split_at(self.size().min(self.rest.len()));
        self.rest = rest;
        Some(piece)
    }
}
