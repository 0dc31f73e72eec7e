//! Orders of samples.

use crate::random::Random;

/// The numbers `0..len` in an order that follows from seed and epoch alone, every order equally likely.
pub(super) fn shuffled(len: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    let mut random = Random::new(seed, epoch);
    // Fisher and Yates.
    for i in (1..len).rev() {
        order.swap(i, random.below(i as u64 + 1) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_equally_likely() {
        let mut counts = std::collections::HashMap::new();
        for epoch in 0..6000 {
            *counts.entry(shuffled(3, 7, epoch)).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        assert!(counts.values().all(|n| (880..1120).contains(n)), "{counts:?}");
    }

    #[test]
    fn seed_and_epoch_fix_the_order() {
        assert_eq!(shuffled(100, 1, 2), shuffled(100, 1, 2));
        assert_ne!(shuffled(100, 1, 2), shuffled(100, 1, 3));
        assert_ne!(shuffled(100, 1, 2), shuffled(100, 2, 2));
        assert!(shuffled(0, 1, 2).is_empty());
    }
}
