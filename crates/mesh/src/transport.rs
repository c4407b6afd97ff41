//! How links behave, both ways.

use std::sync::Arc;
use std::time::Duration;

use quinn::{TransportConfig, VarInt};

/// Streams that one peer may have open to us.
pub(crate) const STREAMS_MAX: u32 = 64;
/// A link without a sign of life ends after this; membership notices sooner.
const IDLE: Duration = Duration::from_secs(15);
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Datagrams that wait for the control thread; older ones are dropped for newer.
const RECEIVE_BUFFER: usize = 1 << 20;

/// How links behave, both ways.
pub(crate) fn transport() -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    config
        .max_idle_timeout(Some(VarInt::from_u32(IDLE.as_millis() as u32).into()))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_concurrent_uni_streams(STREAMS_MAX.into())
        .max_concurrent_bidi_streams(0_u32.into())
        .datagram_receive_buffer_size(Some(RECEIVE_BUFFER));
    Arc::new(config)
}
