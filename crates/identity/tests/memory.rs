//! What the cache of keys costs: regions/README.md states it, and this measures it.

use std::sync::Arc;

use allocation_counter::measure;
use tidegate_identity::{CacheSpec, KeyCache, KeyId, KeyRecord};
use tidegate_model::Mono;

/// A key with a short name for its holder and nothing else: what is stated for a million of them.
const BYTES_MAX: i64 = 450;

/// Identifiers as they are made: ten random letters and digits.
fn kid(n: usize) -> KeyId {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut mixed = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let text: String = (0..10)
        .map(|_| {
            let digit = DIGITS[(mixed % 62) as usize];
            mixed = (mixed / 62) ^ mixed.rotate_left(23).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            char::from(digit)
        })
        .collect();
    text.parse().expect("ten letters and digits")
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
    let keys = 1_000_000;
    // Twice as much room, so that none is evicted while they come in.
    let roomy = CacheSpec {
        entries_max: 2 * keys,
        ..CacheSpec::default()
    };
    let each = held(roomy, keys) / keys as i64;
    println!("{each} bytes a key");
    assert!((100..=BYTES_MAX).contains(&each), "{each} bytes a key");
    let spec = CacheSpec {
        entries_max: keys / 100,
        ..CacheSpec::default()
    };
    let full = held(spec, keys / 10);
    assert!(full <= BYTES_MAX * keys as i64 / 100, "{full} bytes");
}
