//! Values made by a thread of its own for what is on screen: thumbnails, structures.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::cache::Bounded;

struct Queue<K> {
    /// Most wanted last.
    wanted: Vec<K>,
    in_flight: HashSet<K>,
    closing: bool,
}

struct Shared<K, V> {
    queue: Mutex<Queue<K>>,
    made: Mutex<Bounded<K, V>>,
    work: Condvar,
}

/// Nothing spans an unlock, so a lock that a panic poisoned is used on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Values by key, the least recently used dropped first. Dropping the cache ends its thread.
pub struct BackgroundCache<K, V>(Arc<Shared<K, V>>);

impl<K, V> BackgroundCache<K, V>
where
    K: Hash + Eq + Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    /// A cache of at most `kept` values. `make` runs on the cache's thread and turns its own panics into values;
    /// `wake` is called after each value.
    pub fn new(
        name: &str,
        kept: usize,
        make: impl Fn(&K) -> V + Send + 'static,
        wake: impl Fn() + Send + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue { wanted: Vec::new(), in_flight: HashSet::new(), closing: false }),
            made: Mutex::new(Bounded::new(kept)),
            work: Condvar::new(),
        });
        let worker = Arc::clone(&shared);
        let run = move || {
            while let Some(key) = worker.next() {
                let value = make(&key);
                lock(&worker.made).insert(key.clone(), value, 1);
                lock(&worker.queue).in_flight.remove(&key);
                wake();
            }
        };
        if let Err(e) = std::thread::Builder::new().name(name.to_owned()).spawn(run) {
            log::error!("{name} cannot be made: {e}. Close other programs.");
        }
        Self(shared)
    }

    /// The value of a key, if it is made.
    pub fn get(&self, key: &K) -> Option<V> {
        lock(&self.0.made).get(key).cloned()
    }

    /// Says what is on screen, most wanted first; older wishes that are not among it are dropped.
    pub fn want(&self, keys: impl IntoIterator<Item = K>) {
        let made = lock(&self.0.made);
        let mut wanted: Vec<K> = keys.into_iter().filter(|k| !made.contains(k)).collect();
        drop(made);
        wanted.reverse();
        let mut queue = lock(&self.0.queue);
        wanted.retain(|k| !queue.in_flight.contains(k));
        queue.wanted = wanted;
        self.0.work.notify_all();
    }
}

impl<K, V> Drop for BackgroundCache<K, V> {
    fn drop(&mut self) {
        lock(&self.0.queue).closing = true;
        self.0.work.notify_all();
    }
}

impl<K: Hash + Eq + Clone, V> Shared<K, V> {
    /// Waits for a wish; `None` when the cache is gone.
    fn next(&self) -> Option<K> {
        let mut queue = lock(&self.queue);
        loop {
            if queue.closing {
                return None;
            }
            if let Some(key) = queue.wanted.pop() {
                queue.in_flight.insert(key.clone());
                return Some(key);
            }
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_latest_wish_is_made_first_and_old_ones_are_dropped() {
        let (go, gate) = channel::<()>();
        let (done, made) = channel::<u32>();
        let cache = BackgroundCache::new(
            "test",
            2,
            move |key: &u32| {
                let _ = gate.recv();
                let _ = done.send(*key);
                *key * 10
            },
            || {},
        );
        cache.want([1]);
        while !lock(&cache.0.queue).in_flight.contains(&1) {
            std::thread::yield_now();
        }
        cache.want([2, 3]);
        cache.want([4, 1, 5]);
        for _ in 0..3 {
            go.send(()).unwrap();
        }
        let order: Vec<u32> = (0..3).map(|_| made.recv_timeout(Duration::from_secs(10)).unwrap()).collect();
        assert_eq!(
            order,
            [1, 4, 5],
            "what is being made is not made twice, what is no longer wanted not at all"
        );
        while !lock(&cache.0.queue).in_flight.is_empty() {
            std::thread::yield_now();
        }
        assert_eq!((cache.get(&1), cache.get(&4), cache.get(&5)), (None, Some(40), Some(50)), "two are kept");
    }
}
