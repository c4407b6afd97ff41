//! What limits do, and who may call.

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
