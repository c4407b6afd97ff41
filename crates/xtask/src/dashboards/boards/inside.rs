//! What nodes do among themselves: limits, keys, the mesh, one process.

use super::Shape::{Lines, Stack, States, Table};
use super::{Board, HALF, HOME, THIRD, panel};

pub(super) const LIMITS: Board = Board {
    uid: "limits",
    title: "Limits",
    about: "What limits admit, how far that is from what they allow, and how old the counts of other regions are.",
    variables: &[("limit", "Limit", "tidegate_limit_admitted_total")],
    panels: &[
        panel(
            Stack,
            "Admitted and refused",
            "reqps",
            HALF,
            "A second, in the whole world.",
            &[
                (
                    "sum by (limit) (limit:tidegate_limit_admitted:rate1m{limit=~\"$limit\"})",
                    "{{limit}} admitted",
                ),
                (
                    "sum by (limit) (limit:tidegate_limit_refused:rate1m{limit=~\"$limit\"})",
                    "{{limit}} refused",
                ),
            ],
        ),
        panel(
            Lines,
            "Admitted against allowed",
            "short",
            HALF,
            "In the windows of the last five minutes that are over and in which more was asked for than allowed.",
            &[
                (
                    "max by (limit) (increase(tidegate_limit_judged_allowed_total{limit=~\"$limit\"}[5m]))",
                    "{{limit}} allowed",
                ),
                (
                    "max by (limit) (increase(tidegate_limit_judged_allowed_total{limit=~\"$limit\"}[5m]) + increase(tidegate_limit_judged_over_total[5m]) - increase(tidegate_limit_judged_under_total[5m]))",
                    "{{limit}} admitted",
                ),
            ],
        ),
        panel(
            Lines,
            "Overshoot beside the predicted error",
            "percentunit",
            HALF,
            "Parts of what was allowed in a quarter of an hour: beyond it, short of it, and what the method says is usual.",
            &[
                (
                    "max by (limit) (increase(tidegate_limit_judged_over_total{limit=~\"$limit\"}[15m]) / (increase(tidegate_limit_judged_allowed_total[15m]) > 0))",
                    "{{limit}} over",
                ),
                (
                    "max by (limit) (increase(tidegate_limit_judged_under_total{limit=~\"$limit\"}[15m]) / (increase(tidegate_limit_judged_allowed_total[15m]) > 0))",
                    "{{limit}} short",
                ),
                (
                    "max by (limit) (increase(tidegate_limit_judged_expected_total{limit=~\"$limit\"}[15m]) / (increase(tidegate_limit_judged_allowed_total[15m]) > 0))",
                    "{{limit}} predicted",
                ),
            ],
        ),
        panel(
            Table,
            "Hottest subjects",
            "short",
            HALF,
            "Subjects by their hash, with what is asked for a second; `tidegate limits top --names` tells whose they are.",
            &[(
                "topk(10, max by (limit, subject) (tidegate_limit_hottest_asked{limit=~\"$limit\"}))",
                "",
            )],
        ),
        panel(
            Lines,
            "Staleness",
            "s",
            THIRD,
            "How old the youngest word from another region is.",
            &[(
                "max by (home, region) (tidegate_limit_staleness_seconds)",
                "{{home}} of {{region}}",
            )],
        ),
        panel(
            Lines,
            "Decided while a region was silent",
            "reqps",
            THIRD,
            "`on_partition` applied.",
            &[(
                "sum by (limit) (rate(tidegate_limit_partitioned_total{limit=~\"$limit\"}[1m]))",
                "{{limit}}",
            )],
        ),
        panel(
            Lines,
            "Subjects",
            "short",
            THIRD,
            "Counted, in demand, and for how many there is room.",
            &[
                ("max by (state) (tidegate_limit_subjects)", "{{state}}"),
                ("min(tidegate_limit_subjects_max)", "room"),
            ],
        ),
        panel(
            Lines,
            "Counted in the sketch",
            "ops",
            THIRD,
            "Subjects that lost their counter, and counts of those without one.",
            &[
                (
                    "sum(rate(tidegate_limit_evicted_total[1m]))",
                    "lost their counter",
                ),
                (
                    "sum(rate(tidegate_limit_overflowed_total[1m]))",
                    "counted without one",
                ),
            ],
        ),
        panel(
            Lines,
            "Rows of counts",
            "ops",
            THIRD,
            "Received from other nodes, by what became of them.",
            &[(
                "sum by (outcome) (rate(tidegate_limit_rows_total[1m]))",
                "{{outcome}}",
            )],
        ),
        panel(
            Lines,
            "Waiting",
            "reqps",
            THIRD,
            "Requests that waited for room, and that could not, because too many did.",
            &[
                (
                    "sum by (limit) (rate(tidegate_limit_delayed_total{limit=~\"$limit\"}[1m]))",
                    "{{limit}} waited",
                ),
                (
                    "sum by (limit) (rate(tidegate_limit_queue_full_total{limit=~\"$limit\"}[1m]))",
                    "{{limit}} turned away",
                ),
            ],
        ),
    ],
};

