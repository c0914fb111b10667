//! Builds and checks Bowline.
#![forbid(unsafe_code)]

mod args;
mod bench;
mod build;
mod carrier;
mod ci;
mod conformance;
mod deny;
mod differential;
mod docs;
mod fuzz;
mod install;
mod interop;
mod loom;
mod mutants;
mod peers;
mod simulate;
mod soak;
mod steps;
mod tidy;
mod weight;
mod workspace;

use std::error::Error;
use std::process::ExitCode;

use args::Args;

/// A task fails with a sentence for a person; nothing in here recovers from an error by its kind.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

struct Task {
    name: &'static str,
    summary: &'static str,
    help: &'static str,
    run: fn(Args) -> Result<()>,
}

const TASKS: &[Task] = &[
    Task {
        name: "build",
        summary: "build all crates, or one with what stands on it",
        help: build::HELP,
        run: build::run,
    },
    Task {
        name: "ci",
        summary: "every check that a change must pass",
        help: ci::HELP,
        run: ci::run,
    },
    Task {
        name: "tidy",
        summary: "layer edges, invariants and the shape of the tree",
        help: tidy::HELP,
        run: tidy::run,
    },
    Task {
        name: "deny",
        summary: "licences and sources of what others wrote",
        help: deny::HELP,
        run: deny::run,
    },
    Task {
        name: "conformance",
        summary: "the Autobahn test suite against our server and client",
        help: conformance::HELP,
        run: conformance::run,
    },
    Task {
        name: "interop",
        summary: "peers that others wrote against the bowline program",
        help: interop::HELP,
        run: interop::run,
    },
    Task {
        name: "differential",
        summary: "the same frames for Bowline and for other parsers",
        help: differential::HELP,
        run: differential::run,
    },
    Task {
        name: "simulate",
        summary: "seeded runs of two connections over a hostile transport",
        help: simulate::HELP,
        run: simulate::run,
    },
    Task {
        name: "soak",
        summary: "many connections under load, some killed every second",
        help: soak::HELP,
        run: soak::run,
    },
    Task {
        name: "bench",
        summary: "how fast Bowline is beside other libraries",
        help: bench::HELP,
        run: bench::run,
    },
    Task {
        name: "mutants",
        summary: "whether tests notice when frame to proto are wrong",
        help: mutants::HELP,
        run: mutants::run,
    },
    Task {
        name: "loom",
        summary: "threads that share a connection, in every order",
        help: loom::HELP,
        run: loom::run,
    },
    Task {
        name: "fuzz",
        summary: "the fuzz targets, for a minute each",
        help: fuzz::HELP,
        run: fuzz::run,
    },
    Task {
        name: "docs",
        summary: "the documentation of all crates, warnings denied",
        help: docs::HELP,
        run: docs::run,
    },
];

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_default();
    if matches!(name.as_str(), "" | "help" | "-h" | "--help") {
        print_tasks();
        return ExitCode::SUCCESS;
    }
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        eprintln!("xtask: there is no task `{name}`; `cargo xtask --help` lists them");
        return ExitCode::from(2);
    };
    let args = Args::new(args);
    if args.asks_for_help() {
        println!("{}: {}\n\n{}", task.name, task.summary, task.help.trim());
        return ExitCode::SUCCESS;
    }
    match (task.run)(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {name}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print_tasks() {
    println!("cargo xtask TASK [OPTION]…\n");
    for task in TASKS {
        println!("  {:<12} {}", task.name, task.summary);
    }
    println!("\n`cargo xtask TASK --help` tells more about one.");
}
