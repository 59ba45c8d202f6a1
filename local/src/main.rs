use std::{io::stderr, process::ExitCode, time::Duration};

use clap::Parser;
use local::cli::Cli;
use mimalloc::MiMalloc;
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,dynoxide=error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).init();
    // A socket is an open file, and shells allow about a thousand of them. If the limit cannot be raised, fewer sockets
    // can be open.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let cli = Cli::parse();
    // One thread: the embedded database serves one caller at a time, and a hop between threads costs more than it
    // saves.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let done = runtime.block_on(cli.run());
    // A handler that is still running ends with the process, as it would with its Lambda.
    runtime.shutdown_timeout(Duration::from_millis(100));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("switchboard: {error}");
    ExitCode::FAILURE
}
