//! Values that are kept within a bound.

use std::cmp::Reverse;
use std::hash::Hash;

use lru::LruCache;

/// Values by key, each with a weight (bytes, or 1 where they are counted), of which those used longest ago go first. What
/// was put in last stays, whatever it weighs.
///
/// For what is used again soon after it was used. Work that goes through everything in turn wants another policy: this
/// one would drop each value just before its next use.
pub struct Bounded<K, V> {
    entries: LruCache<K, Weighed<V>>,
    weight: usize,
    capacity: usize,
}

struct Weighed<V> {
    value: V,
    weight: usize,
}

impl<K: Hash + Eq, V> Bounded<K, V> {
    /// Keeps values that weigh `capacity` together.
    pub fn new(capacity: usize) -> Self {
        Self { entries: LruCache::unbounded(), weight: 0, capacity }
    }

    /// The value of a key, if it is there; it counts as used now.
    pub fn get(&mut self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// Whether a value is there; it does not count as used.
    pub fn contains(&self, key: &K) -> bool {
        self.entries.contains(key)
    }

    /// Puts a value in, in the place of the one of its key.
    pub fn insert(&mut self, key: K, value: V, weight: usize) {
        self.insert_sparing(key, value, weight, |_| None);
    }

    /// Like [`Self::insert`]; keys that have a rank are spared while others are left, and of them the largest rank goes
    /// first.
    pub fn insert_sparing(&mut self, key: K, value: V, weight: usize, rank: impl Fn(&K) -> Option<usize>) {
        self.weight += weight;
        if let Some(old) = self.entries.put(key, Weighed { value, weight }) {
            self.weight -= old.weight;
        }
        self.shrink(rank);
    }

    /// Forgets the value of a key.
    pub fn remove(&mut self, key: &K) {
        if let Some(entry) = self.entries.pop(key) {
            self.weight -= entry.weight;
        }
    }

    /// Forgets the values whose keys are not wanted.
    pub fn retain(&mut self, wanted: impl Fn(&K) -> bool) {
        let weight = &mut self.weight;
        self.entries.retain(|key, entry| {
            let stays = wanted(key);
            if !stays {
                *weight -= entry.weight;
            }
            stays
        });
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// What the values weigh together; above the capacity where a single one is.
    pub const fn weight(&self) -> usize {
        self.weight
    }

    /// The bound.
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Changes the bound; ranks as in [`Self::insert_sparing`].
    pub fn set_capacity(&mut self, capacity: usize, rank: impl Fn(&K) -> Option<usize>) {
        self.capacity = capacity;
        self.shrink(rank);
    }

    fn shrink(&mut self, rank: impl Fn(&K) -> Option<usize>) {
        let mut spared = Vec::new();
        while self.weight > self.capacity && self.entries.len() > 1 {
            let Some((key, entry)) = self.entries.pop_lru() else { break };
            match rank(&key) {
                Some(rank) => spared.push((rank, key, entry)),
                None => self.weight -= entry.weight,
            }
        }
        // Back in again, the smallest rank last: as if it were used now. It stays in any case.
        spared.sort_by_key(|(rank, ..)| Reverse(*rank));
        let mut left = spared.len();
        for (_, key, entry) in spared {
            left -= 1;
            if self.weight > self.capacity && left > 0 {
                self.weight -= entry.weight;
            } else {
                self.entries.put(key, entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(capacity: usize, keys: &[u8]) -> Bounded<u8, u8> {
        let mut cache = Bounded::new(capacity);
        for &key in keys {
            cache.insert(key, key, 10);
        }
        cache
    }

    fn keys(cache: &Bounded<u8, u8>) -> Vec<u8> {
        (0..=u8::MAX).filter(|key| cache.contains(key)).collect()
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let mut cache = of(30, &[1, 2, 3]);
        assert_eq!(cache.get(&1), Some(&1));
        assert!(cache.contains(&2), "a look is no use");
        cache.insert(4, 4, 10);
        assert_eq!((keys(&cache), cache.weight(), cache.len()), (vec![1, 3, 4], 30, 3));
        // A heavy one pushes several out.
        cache.insert(5, 5, 25);
        assert_eq!((keys(&cache), cache.weight()), (vec![5], 25));
        assert_eq!(cache.get(&4), None);
    }

    #[test]
    fn weights_follow_what_is_there() {
        let mut cache = of(100, &[1, 2, 3]);
        cache.insert(2, 20, 50);
        assert_eq!(cache.get(&2), Some(&20));
        assert_eq!((cache.weight(), cache.len()), (70, 3));
        cache.remove(&1);
        cache.remove(&9);
        assert_eq!((cache.weight(), cache.len()), (60, 2));
        cache.retain(|key| *key == 3);
        assert_eq!((keys(&cache), cache.weight()), (vec![3], 10));
    }

    #[test]
    fn what_alone_is_too_heavy_stays_until_the_next() {
        let mut cache = of(5, &[1]);
        assert_eq!((keys(&cache), cache.weight(), cache.capacity()), (vec![1], 10, 5));
        cache.insert(2, 2, 10);
        assert_eq!(keys(&cache), [2]);
        cache.insert(3, 3, 0);
        assert_eq!((keys(&cache), cache.weight()), (vec![3], 0));
    }

    #[test]
    fn what_has_a_rank_is_spared_while_others_are_left() {
        let wanted = |key: &u8| (*key < 10).then_some(usize::from(*key));
        let mut cache = of(40, &[3, 1, 20, 2]);
        cache.insert_sparing(21, 21, 10, wanted);
        assert_eq!(keys(&cache), [1, 2, 3, 21]);
        cache.set_capacity(30, wanted);
        assert_eq!((keys(&cache), cache.weight()), (vec![1, 2, 3], 30));
        // Nothing else is left: of those that are popped, the one that is wanted last.
        cache.set_capacity(20, wanted);
        assert_eq!((keys(&cache), cache.weight()), (vec![1, 2], 20));
    }
}
