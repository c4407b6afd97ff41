//! The real binary, from the outside: one behaviour a file.

mod accelerator;
mod anycast;
mod asking;
mod authorization;
mod bad_input;
mod callers;
mod cli;
mod console;
mod dashboards;
mod dns_steering;
mod dynamo;
mod dynamo_down;
mod ext_authz;
mod failover;
mod key_fields;
mod keys;
mod limit_algorithms;
mod limit_kinds;
mod limit_ops;
mod limits;
mod limits_mesh;
mod load;
mod login;
mod logs;
mod logs_aws;
mod logs_down;
mod logs_kafka;
mod metrics;
mod mtls;
mod node;
mod operator;
mod redis;
mod relay;
mod scrapes;
mod self_request;
mod signed;
mod speakers;
mod tls;
mod tokens;
mod traces;
mod upstreams;

/// Routes and limits that most tests need.
pub(crate) const WORLD: &str = "\
upstreams:
  echo:
    first_byte_timeout: 1s
    idle_timeout: 1s
    total_timeout: 3s
    health: { interval: 200ms, timeout: 1s }
limits:
  per-key: { amount: 1000, window: 1m }
  wide: { amount: 100000000, window: 1m }
plans:
  tiny: { limits: { wide: 2 } }
keys: { env: test }
steer: { check_interval: 250ms, start: 2, rise: 2, dwell: 2s, ramp: 1s, permit: 3s, pause: 3s }
routes:
  limited: { path: /api/*, upstream: echo, limits: [per-key] }
  wide: { path: /wide/*, upstream: echo, limits: [wide], body_max: 1MiB }
  open: { path: /open/*, upstream: echo, auth: none, body_max: 64KiB }
  posts: { path: /posts, methods: [POST], upstream: echo, auth: none }
";
