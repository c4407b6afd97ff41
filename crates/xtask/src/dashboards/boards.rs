//! What is shown, and by which query. Units are Grafana's.
//!
//! `home` is the region of the node that says something; `region` is the one that it speaks of.

mod limits;
mod nodes;
mod traffic;

/// A dashboard.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) uid: &'static str,
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    /// Label, its name for people, and a metric that has all its values.
    pub(crate) variables: &'static [(&'static str, &'static str, &'static str)],
    pub(crate) panels: &'static [Panel],
}

/// How a panel looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    Lines,
    Stack,
    Stat,
    Table,
    /// Rows by who speaks, columns by whom they speak of.
    Matrix,
    /// Yes and no over time.
    States,
    Heatmap,
    Map,
}

/// A panel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    pub(crate) shape: Shape,
    pub(crate) unit: &'static str,
    /// From where on it is orange, and red; the other way round if the first is larger.
    pub(crate) steps: Option<(f64, f64)>,
    pub(crate) width: u64,
    pub(crate) height: u64,
    /// Queries, with what their lines are called.
    pub(crate) queries: &'static [(&'static str, &'static str)],
}

type Queries = &'static [(&'static str, &'static str)];

const fn panel(
    shape: Shape,
    title: &'static str,
    unit: &'static str,
    (width, height): (u64, u64),
    about: &'static str,
    queries: Queries,
) -> Panel {
    Panel {
        title,
        about,
        shape,
        unit,
        steps: None,
        width,
        height,
        queries,
    }
}

const fn stat(
    title: &'static str,
    unit: &'static str,
    steps: (f64, f64),
    about: &'static str,
    queries: Queries,
) -> Panel {
    Panel {
        title,
        about,
        shape: Shape::Stat,
        unit,
        steps: Some(steps),
        width: 4,
        height: 4,
        queries,
    }
}

const HALF: (u64, u64) = (12, 8);
const THIRD: (u64, u64) = (8, 8);
const HOME: &[(&str, &str, &str)] = &[("home", "Region", "tidegate_ready")];

/// All dashboards.
pub(crate) const BOARDS: &[Board] = &[
    traffic::WORLD,
    traffic::REGION,
    limits::LIMITS,
    traffic::ROUTES,
    traffic::UPSTREAMS,
    limits::KEYS,
    nodes::MESH,
    nodes::NODE,
];
