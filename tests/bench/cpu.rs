//! CPU time, by set of threads.

use std::{fs, future::pending, thread, time::Duration};

use tokio::runtime::{Builder, Handle, Runtime};

/// The thread name of each set. Linux keeps 15 bytes of it.
pub(crate) const BOARD: &str = "switchboard";
pub(crate) const STANDIN: &str = "standin";
pub(crate) const CLIENT: &str = "client";

/// CPU time used by all threads of this name since they began, to the nanosecond (`/proc/…/schedstat`).
pub(crate) fn used_by(name: &str) -> Duration {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux shows a process its threads");
    let nanos = tasks.flatten().filter_map(|task| {
        let path = task.path();
        let comm = fs::read_to_string(path.join("comm")).ok()?;
        if comm.trim_end() != name {
            return None;
        }
        fs::read_to_string(path.join("schedstat")).ok()?.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

/// Resident memory of this process, in bytes.
pub(crate) fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux shows a process its memory");
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

/// A single-threaded runtime, as the binary's, which runs for as long as the process and carries a set's name.
pub(crate) fn lasting(name: &'static str) -> Handle {
    let runtime = Builder::new_current_thread().thread_name(name).enable_all().build().expect("a runtime starts");
    let handle = runtime.handle().clone();
    let driven = move || runtime.block_on(pending::<()>());
    thread::Builder::new().name(name.into()).spawn(driven).expect("a thread starts");
    handle
}

/// A runtime whose threads carry a set's name.
pub(crate) fn runtime(name: &str, threads: usize) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(threads).thread_name(name).enable_all().build().expect("a runtime starts")
}
