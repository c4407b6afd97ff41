//! The list itself. A metric is born here.

use super::{Def, Kind};

macro_rules! catalog {
    ($($(#[doc = $help:literal])+ $id:ident = $kind:ident $name:literal [$($label:literal),*];)+) => {
        /// The place of each metric in the list.
        #[expect(
            non_camel_case_types,
            clippy::upper_case_acronyms,
            reason = "these are the names of constants"
        )]
        enum Place { $($id),+ }
        $(
            $(#[doc = $help])+
            pub const $id: Def = Def {
                place: Place::$id as usize,
                name: $name,
                kind: Kind::$kind,
                labels: &[$($label),*],
                help: concat!($($help),+),
            };
        )+
        /// All metrics.
        pub const ALL: &[Def] = &[$($id),+];
    };
}

catalog! {
    /// Requests that were answered, by route and class of status.
    REQUESTS = Counter "tidegate_requests" ["route", "status"];
    /// Time from the end of a request's head to the end of its answer.
    REQUEST_SECONDS = Histogram "tidegate_request_seconds" ["route"];
    /// Bytes of bodies received from clients.
    REQUEST_BYTES = Counter "tidegate_request_body_bytes" ["route"];
    /// Bytes of bodies sent to clients.
    RESPONSE_BYTES = Counter "tidegate_response_body_bytes" ["route"];
    /// Requests that were sent to a service.
    FORWARDED = Counter "tidegate_forwarded" ["route"];
    /// Requests of a consumer that were answered, by class of status; only if the configuration
    /// wants it (`metrics.by_consumer`).
    CONSUMER_REQUESTS = Counter "tidegate_consumer_requests" ["consumer", "status"];
    /// Requests refused by the gateway itself, by reason.
    REFUSED = Counter "tidegate_refused" ["reason"];
    /// Requests that a limit let through.
    LIMIT_ADMITTED = Counter "tidegate_limit_admitted" ["limit"];
    /// Requests that a limit refused.
    LIMIT_REFUSED = Counter "tidegate_limit_refused" ["limit"];
    /// Requests that a limit in shadow mode would have refused.
    LIMIT_SHADOWED = Counter "tidegate_limit_shadowed" ["limit"];
    /// Requests that a limit decided while a region could not be heard that may be serving.
    LIMIT_PARTITIONED = Counter "tidegate_limit_partitioned" ["limit"];
    /// Requests that a limit in Redis decided without Redis.
    LIMIT_UNSTORED = Counter "tidegate_limit_unstored" ["limit"];
    /// Commands to the Redis of limits, by outcome: answered, failed, timed out, and not sent
    /// because too many were under way.
    LIMIT_STORE_COMMANDS = Counter "tidegate_limit_store_commands" ["outcome"];
    /// Whether this node asks the Redis of limits, or takes it to be down.
    LIMIT_STORE_UP = Gauge "tidegate_limit_store_up" [];
    /// Commands to the Redis of limits that wait for an answer, and how many may.
    LIMIT_STORE_IN_FLIGHT = Gauge "tidegate_limit_store_in_flight" ["state"];
    /// Requests that waited for room in their limits, or for rights of a strict one.
    LIMIT_DELAYED = Counter "tidegate_limit_delayed" ["limit"];
    /// Requests that a limit refused because as many waited for it as may.
    LIMIT_QUEUE_FULL = Counter "tidegate_limit_queue_full" ["limit"];
    /// Windows that are over in which more was asked for than a limit allows, as this node knows.
    LIMIT_JUDGED_WINDOWS = Counter "tidegate_limit_judged_windows" ["limit"];
    /// What a limit allowed in these windows, all subjects together.
    LIMIT_JUDGED_ALLOWED = Counter "tidegate_limit_judged_allowed" ["limit"];
    /// What was admitted in these windows beyond what is allowed, all over the world.
    LIMIT_JUDGED_OVER = Counter "tidegate_limit_judged_over" ["limit"];
    /// What was admitted in these windows short of what is allowed.
    LIMIT_JUDGED_UNDER = Counter "tidegate_limit_judged_under" ["limit"];
    /// The error that is usual in these windows: about the square root of what is under way.
    LIMIT_JUDGED_EXPECTED = Counter "tidegate_limit_judged_expected" ["limit"];
    /// The most that could have been admitted in these windows beyond what is allowed.
    LIMIT_JUDGED_WORST = Counter "tidegate_limit_judged_worst" ["limit"];
    /// How often a subject without a counter of its own was counted in the limit's sketch.
    LIMIT_OVERFLOWED = Counter "tidegate_limit_overflowed" [];
    /// Subjects that lost their own counter to make room, and are counted in the sketch since.
    LIMIT_EVICTED = Counter "tidegate_limit_evicted" [];
    /// Subjects whose counts are known.
    LIMIT_SUBJECTS = Gauge "tidegate_limit_subjects" ["state"];
    /// Requests asked for a second by the subjects that are in demand most, by their hash: at most
    /// ten at a time.
    LIMIT_HOTTEST_ASKED = Gauge "tidegate_limit_hottest_asked" ["limit", "subject"];
    /// The part of its amount that such a subject has taken.
    LIMIT_HOTTEST_TAKEN = Gauge "tidegate_limit_hottest_taken" ["limit", "subject"];
    /// Subjects for which there is room.
    LIMIT_SUBJECTS_MAX = Gauge "tidegate_limit_subjects_max" [];
    /// How old the youngest word from another region is.
    LIMIT_STALENESS_SECONDS = Gauge "tidegate_limit_staleness_seconds" ["region"];
    /// Rows of counts received from other nodes, by what became of them.
    LIMIT_ROWS = Counter "tidegate_limit_rows" ["outcome"];
    /// Times that news of counts had to wait longer than usual for the budget of `sync`, by for
    /// whom.
    LIMIT_NEWS_DELAYED = Counter "tidegate_limit_news_delayed" ["to"];
    /// Bytes of what limits say to nodes of a region: counts, comparisons, repairs, rights.
    LIMIT_SYNC_BYTES = Counter "tidegate_limit_sync_bytes" ["from", "to"];
    /// Client connections accepted.
    CONNECTIONS = Counter "tidegate_connections" ["door"];
    /// Client connections open.
    CONNECTIONS_OPEN = Gauge "tidegate_connections_open" ["door"];
    /// Client connections that may be open at a time.
    CONNECTIONS_MAX = Gauge "tidegate_connections_max" ["door"];
    /// Client connections ended by the gateway, or broken, by reason.
    CONNECTIONS_CUT = Counter "tidegate_connections_cut" ["door", "reason"];
    /// When the certificate of a door is over, in seconds since the Unix epoch.
    TLS_EXPIRY = Gauge "tidegate_tls_expiry_timestamp_seconds" ["door"];
    /// Connections made to a service.
    UPSTREAM_CONNECTIONS = Counter "tidegate_upstream_connections" ["upstream"];
    /// Requests sent on a connection that was used before.
    UPSTREAM_REUSED = Counter "tidegate_upstream_reused" ["upstream"];
    /// Answers of a service, by class of status.
    UPSTREAM_ANSWERS = Counter "tidegate_upstream_answers" ["upstream", "status"];
    /// Time from sending a request to a service until the head of its answer, each attempt for
    /// itself.
    UPSTREAM_SECONDS = Histogram "tidegate_upstream_seconds" ["upstream"];
    /// Attempts to send a request to a service: more than requests if some were tried again.
    UPSTREAM_ATTEMPTS = Counter "tidegate_upstream_attempts" ["upstream"];
    /// Connections to a service that are open, in use or idle.
    UPSTREAM_OPEN = Gauge "tidegate_upstream_connections_open" ["upstream"];
    /// Requests that a service is answering.
    UPSTREAM_IN_FLIGHT = Gauge "tidegate_upstream_in_flight" ["upstream"];
    /// Attempts at a service that failed, by reason.
    UPSTREAM_FAILURES = Counter "tidegate_upstream_failures" ["upstream", "reason"];
    /// Whether an endpoint is fit: 1 or 0.
    UPSTREAM_FIT = Gauge "tidegate_upstream_fit" ["upstream", "endpoint"];
    /// How often an endpoint of a service was put out of use and taken back in by its probes.
    UPSTREAM_TURNS = Counter "tidegate_upstream_turns" ["upstream", "to"];
    /// Requests that were passed on to another region, whose own endpoints were gone: answered,
    /// not served there either, not reached, or failed after they were sent.
    RELAY_SENT = Counter "tidegate_relay_sent" ["region", "result"];
    /// Requests that came from another region: served, not served, refused because they were passed
    /// on too often, or failed.
    RELAY_TAKEN = Counter "tidegate_relay_taken" ["region", "result"];
    /// Whether a region is not asked for a while, because it could not serve for this one.
    RELAY_HELD = Gauge "tidegate_relay_held" ["upstream", "region"];
    /// Nodes of other regions that requests can be passed on to, and whether each says that all its
    /// services have endpoints: `fit` or `unfit`.
    RELAY_NODES = Gauge "tidegate_relay_nodes" ["region", "state"];
    /// Keys held in the cache.
    KEYS_CACHED = Gauge "tidegate_keys_cached" ["kind"];
    /// Look-ups of keys in the store.
    KEY_LOOKUPS = Counter "tidegate_key_lookups" ["outcome"];
    /// Time that the key store took to answer, all answers together.
    KEY_STORE_SECONDS = Counter "tidegate_key_store_seconds" [];
    /// Whether the key store answered when it was last asked: 1 or 0.
    KEY_STORE_ANSWERS = Gauge "tidegate_key_store_answers" [];
    /// Requests that an old record served, because the key store did not answer.
    KEYS_STALE_USED = Counter "tidegate_keys_stale_used" [];
    /// Time from a revocation, by the clock of the node that was told, until this node refused the
    /// key. What happened before this node started is not counted.
    REVOCATION_SECONDS = Histogram "tidegate_revocation_seconds" [];
    /// Records of what operators changed, in the node's audit file, by whether they could be
    /// written.
    AUDIT_RECORDS = Counter "tidegate_audit_records" ["result"];
    /// Copies of key records that did not go to disk.
    KEY_COPIES_DROPPED = Counter "tidegate_key_copies_dropped" [];
    /// Reads of the key table's stream and of its log of revocations, by result.
    KEY_TAIL_READS = Counter "tidegate_key_tail_reads" ["result"];
    /// Whether this node follows the key table's stream for its region: 1 or 0.
    KEY_TAIL_ELECTED = Gauge "tidegate_key_tail_elected" [];
    /// How long the last change was under way from the key table to this node, if it follows.
    KEY_TAIL_LAG_SECONDS = Gauge "tidegate_key_tail_lag_seconds" [];
    /// How long ago this node last read the whole recent log of revocations; absent before it did.
    KEY_LOG_AGE_SECONDS = Gauge "tidegate_key_log_age_seconds" [];
    /// Revocations that this node heard of and has not yet seen in the key table.
    KEYS_UNSTORED = Gauge "tidegate_key_revocations_unstored" [];
    /// Whether that log was never read or longer ago than two minutes: a revocation may be missed.
    KEYS_STALE = Gauge "tidegate_keys_stale" [];
    /// Tokens by what came of them: found in the cache, verified, or why not.
    TOKENS = Counter "tidegate_tokens" ["authenticator", "result"];
    /// Verified tokens that are remembered.
    TOKENS_CACHED = Gauge "tidegate_tokens_cached" ["authenticator"];
    /// Fetches of issuers' keys, by how they ended.
    TOKEN_KEY_FETCHES = Counter "tidegate_token_key_fetches" ["authenticator", "outcome"];
    /// Signed requests by what came of them: `verified`, or why not. Bodies are judged apart,
    /// later.
    SIGNATURES = Counter "tidegate_signatures" ["authenticator", "result"];
    /// Nonces that are remembered, of all keys together.
    SIGNATURE_NONCES = Gauge "tidegate_signature_nonces" ["authenticator"];
    /// Bytes of signed bodies that are held until they are there as a whole.
    SIGNED_BODIES_HELD_BYTES = Gauge "tidegate_signed_bodies_held_bytes" ["authenticator"];
    /// Callers of whom somebody else was asked, by how it ended; `full` if as many were asked about
    /// as may be.
    ASKED = Counter "tidegate_authenticator_asked" ["authenticator", "outcome"];
    /// Answers about callers that are remembered.
    ASKED_CACHED = Gauge "tidegate_authenticator_cached" ["authenticator"];
    /// Logins in the browser and sessions, by what came of them.
    LOGINS = Counter "tidegate_logins" ["authenticator", "result"];
    /// Signed statements of callers that are remembered.
    ASSERTIONS_CACHED = Gauge "tidegate_assertions_cached" [];
    /// Entries of the replicated key ledger.
    LEDGER_ENTRIES = Gauge "tidegate_ledger_entries" [];
    /// Nodes known, by region and whether they are taken for alive.
    NODES = Gauge "tidegate_nodes" ["region", "alive"];
    /// Changes of membership: nodes that came up, nodes declared down, and how often others had
    /// taken this node for dead.
    NODE_CHANGES = Counter "tidegate_node_changes" ["to"];
    /// How often a region fell silent and was heard again.
    REGION_CHANGES = Counter "tidegate_region_changes" ["region", "to"];
    /// How old the youngest word is that `to`, this node's region, has from `from`.
    REPLICATION_LAG_SECONDS = Gauge "tidegate_replication_lag_seconds" ["from", "to"];
    /// Where a region is, in degrees; always 1, the place is in the labels.
    REGION_PLACE = Gauge "tidegate_region_place" ["region", "latitude", "longitude"];
    /// Whether a region is announced, as routing tells: 1 or 0.
    REGION_ANNOUNCED = Gauge "tidegate_region_announced" ["region"];
    /// Whether this node is announced: 1 or 0.
    ANNOUNCED = Gauge "tidegate_announced" [];
    /// How often this node decided to be announced, to be second choice, and to withdraw.
    ANNOUNCED_CHANGES = Counter "tidegate_announced_changes" ["to"];
    /// Whether the routing daemon does what this node wants: 1 or 0. Alert on 0.
    ANYCAST_FOLLOWS = Gauge "tidegate_anycast_follows" [];
    /// Attempts to set the routing daemon that failed.
    ANYCAST_FAILURES = Counter "tidegate_anycast_failures" [];
    /// How often the routing daemon was not as wanted and was set.
    ANYCAST_CORRECTIONS = Counter "tidegate_anycast_corrections" [];
    /// Questions to the DNS zone, by what became of them.
    DNS_QUESTIONS = Counter "tidegate_dns_questions" ["outcome"];
    /// Whether this node takes requests: 1 or 0.
    READY = Gauge "tidegate_ready" [];
    /// Bytes sent to other nodes, by how they travel.
    MESH_SENT_BYTES = Counter "tidegate_mesh_sent_bytes" ["by"];
    /// Bytes received from other nodes, by how they travelled.
    MESH_RECEIVED_BYTES = Counter "tidegate_mesh_received_bytes" ["by"];
    /// Messages to or from other nodes that were dropped, by reason.
    MESH_DROPPED = Counter "tidegate_mesh_dropped" ["reason"];
    /// Links to other nodes that are up.
    MESH_LINKS = Gauge "tidegate_mesh_links" [];
    /// How far the node's wall clock is ahead of this machine's. Not zero while the machine's is
    /// off from those of most nodes, or was.
    CLOCK_AHEAD_SECONDS = Gauge "tidegate_clock_ahead_seconds" [];
    /// How far the clocks of most nodes are ahead of this node's; absent with fewer than two peers.
    CLOCK_APART_SECONDS = Gauge "tidegate_clock_apart_seconds" [];
    /// Whether this machine's clock is off and the node goes by those of most nodes: 1 or 0. Alert
    /// on 1.
    CLOCK_FOLLOWS_PEERS = Gauge "tidegate_clock_follows_peers" [];
    /// Lines of the access log that were dropped, by destination: as many waited as may, it did not
    /// take them, or the node ended.
    LOG_DROPPED = Counter "tidegate_access_log_dropped" ["log", "reason"];
    /// Lines of the access log written.
    LOG_WRITTEN = Counter "tidegate_access_log_written" ["log"];
    /// Requests that a sample left out of a log.
    LOG_SAMPLED_OUT = Counter "tidegate_access_log_sampled_out" ["log"];
    /// Requests whose traces were kept, by why: the client's word, the share, an error, a slow
    /// answer, or because somebody watched.
    TRACES_KEPT = Counter "tidegate_traces_kept" ["reason"];
    /// Spans that a collector took.
    SPANS_EXPORTED = Counter "tidegate_spans_exported" [];
    /// Spans that were dropped: their request had too many, too many requests were kept in a
    /// second, as many waited as may, the collector did not take them, or took only others of their
    /// batch.
    SPANS_DROPPED = Counter "tidegate_spans_dropped" ["reason"];
    /// Attempts to hand spans to a collector that failed; some are repeated.
    SPAN_EXPORT_FAILURES = Counter "tidegate_span_export_failures" ["reason"];
    /// Requests whose traces wait for the collector, and how many may.
    SPAN_QUEUE = Gauge "tidegate_span_queue" ["state"];
    /// How many `tidegate trace` watch requests, and how many may.
    TRACE_WATCHES = Gauge "tidegate_trace_watches" ["state"];
    /// Traces that whoever watched did not take in time.
    TRACE_WATCHES_MISSED = Counter "tidegate_trace_watches_missed" [];
    /// Configurations loaded, by result.
    RELOADS = Counter "tidegate_config_reloads" ["result"];
    /// The configuration that is running; always 1, the generation is the label.
    CONFIG = Gauge "tidegate_config_info" ["generation"];
    /// When that configuration was loaded, in seconds since the Unix epoch.
    CONFIG_LOADED = Gauge "tidegate_config_loaded_timestamp_seconds" [];
    /// The program that is running; always 1, the version is the label.
    BUILD = Gauge "tidegate_build_info" ["version"];
    /// How late a core's loop of events came round to what was due: requests wait as long.
    LOOP_LAG_SECONDS = Histogram "tidegate_loop_lag_seconds" ["core"];
    /// Who listens to the console's events, and how many may.
    CONSOLE_LISTENERS = Gauge "tidegate_console_listeners" ["state"];
    /// Listeners to the console's events who were turned away because as many listened as may.
    CONSOLE_TURNED_AWAY = Counter "tidegate_console_turned_away" [];
    /// Series that were left out of this scrape because a metric had too many.
    SERIES_DROPPED = Gauge "tidegate_scrape_series_dropped" [];
    /// How often a name got no series of its own because its label had too many, and is counted
    /// under `_other`.
    SERIES_OVERFLOWED = Counter "tidegate_series_overflowed" ["label"];
    /// How long it took to write the answer of the scrape before this one.
    SCRAPE_SECONDS = Gauge "tidegate_scrape_seconds" [];
    /// When the process started, in seconds since the Unix epoch.
    START_SECONDS = Gauge "process_start_time_seconds" [];
    /// Memory that the process holds.
    RSS_BYTES = Gauge "process_resident_memory_bytes" [];
    /// Address space that the process has.
    VIRTUAL_BYTES = Gauge "process_virtual_memory_bytes" [];
    /// Threads of the process.
    THREADS = Gauge "process_threads" [];
    /// User and system CPU time spent.
    CPU_SECONDS = Counter "process_cpu_seconds" [];
    /// File descriptors open.
    OPEN_FDS = Gauge "process_open_fds" [];
    /// File descriptors that may be open.
    MAX_FDS = Gauge "process_max_fds" [];
}
