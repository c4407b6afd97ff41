//! What comes, where it goes, and how it ends: the world, a region, routes, services.

use super::Shape::{Heatmap, Lines, Map, Matrix, Stack, States, Table};
use super::{Board, HALF, HOME, THIRD, panel, stat};

pub(super) const WORLD: Board = Board {
    uid: "world",
    title: "World",
    about: "All regions at a glance: who serves, what comes, how fast, and how well regions hear each other.",
    variables: &[],
    panels: &[
        stat(
            "Requests",
            "reqps",
            (1e9, 1e9),
            "Answered a second, in the whole world.",
            &[("sum(home:tidegate_requests:rate1m)", "")],
        ),
        stat(
            "Availability",
            "percentunit",
            (0.999, 0.99),
            "Answers that were no 5xx, over five minutes.",
            &[(
                "1 - sum(home:tidegate_errors:rate5m) / sum(home:tidegate_requests:rate5m)",
                "",
            )],
        ),
        stat(
            "Regions announced",
            "short",
            (2.0, 1.0),
            "As routing says.",
            &[("sum(max by (region) (tidegate_region_announced))", "")],
        ),
        stat(
            "Nodes scraped",
            "short",
            (2.0, 1.0),
            "Nodes whose metrics Prometheus reads.",
            &[("sum(up{job=\"tidegate\"})", "")],
        ),
        stat(
            "Refused by limits",
            "reqps",
            (1e9, 1e9),
            "A second, in the whole world.",
            &[("sum(limit:tidegate_limit_refused:rate1m)", "")],
        ),
        stat(
            "p99",
            "s",
            (0.25, 1.0),
            "From the end of a request's head to the end of its answer.",
            &[(
                "histogram_quantile(0.99, sum by (le) (home:tidegate_request_seconds_bucket:rate5m))",
                "",
            )],
        ),
        panel(
            Map,
            "Regions",
            "bool_yes_no",
            (12, 11),
            "Where they are, and whether they are announced: green is yes.",
            &[(
                "max by (region) (tidegate_region_announced) * on (region) group_left (latitude, longitude) max by (region, latitude, longitude) (tidegate_region_place)",
                "{{region}}",
            )],
        ),
        panel(
            States,
            "Failover timeline",
            "bool_yes_no",
            (12, 11),
            "Which region is announced, as routing tells any node.",
            &[("max by (region) (tidegate_region_announced)", "{{region}}")],
        ),
        panel(
            Stack,
            "Traffic by region",
            "reqps",
            HALF,
            "Requests answered a second.",
            &[("sum by (home) (home:tidegate_requests:rate1m)", "{{home}}")],
        ),
        panel(
            Lines,
            "Availability by region",
            "percentunit",
            HALF,
            "Answers that were no 5xx.",
            &[(
                "1 - home:tidegate_errors:rate5m / home:tidegate_requests:rate5m",
                "{{home}}",
            )],
        ),
        panel(
            Matrix,
            "Replication lag matrix",
            "s",
            HALF,
            "How old the youngest word is that a region (row) has from another (column).",
            &[(
                "max by (home, region) (tidegate_limit_staleness_seconds)",
                "",
            )],
        ),
        panel(
            Lines,
            "p99 by region",
            "s",
            HALF,
            "Of all answers, those of services included.",
            &[(
                "histogram_quantile(0.99, home:tidegate_request_seconds_bucket:rate5m)",
                "{{home}}",
            )],
        ),
    ],
};