pub(super) const KEYS: Board = Board {
    uid: "keys",
    title: "Keys and auth",
    about: "How callers are known: keys, tokens, those whom others are asked about.",
    variables: HOME,
    panels: &[
        panel(
            Stack,
            "Look-ups of keys",
            "ops",
            THIRD,
            "In the store, by outcome: what was not in the cache.",
            &[(
                "sum by (outcome) (rate(tidegate_key_lookups_total{home=~\"$home\"}[1m]))",
                "{{outcome}}",
            )],
        ),
        panel(
            Lines,
            "Keys cached",
            "short",
            THIRD,
            "Known ones, and those that are known not to exist.",
            &[(
                "sum by (kind) (tidegate_keys_cached{home=~\"$home\"})",
                "{{kind}}",
            )],
        ),
        panel(
            Lines,
            "The key store takes",
            "s",
            THIRD,
            "On average, for one answer.",
            &[(
                "sum by (home) (rate(tidegate_key_store_seconds_total{home=~\"$home\"}[5m])) / (sum by (home) (rate(tidegate_key_lookups_total{home=~\"$home\",outcome=~\"found|unknown\"}[5m])) > 0)",
                "{{home}}",
            )],
        ),
        panel(
            States,
            "Key store answers",
            "bool_yes_no",
            THIRD,
            "As it did when it was last asked.",
            &[(
                "min by (node) (tidegate_key_store_answers{home=~\"$home\"})",
                "{{node}}",
            )],
        ),
        panel(
            Lines,
            "Served by old records",
            "reqps",
            THIRD,
            "Because the store did not answer.",
            &[(
                "sum by (home) (rate(tidegate_keys_stale_used_total{home=~\"$home\"}[1m]))",
                "{{home}}",
            )],
        ),
        panel(
            Lines,
            "Ledger of keys",
            "short",
            THIRD,
            "Entries; revocations and resets travel by it. Nodes should agree.",
            &[(
                "max by (node) (tidegate_ledger_entries{home=~\"$home\"})",
                "{{node}}",
            )],
        ),
        panel(
            Stack,
            "Refused callers",
            "reqps",
            HALF,
            "By reason: missing, unknown, revoked, without a right.",
            &[(
                "sum by (reason) (rate(tidegate_refused_total{home=~\"$home\",reason=~\".*(key|token|credential|unauth|forbidden).*\"}[1m])) > 0",
                "{{reason}}",
            )],
        ),
        panel(
            Lines,
            "Changes by operators",
            "ops",
            HALF,
            "Records in audit files, and such as could not be written.",
            &[(
                "sum by (result) (rate(tidegate_audit_records_total{home=~\"$home\"}[5m]))",
                "{{result}}",
            )],
        ),
    ],
};

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
            HALF,
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
            HALF,
            "If not, it goes by the clocks of most nodes.",
            &[(
                "1 - max by (node) (tidegate_clock_follows_peers{home=~\"$home\"})",
                "{{node}}",
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
