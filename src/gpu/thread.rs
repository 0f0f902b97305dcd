//! The one thread that all tensor work runs on.
//!
//! cubecl orders work per operating-system thread, so two threads on one device would see each other's
//! tensors half done. Jobs queue here and run one after the other.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use super::burn_errors::told;
use super::device::GpuDevice;
use super::error::GpuError;

/// How long a job may still answer after its device was lost.
const GRACE: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce() + Send>;

/// The queue of the compute thread. Cloning is cheap; the thread ends when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct ComputeThread {
    jobs: mpsc::Sender<Job>,
}

/// The process's compute thread and how many threads its CPU pool has.
static SHARED: Mutex<Option<(ComputeThread, usize)>> = Mutex::new(None);

impl ComputeThread {
    /// The process's compute thread, started on first use with all cores but one, so that a window stays
    /// smooth while it works.
    pub fn shared() -> Self {
        Self::shared_with(Self::spare_one())
    }

    /// As [`ComputeThread::shared`], for runs without a window, which may use every core.
    pub fn shared_headless() -> Self {
        Self::shared_with(Self::cores())
    }

    fn shared_with(threads: usize) -> Self {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.get_or_insert_with(|| (Self::spawn(threads), threads)).0.clone()
    }

    /// Forgets a thread that hangs on a lost device; the next job gets a new one.
    pub fn abandon() {
        *SHARED.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// CPU cores of this machine.
    pub fn cores() -> usize {
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    }

    /// Threads that the CPU computes with: those of the running compute thread, or what it would get.
    pub fn threads() -> usize {
        let shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.as_ref().map_or_else(Self::spare_one, |(_, threads)| *threads)
    }

    fn spare_one() -> usize {
        Self::cores().saturating_sub(1).max(1)
    }

    /// Starts a thread of its own, with a rayon pool of `threads` threads in which it is the first.
    fn spawn(threads: usize) -> Self {
        let (jobs, queue) = mpsc::channel::<Job>();
        let body = move || {
            // Flex and gemm use the current thread's pool. Being a member of it, rather than handing jobs to
            // it, keeps every job on this one thread.
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .thread_name(|index| format!("molclip-flex-{index}"))
                .use_current_thread()
                .build();
            if let Err(error) = &pool {
                log::warn!("computing on rayon's common pool: {error}");
            }
            for job in queue {
                job();
            }
        };
        if let Err(error) = std::thread::Builder::new().name("molclip-compute".to_owned()).spawn(body) {
            // The queue's end went with the closure, so every job reports that the thread is gone.
            log::error!("the compute thread could not be started: {error}");
        }
        Self { jobs }
    }

    /// Queues work and returns at once. A panic in it becomes an error of its job and nothing else.
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> ComputeJob<T> {
        let (answer, result) = mpsc::channel();
        let job = move || {
            // Burn panics where a tensor that is read could not be computed.
            let outcome = catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
                told(panic_message(payload.as_ref()), |message| GpuError::Job { message })
            });
            // Nobody may be waiting any more.
            drop(answer.send(outcome));
        };
        // If the thread is gone, the answer's end is dropped with the job and the waiting side sees that.
        drop(self.jobs.send(Box::new(job)));
        ComputeJob { result }
    }
}

/// Work that was queued, and its result to come. Dropping it does not stop the work.
#[derive(Debug)]
pub struct ComputeJob<T> {
    result: mpsc::Receiver<Result<T, GpuError>>,
}

impl<T> ComputeJob<T> {
    /// The result if it is there; `None` while the work goes on. Gives the result once.
    pub fn try_take(&self) -> Option<Result<T, GpuError>> {
        match self.result.try_recv() {
            Ok(result) => Some(result),
            Err(mpsc::TryRecvError::Empty) => None,
            Err(mpsc::TryRecvError::Disconnected) => Some(Err(GpuError::ThreadGone)),
        }
    }

    /// Waits for the result. Not for the window's thread.
    pub fn wait(self) -> Result<T, GpuError> {
        self.result.recv().unwrap_or(Err(GpuError::ThreadGone))
    }

    /// Waits for the result, but not for ever on a device that was lost: a read from one may never return.
    pub fn wait_on(self, gpu: &GpuDevice) -> Result<T, GpuError> {
        let mut lost_at: Option<Instant> = None;
        loop {
            match self.result.recv_timeout(Duration::from_millis(100)) {
                Ok(result) => return result,
                Err(mpsc::RecvTimeoutError::Disconnected) => return Err(GpuError::ThreadGone),
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    let Some(reason) = gpu.lost() else { continue };
                    if lost_at.get_or_insert_with(Instant::now).elapsed() > GRACE {
                        ComputeThread::abandon();
                        return Err(GpuError::Lost { reason });
                    }
                }
            }
        }
    }
}

/// The text of a caught panic.
pub(super) fn panic_message(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use cubecl_runtime::server::IoError;

    use super::*;

    #[test]
    fn jobs_run_in_order_on_one_named_thread() {
        let thread = ComputeThread::spawn(2);
        let jobs: Vec<_> = (0..4)
            .map(|index| {
                thread.run(move || (index, std::thread::current().id(), rayon::current_num_threads()))
            })
            .collect();
        let results: Vec<_> = jobs.into_iter().map(|job| job.wait().unwrap()).collect();
        assert!(results.iter().all(|result| result.1 == results[0].1 && result.2 == 2));
        assert_eq!(results.iter().map(|result| result.0).collect::<Vec<_>>(), [0, 1, 2, 3]);
        let name = thread.run(|| std::thread::current().name().map(str::to_owned)).wait().unwrap();
        assert_eq!(name.as_deref(), Some("molclip-compute"));
    }

    #[test]
    fn a_panic_is_an_error_of_its_job_and_the_next_job_runs() {
        let thread = ComputeThread::spawn(1);
        let failed = thread.run(|| -> u32 { panic!("shape {}", 3) }).wait();
        assert_eq!(failed, Err(GpuError::Job { message: "shape 3".into() }));
        assert_eq!(thread.run(|| 7).wait(), Ok(7));
    }

    #[test]
    fn a_panic_over_memory_is_told_by_type() {
        let thread = ComputeThread::spawn(1);
        let full = || {
            let backtrace = cubecl_environment::backtrace::BackTrace::capture();
            IoError::OutOfMemory { size: 4096, backtrace }
        };
        let failed = thread.run(move || -> u32 { panic!("Error while reading data: {}", full()) }).wait();
        let detail = "Error while reading data: out of device memory allocating 4096 bytes".into();
        assert_eq!(failed, Err(GpuError::OutOfMemory { detail }));
    }

    #[test]
    fn a_result_is_polled_for_without_waiting() {
        let thread = ComputeThread::spawn(1);
        let (go, gate) = mpsc::channel::<()>();
        let job = thread.run(move || gate.recv().is_ok());
        assert_eq!(job.try_take(), None);
        go.send(()).unwrap();
        assert_eq!(job.wait(), Ok(true));
    }

    #[test]
    fn parallel_work_inside_a_job_uses_the_pool() {
        use rayon::prelude::*;
        let thread = ComputeThread::spawn(2);
        let sum = thread.run(|| (0..1000_u64).into_par_iter().sum::<u64>()).wait();
        assert_eq!(sum, Ok(499_500));
    }
}
