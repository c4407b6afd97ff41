//! A small world for the tests of these checks, and what is said of a region in it.

use crate::{Source, load_node};

const WORLD: &str = "\
regions:
  us-east-1: { location: [38.9, -77.4] }
upstreams:
  echo: {}
routes:
  open: { path: /open/*, upstream: echo, auth: none }
";

/// The report on a region's file, without colours, or nothing.
pub(super) fn report(region: &str) -> String {
    let source = |name: &str, text: &str| Source::new(name.into(), text);
    match load_node(source("world.yaml", WORLD), source("region.yaml", region)) {
        Ok((_, report)) | Err(report) => report.render(false),
    }
}

/// The same on a region of two nodes with `more` in its file.
pub(super) fn report_with(more: &str) -> String {
    report(&format!(
        "region: us-east-1\nnodes:\n  a: {{ mesh: 10.0.0.1:1 }}\n  b: {{ mesh: 10.0.0.2:1 }}\n\
         doors:\n  public: {{ listen: 0.0.0.0:80 }}\nupstreams:\n  echo: [127.0.0.1:9]\n{more}\n"
    ))
}
