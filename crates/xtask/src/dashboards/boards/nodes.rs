//! What nodes do among themselves, and each of them.

use super::Shape::{Lines, States, Table};
use super::{Board, HOME, THIRD, panel};

pub(super) const MESH: Board = Board {
    uid: "mesh",
    title: "Mesh and membership",
    about: "What nodes tell each other, who is taken for alive, and whose clock is right.",
    variables: HOME,
    panels: &[
        panel(
            Lines,
            "Sent",
            "Bps",
            THIRD,
            "To other nodes, by how it travels.",
            &[(
                "sum by (home, by) (rate(tidegate_mesh_sent_bytes_total{home=~\"$home\"}[1m]))",
                "{{home}} {{by}}",
            )],
        ),
        panel(
            Lines,
            "Received",
            "Bps",
            THIRD,
            "From other nodes.",
            &[(
                "sum by (home, by) (rate(tidegate_mesh_received_bytes_total{home=~\"$home\"}[1m]))",
                "{{home}} {{by}}",
            )],
        ),
        panel(
            Lines,
            "Links",
            "short",
            THIRD,
            "To other nodes that are up.",
            &[(
                "max by (node) (tidegate_mesh_links{home=~\"$home\"})",
                "{{node}}",
            )],
        ),
        panel(
            Lines,
            "Nodes taken for dead",
            "short",
            THIRD,
            "By region, as any node sees it.",
            &[(
                "max by (region) (tidegate_nodes{alive=\"no\"})",
                "{{region}}",
            )],
        ),
        panel(
            Lines,
            "Dropped",
            "ops",
            THIRD,
            "Messages to or from other nodes, by reason.",
            &[(
                "sum by (reason) (rate(tidegate_mesh_dropped_total{home=~\"$home\"}[1m]))",
                "{{reason}}",
            )],
        ),
        panel(
            Lines,
            "News of counts delayed",
            "ops",
            THIRD,
            "It had to wait for the budget of `sync`.",
            &[(
                "sum by (to) (rate(tidegate_limit_news_delayed_total{home=~\"$home\"}[1m]))",
                "to {{to}}",
            )],
        ),
        panel(
            Lines,
            "Clocks apart",
            "s",
            THIRD,
            "How far the clocks of most nodes are ahead of this one's.",
            &[(
                "max by (node) (abs(tidegate_clock_apart_seconds{home=~\"$home\"}))",
                "{{node}}",
            )],
        ),
        panel(
            States,
            "Own clock is right",
            "bool_yes_no",
            THIRD,
            "If not, it goes by the clocks of most nodes.",
            &[(
                "1 - max by (node) (tidegate_clock_follows_peers{home=~\"$home\"})",
                "{{node}}",
            )],
        ),
        panel(
            Lines,
            "What limits cost",
            "Bps",
            THIRD,
            "Bytes a second of counts, comparisons, repairs and rights, from one region to another.",
            &[(
                "sum by (from, to) (rate(tidegate_limit_sync_bytes_total{home=~\"$home\"}[1m]))",
                "{{from}} to {{to}}",
            )],
        ),
    ],
};

pub(super) const NODE: Board = Board {
    uid: "node",
    title: "Node",
    about: "One process: CPU, memory, files, what it announces, its log and its configuration.",
    variables: &[("node", "Node", "tidegate_ready")],
    panels: &[
        panel(
            Lines,
            "CPU",
            "percentunit",
            THIRD,
            "Of one core.",
            &[(
                "sum by (node) (rate(process_cpu_seconds_total{node=~\"$node\"}[1m]))",
                "{{node}}",
            )],
        ),
        panel(
            Lines,
            "Memory",
            "bytes",
            THIRD,
            "Resident.",
            &[(
                "max by (node) (process_resident_memory_bytes{node=~\"$node\"})",
                "{{node}}",
            )],
        ),
        panel(
            Lines,
            "Files open",
            "short",
            THIRD,
            "Connections included.",
            &[(
                "max by (node) (process_open_fds{node=~\"$node\"})",
                "{{node}}",
            )],
        ),
        panel(
            States,
            "Routers do what it wants",
            "bool_yes_no",
            THIRD,
            "Whether the routing daemon is as the node set it.",
            &[(
                "min by (node) (tidegate_anycast_follows{node=~\"$node\"})",
                "{{node}}",
            )],
        ),
        panel(
            Lines,
            "Routing daemon set",
            "ops",
            THIRD,
            "Because it was not as wanted, and attempts that failed.",
            &[
                (
                    "sum by (node) (rate(tidegate_anycast_corrections_total{node=~\"$node\"}[5m]))",
                    "{{node}} corrections",
                ),
                (
                    "sum by (node) (rate(tidegate_anycast_failures_total{node=~\"$node\"}[5m]))",
                    "{{node}} failures",
                ),
            ],
        ),
        panel(
            Lines,
            "Access log",
            "ops",
            THIRD,
            "Lines written, and dropped because the destination was too slow.",
            &[
                (
                    "sum by (node) (rate(tidegate_access_log_written_total{node=~\"$node\"}[1m]))",
                    "{{node}} written",
                ),
                (
                    "sum by (node) (rate(tidegate_access_log_dropped_total{node=~\"$node\"}[1m]))",
                    "{{node}} dropped",
                ),
            ],
        ),
        panel(
            Lines,
            "Traces",
            "ops",
            THIRD,
            "Spans that the collector took, and those that were dropped, by reason.",
            &[
                (
                    "sum by (node) (rate(tidegate_spans_exported_total{node=~\"$node\"}[1m]))",
                    "{{node}} exported",
                ),
                (
                    "sum by (node, reason) (rate(tidegate_spans_dropped_total{node=~\"$node\"}[1m]))",
                    "{{node}} dropped: {{reason}}",
                ),
            ],
        ),
        panel(
            Table,
            "Configuration",
            "short",
            THIRD,
            "What each node runs. More than one generation is a roll-out, or drift.",
            &[(
                "max by (node, generation) (tidegate_config_info{node=~\"$node\"})",
                "",
            )],
        ),
        panel(
            Lines,
            "Connections cut",
            "cps",
            THIRD,
            "By door and reason.",
            &[(
                "sum by (door, reason) (rate(tidegate_connections_cut_total{node=~\"$node\"}[1m]))",
                "{{door}} {{reason}}",
            )],
        ),
        panel(
            Lines,
            "Up for",
            "s",
            THIRD,
            "Since the process started.",
            &[(
                "time() - max by (node) (process_start_time_seconds{node=~\"$node\"})",
                "{{node}}",
            )],
        ),
        panel(
            Lines,
            "Series left out",
            "short",
            (12, 7),
            "Of a scrape, because a metric had too many.",
            &[(
                "max by (node) (tidegate_scrape_series_dropped{node=~\"$node\"})",
                "{{node}}",
            )],
        ),
        panel(
            Lines,
            "Console",
            "short",
            (12, 7),
            "Who listens, and how many may.",
            &[(
                "max by (node, state) (tidegate_console_listeners{node=~\"$node\"})",
                "{{node}} {{state}}",
            )],
        ),
    ],
};
