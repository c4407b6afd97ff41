//! What the cache of keys costs: regions/README.md states it, and this measures it.

use std::sync::Arc;

use allocation_counter::measure;
use tidegate_identity::{CacheSpec, KeyCache, KeyId, KeyRecord};
use tidegate_model::Mono;

/// A key with a short name for its holder and nothing else: what is stated for a million of them.
const BYTES_MAX: i64 = 450;

fn kid(n: usize) -> KeyId {
    format!("{n:010}").parse().expect("ten digits")
}

/// Bytes that stay when so many keys were brought in.
fn held(spec: CacheSpec, keys: usize) -> i64 {
    let cache = KeyCache::new(spec);
    let measured = measure(|| {
        for n in 0..keys {
            let record = KeyRecord::new(kid(n), [0; 32], "a-consumer", 0);
            cache.fill(kid(n), Some((Arc::new(record), false)), Mono::ZERO);
        }
    });
    drop(cache);
    measured.bytes_current
}

#[test]
fn a_cached_key_costs_what_is_stated_and_a_full_cache_grows_no_further() {
    let keys = 100_000;
    let each = held(CacheSpec::default(), keys) / keys as i64;
    println!("{each} bytes a key");
    assert!((100..=BYTES_MAX).contains(&each), "{each} bytes a key");
    let spec = CacheSpec {
        entries_max: keys / 10,
        ..CacheSpec::default()
    };
    let full = held(spec, keys);
    assert!(full <= BYTES_MAX * keys as i64 / 10, "{full} bytes");
}
