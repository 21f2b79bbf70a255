//! Chance that comes out the same for the same seed, on every machine and with every version of every crate.

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// From `low` to `high`, both of them too.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.bits() % (high - low + 1)
    }

    pub fn one_of<'a, T>(&mut self, these: &'a [T]) -> &'a T {
        &these[self.bits() as usize % these.len()]
    }

    /// True so many times of a hundred.
    pub fn percent(&mut self, times: u64) -> bool {
        self.bits() % 100 < times
    }

    /// That many digits of a hexadecimal number.
    pub fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from(*self.one_of(b"0123456789abcdef"))).collect()
    }

    pub fn ip(&mut self) -> String {
        let [a, b, c, d] = self.bits().to_le_bytes()[..4] else { unreachable!() };
        format!("{}.{b}.{c}.{d}", a.clamp(1, 223))
    }
}
