//! Tidegate: one binary for everything.
//!
//! `tidegate run` is a node of the gateway; `tidegate up` is three regions on a laptop. Each
//! subcommand is a file under `cli/`; what a node is made of is listed in `boot`.

mod admin;
mod announce;
mod audit;
mod background;
mod boot;
mod check;
mod cli;
mod data;
mod drain;
mod effects;
mod files;
mod key_lines;
mod key_record;
mod key_store;
mod key_tail;
mod keys;
mod limits;
mod log_ship;
mod logs;
mod options;
mod otlp;
mod place;
mod quotas;
mod relays;
mod reload;
mod self_request;
mod services;
mod shutdown;
mod store;
mod systemd;
mod tables;
mod topology;
mod traces;
mod watch;
mod zone;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    tidegate_net::install_crypto();
    tidegate_tokens::install_crypto();
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            anstream::eprintln!("\u{1b}[1;31merror:\u{1b}[0m {error}");
            ExitCode::FAILURE
        }
    }
}