pub(super) const REGION: Board = Board {
    uid: "region",
    title: "Region",
    about: "One region closely.",
    variables: HOME,
    panels: &[
        panel(
            Stack,
            "Requests by status",
            "reqps",
            THIRD,
            "Answered a second, by class of status.",
            &[(
                "sum by (status) (rate(tidegate_requests_total{home=~\"$home\"}[1m]))",
                "{{status}}",
            )],
        ),
        panel(
            Lines,
            "Duration",
            "s",
            THIRD,
            "From the end of a request's head to the end of its answer.",
            &[
                (
                    "histogram_quantile(0.5, sum by (le) (home:tidegate_request_seconds_bucket:rate5m{home=~\"$home\"}))",
                    "p50",
                ),
                (
                    "histogram_quantile(0.9, sum by (le) (home:tidegate_request_seconds_bucket:rate5m{home=~\"$home\"}))",
                    "p90",
                ),
                (
                    "histogram_quantile(0.99, sum by (le) (home:tidegate_request_seconds_bucket:rate5m{home=~\"$home\"}))",
                    "p99",
                ),
            ],
        ),
        panel(
            Stack,
            "Refusals by reason",
            "reqps",
            THIRD,
            "What the gateway itself refused. `quota-exceeded` is a limit.",
            &[(
                "sum by (reason) (rate(tidegate_refused_total{home=~\"$home\"}[1m])) > 0",
                "{{reason}}",
            )],
        ),
        panel(
            States,
            "Nodes announced",
            "bool_yes_no",
            THIRD,
            "What each node announces of itself.",
            &[(
                "max by (node) (tidegate_announced{home=~\"$home\"})",
                "{{node}}",
            )],
        ),
        panel(
            States,
            "Nodes ready",
            "bool_yes_no",
            THIRD,
            "Whether it takes requests.",
            &[(
                "max by (node) (tidegate_ready{home=~\"$home\"})",
                "{{node}}",
            )],
        ),
        panel(
            Lines,
            "Nodes alive",
            "short",
            THIRD,
            "As other nodes see them: the fewest that any of them sees.",
            &[(
                "min by (region) (tidegate_nodes{region=~\"$home\",alive=\"yes\"})",
                "{{region}}",
            )],
        ),
        panel(
            Lines,
            "Connections open",
            "percentunit",
            THIRD,
            "The part of what the door takes.",
            &[(
                "sum by (node, door) (tidegate_connections_open{home=~\"$home\"}) / sum by (node, door) (tidegate_connections_max{home=~\"$home\"})",
                "{{node}} {{door}}",
            )],
        ),
        panel(
            Stack,
            "Connections accepted",
            "cps",
            THIRD,
            "A second, by door.",
            &[(
                "sum by (door) (rate(tidegate_connections_total{home=~\"$home\"}[1m]))",
                "{{door}}",
            )],
        ),
        panel(
            Lines,
            "Passed on to other regions",
            "reqps",
            THIRD,
            "Requests whose own services were gone.",
            &[(
                "sum by (home, region, result) (rate(tidegate_relay_sent_total{home=~\"$home\"}[1m]))",
                "{{home}} to {{region}}: {{result}}",
            )],
        ),
    ],
};

pub(super) const ROUTES: Board = Board {
    uid: "routes",
    title: "Routes",
    about: "Rate, errors and duration of each route, and how fast its error budget goes.",
    variables: &[
        ("home", "Region", "tidegate_ready"),
        ("route", "Route", "tidegate_requests_total"),
    ],
    panels: &[
        panel(
            Lines,
            "Rate",
            "reqps",
            THIRD,
            "Requests answered a second.",
            &[(
                "sum by (route) (rate(tidegate_requests_total{home=~\"$home\",route=~\"$route\"}[1m]))",
                "{{route}}",
            )],
        ),
        panel(
            Lines,
            "Errors",
            "percentunit",
            THIRD,
            "The part of answers that were 5xx.",
            &[(
                "sum by (route) (rate(tidegate_requests_total{home=~\"$home\",route=~\"$route\",status=\"5xx\"}[5m])) / (sum by (route) (rate(tidegate_requests_total{home=~\"$home\",route=~\"$route\"}[5m])) > 0)",
                "{{route}}",
            )],
        ),
        panel(
            Lines,
            "Duration, p99",
            "s",
            THIRD,
            "From the end of a request's head to the end of its answer.",
            &[(
                "histogram_quantile(0.99, sum by (route, le) (rate(tidegate_request_seconds_bucket{home=~\"$home\",route=~\"$route\"}[5m])))",
                "{{route}}",
            )],
        ),
        panel(
            Lines,
            "SLO burn",
            "short",
            HALF,
            "How many times faster than it may the error budget of 99.9 % goes: 14.4 wakes somebody.",
            &[
                (
                    "route:tidegate_error_ratio:rate5m{route=~\"$route\"} / 0.001",
                    "{{route}} 5m",
                ),
                (
                    "route:tidegate_error_ratio:rate1h{route=~\"$route\"} / 0.001",
                    "{{route}} 1h",
                ),
            ],
        ),
        panel(
            Heatmap,
            "Duration",
            "s",
            HALF,
            "How many answers took how long.",
            &[(
                "sum by (le) (increase(tidegate_request_seconds_bucket{home=~\"$home\",route=~\"$route\"}[1m]))",
                "{{le}}",
            )],
        ),
        panel(
            Table,
            "Now",
            "reqps",
            (12, 8),
            "Requests a second by route and status.",
            &[(
                "sum by (route, status) (rate(tidegate_requests_total{home=~\"$home\",route=~\"$route\"}[5m])) > 0",
                "",
            )],
        ),
        panel(
            Lines,
            "Bytes",
            "Bps",
            (12, 8),
            "Of bodies, from and to clients.",
            &[
                (
                    "sum by (route) (rate(tidegate_request_body_bytes_total{home=~\"$home\",route=~\"$route\"}[1m]))",
                    "{{route}} in",
                ),
                (
                    "sum by (route) (rate(tidegate_response_body_bytes_total{home=~\"$home\",route=~\"$route\"}[1m]))",
                    "{{route}} out",
                ),
            ],
        ),
    ],
};

