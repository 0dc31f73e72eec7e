//! Random numbers for orders and augmentation, on the host.

use crate::hash::mix;

/// Random numbers that follow from a seed and the number of a stream alone, on every machine (Steele, Lea and Flood:
/// Fast splittable pseudorandom number generators).
///
/// ```
/// # use kiln::data::Random;
/// let mut random = Random::new(42, 0);
/// let (a, b) = (random.below(6), random.unit());
/// assert!(a < 6 && (0.0..1.0).contains(&b));
/// assert_eq!(Random::new(42, 0).below(6), a);
/// ```
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of one of a seed's streams.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(mix(seed).wrapping_add(mix(!stream)))
    }

    /// Sixty-four random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `n`, each equally likely, by Lemire's method; 0 if `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        loop {
            let product = self.bits() as u128 * n as u128;
            if product as u64 >= n.wrapping_neg().checked_rem(n).unwrap_or(0) {
                return (product >> 64) as u64;
            }
        }
    }

    /// A number from 0 up to, but not including, 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }
}
