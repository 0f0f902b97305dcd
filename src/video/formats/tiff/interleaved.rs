//! Decoded pages whose channels are interleaved: each channel is a plane of its own, and needs the whole page.

use std::sync::{Arc, Mutex, PoisonError};

use crate::cache::Bounded;
use crate::video::VideoError;

/// Bytes that pages may take.
const BYTES: usize = 128 << 20;

/// Pages that are kept, however small: a page is needed again for its other channels alone, and many files are open at
/// once.
const PAGES: usize = 8;

/// Which page: the file of the set, the directory, and the frame behind it.
pub type Key = (u32, u32, u64);

/// Samples of all channels; `None` until they are decoded.
type Slot = Arc<Mutex<Option<Arc<Vec<u8>>>>>;

/// The pages that were used last.
pub struct Pages(Mutex<Bounded<Key, Slot>>);

impl Default for Pages {
    fn default() -> Self {
        Self::of(BYTES)
    }
}

impl Pages {
    fn of(bytes: usize) -> Self {
        Self(Mutex::new(Bounded::new(bytes)))
    }

    /// A page's samples. Who asks for a page that another thread decodes waits for it; `decode` must not ask for one.
    ///
    /// # Errors
    /// Those of `decode`. They are not kept: who asks next tries again.
    pub fn get(
        &self,
        key: Key,
        decode: impl FnOnce() -> Result<Vec<u8>, VideoError>,
    ) -> Result<Arc<Vec<u8>>, VideoError> {
        let locked = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = {
            let mut pages = locked();
            let found = pages.get(&key).cloned();
            found.unwrap_or_else(|| {
                let slot = Slot::default();
                // What it weighs is known once it is decoded.
                pages.insert(key, Arc::clone(&slot), 0);
                slot
            })
        };
        let mut page = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = &*page {
            return Ok(Arc::clone(bytes));
        }
        match decode() {
            Ok(bytes) => {
                let bytes = Arc::new(bytes);
                *page = Some(Arc::clone(&bytes));
                let mut pages = locked();
                let weight = bytes.len().max(pages.capacity() / PAGES);
                pages.insert(key, Arc::clone(&slot), weight);
                Ok(bytes)
            }
            Err(error) => {
                locked().remove(&key);
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    const THREADS: u32 = 8;

    /// How often pages are decoded when every thread asks for three channels of the page that it is given.
    fn decoded(page_of: impl Fn(u32) -> u32 + Sync) -> usize {
        let (pages, count) = (Pages::default(), AtomicUsize::new(0));
        let together = Barrier::new(THREADS as usize);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (pages, count, together, page_of) = (&pages, &count, &together, &page_of);
                scope.spawn(move || {
                    for _channel in 0..3 {
                        together.wait();
                        let page = page_of(thread);
                        let bytes = pages.get((0, page, 0), || {
                            count.fetch_add(1, Ordering::Relaxed);
                            std::thread::sleep(Duration::from_millis(20));
                            Ok(vec![page as u8; 100])
                        });
                        assert_eq!(bytes.unwrap().as_slice(), [page as u8; 100]);
                    }
                });
            }
        });
        count.into_inner()
    }

    #[test]
    fn threads_on_different_pages_do_not_push_one_another_out() {
        assert_eq!(decoded(|thread| thread), THREADS as usize);
    }

    #[test]
    fn threads_on_one_page_decode_it_once() {
        assert_eq!(decoded(|_| 7), 1);
        assert_eq!(decoded(|thread| thread / 2), THREADS as usize / 2);
    }

    #[test]
    fn pages_stay_within_the_bound_and_faults_are_not_kept() {
        let pages = Pages::of(250);
        let count = AtomicUsize::new(0);
        let get = |page: u32| {
            let decode = || {
                count.fetch_add(1, Ordering::Relaxed);
                Ok(vec![0; 100])
            };
            pages.get((0, page, 0), decode).unwrap();
            count.load(Ordering::Relaxed)
        };
        assert_eq!([1, 2, 1, 2].map(get), [1, 2, 2, 2]);
        assert_eq!([3, 2, 1].map(get), [3, 3, 4], "the first was used longest ago");
        let fault = || Err(VideoError::new(Path::new("a.tif"), "strip 1", "it is damaged", "Copy it again."));
        assert!(pages.get((0, 9, 0), fault).is_err());
        assert!(pages.get((0, 9, 0), fault).is_err());
        assert_eq!(get(9), 5);
        let locked = pages.0.lock().unwrap();
        assert_eq!((locked.len(), locked.weight()), (2, 200));
    }

    #[test]
    fn small_pages_are_bounded_by_their_number() {
        let pages = Pages::default();
        for page in 0..100 {
            pages.get((0, page, 0), || Ok(vec![0; 10])).unwrap();
        }
        assert_eq!(pages.0.lock().unwrap().len(), PAGES);
        let again = pages.get((0, 99, 0), || panic!("it is there"));
        assert_eq!(again.unwrap().len(), 10);
    }
}