pub(super) const UPSTREAMS: Board = Board {
    uid: "upstreams",
    title: "Upstreams",
    about: "Services behind the gateway, as nodes reach them.",
    variables: &[
        ("home", "Region", "tidegate_ready"),
        ("upstream", "Service", "tidegate_upstream_fit"),
    ],
    panels: &[
        panel(
            States,
            "Endpoints fit",
            "bool_yes_no",
            (24, 8),
            "Whether probes find it well, as the most pessimistic node of its region says.",
            &[(
                "min by (home, upstream, endpoint) (tidegate_upstream_fit{home=~\"$home\",upstream=~\"$upstream\"})",
                "{{home}} {{upstream}} {{endpoint}}",
            )],
        ),
        panel(
            Lines,
            "Failures",
            "reqps",
            THIRD,
            "Attempts that failed, by reason.",
            &[(
                "sum by (upstream, reason) (rate(tidegate_upstream_failures_total{home=~\"$home\",upstream=~\"$upstream\"}[1m]))",
                "{{upstream}} {{reason}}",
            )],
        ),
        panel(
            Lines,
            "Connections",
            "cps",
            THIRD,
            "Made, and used again.",
            &[
                (
                    "sum by (upstream) (rate(tidegate_upstream_connections_total{home=~\"$home\",upstream=~\"$upstream\"}[1m]))",
                    "{{upstream}} made",
                ),
                (
                    "sum by (upstream) (rate(tidegate_upstream_reused_total{home=~\"$home\",upstream=~\"$upstream\"}[1m]))",
                    "{{upstream}} used again",
                ),
            ],
        ),
        panel(
            Lines,
            "Endpoints fit, part",
            "percentunit",
            THIRD,
            "Of all endpoints of a service in a region.",
            &[(
                "avg by (home, upstream) (tidegate_upstream_fit{home=~\"$home\",upstream=~\"$upstream\"})",
                "{{home}} {{upstream}}",
            )],
        ),
        panel(
            Lines,
            "Passed on to other regions",
            "reqps",
            HALF,
            "Because no endpoint was left here.",
            &[(
                "sum by (home, region, result) (rate(tidegate_relay_sent_total{home=~\"$home\"}[1m]))",
                "{{home}} to {{region}}: {{result}}",
            )],
        ),
        panel(
            Lines,
            "Taken from other regions",
            "reqps",
            HALF,
            "What other regions passed on to here.",
            &[(
                "sum by (home, region, result) (rate(tidegate_relay_taken_total{home=~\"$home\"}[1m]))",
                "{{home}} from {{region}}: {{result}}",
            )],
        ),
    ],
};
