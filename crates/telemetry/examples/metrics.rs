//! Writes the list of metrics: `cargo run -p tidegate-telemetry --example metrics`.

use tidegate_telemetry::catalog;

fn main() {
    print!("{}", catalog::document());
}
