//! Mixing numbers, and a fast hash for keys that are numbers of our own: nobody chooses them to collide.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasherDefault, Hasher},
};

#[derive(Default)]
pub(crate) struct FastHasher(u64);

impl Hasher for FastHasher {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte as u64);
        }
    }

    fn write_u64(&mut self, word: u64) {
        // A multiplication by an odd number with well-mixed bits: 2^64 over the golden ratio.
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
}

pub(crate) type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<FastHasher>>;
pub(crate) type FastSet<K> = HashSet<K, BuildHasherDefault<FastHasher>>;

/// The last step of SplitMix64 (Steele, Lea and Flood: Fast splittable pseudorandom number generators): neighbouring
/// numbers become unrelated ones.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// The hash of a row of words. Four hashers take turns, so that no multiplication waits for the one before.
pub(crate) fn hash_words(words: &[u64]) -> u64 {
    let mut lanes: [FastHasher; 4] = Default::default();
    let (chunks, rest) = words.as_chunks::<4>();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, &word)| lane.write_u64(word));
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, &word)| lane.write_u64(word));
    let mut hasher = FastHasher::default();
    lanes.iter().for_each(|lane| hasher.write_u64(lane.0));
    hasher.finish()
}
