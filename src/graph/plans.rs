//! The plans that a device remembers.

use std::sync::Arc;

use super::plan::Plan;
use crate::hash::{FastMap, hash_words};

/// Plans by the whole keys that they were made for. Those that were used least recently are dropped first.
#[derive(Default)]
pub(super) struct Plans {
    by_hash: FastMap<u64, Vec<Known>>,
    /// Of all plans together.
    kernels: usize,
    clock: u64,
}

struct Known {
    key: Box<[u64]>,
    plan: Arc<Plan>,
    last_use: u64,
}

/// What a plan counts for: its kernels, and one for the rest.
fn weight(plan: &Plan) -> usize {
    plan.steps.len() + 1
}

impl Plans {
    pub fn get(&mut self, key: &[u64]) -> Option<Arc<Plan>> {
        self.clock += 1;
        let known = self.by_hash.get_mut(&hash_words(key))?.iter_mut().find(|known| *known.key == *key)?;
        known.last_use = self.clock;
        Some(known.plan.clone())
    }

    /// Keeps a plan; more kernels than `limit` are kept only of this one.
    pub fn insert(&mut self, key: Box<[u64]>, plan: Arc<Plan>, limit: usize) {
        let hash = hash_words(&key);
        // Another thread may have planned the same meanwhile.
        self.remove(hash, |known| known.key == key);
        self.kernels += weight(&plan);
        while self.kernels > limit && !self.by_hash.is_empty() {
            self.remove_oldest();
        }
        self.by_hash.entry(hash).or_default().push(Known { key, plan, last_use: self.clock });
    }

    fn remove_oldest(&mut self) {
        let all = self.by_hash.iter().flat_map(|(&hash, known)| known.iter().map(move |known| (known.last_use, hash)));
        if let Some((last_use, hash)) = all.min() {
            self.remove(hash, |known| known.last_use == last_use);
        }
    }

    fn remove(&mut self, hash: u64, which: impl Fn(&Known) -> bool) {
        let Some(same_hash) = self.by_hash.get_mut(&hash) else { return };
        if let Some(i) = same_hash.iter().position(which) {
            self.kernels -= weight(&same_hash.swap_remove(i).plan);
        }
        if same_hash.is_empty() {
            self.by_hash.remove(&hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Arc<Plan> {
        Arc::new(Plan { steps: Vec::new(), scalars: Vec::new(), slots: 0, empty: Vec::new() })
    }

    #[test]
    fn the_least_recently_used_plan_goes_first() {
        let mut plans = Plans::default();
        for key in 0..3 {
            plans.insert([key].into(), plan(), 3);
        }
        assert!(plans.get(&[0]).is_some());
        plans.insert([3].into(), plan(), 3);
        let kept: Vec<u64> = (0..4).filter(|&key| plans.get(&[key]).is_some()).collect();
        assert_eq!(kept, [0, 2, 3]);
        assert_eq!(plans.kernels, 3);
        plans.insert([3].into(), plan(), 3);
        assert_eq!(plans.kernels, 3);
        plans.insert([4].into(), plan(), 0);
        assert!(plans.get(&[4]).is_some() && plans.kernels == 1);
    }
}
