//! Messages as bytes: one version byte, then postcard.

use bytes::Bytes;

use crate::Message;

/// The format that this build writes, and the latest it reads.
const VERSION: u8 = 1;

/// The largest message that is sent as one datagram; what is longer goes by stream.
pub const DATAGRAM_MAX: usize = 1_100;

/// Why bytes are no message. Nothing of them was used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Undecodable {
    /// The sender speaks a later format: expected during a rolling upgrade.
    #[error("format {found} is later than {VERSION}, the latest we read")]
    TooNew {
        /// The version byte.
        found: u8,
    },
    /// Not a message: a bug over there, or a forgery.
    #[error("not a message")]
    Malformed,
}

/// A message as bytes.
#[must_use]
pub fn encode(message: &Message) -> Bytes {
    postcard::to_extend(message, vec![VERSION])
        .expect("a Vec takes all that is written to it")
        .into()
}

/// Bytes as a message.
///
/// # Errors
/// [`Undecodable`]; memory taken meanwhile is bounded by the length of `bytes`.
pub fn decode(bytes: &[u8]) -> Result<Message, Undecodable> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => postcard::from_bytes(rest).map_err(|_| Undecodable::Malformed),
        Some((&found, _)) if found > VERSION => Err(Undecodable::TooNew { found }),
        _ => Err(Undecodable::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tidegate_limit::{Actor, Batch, Delta, Group, LimitId, Update, WindowIx};
    use tidegate_model::Epoch;

    use super::*;

    fn counts(rows: usize) -> Message {
        let update = Update {
            subject: [0xff; 8],
            admitted: 60_000,
            refused: 600_000,
            rate_deci: 90_000,
            age_ms: 200,
        };
        let group = Group {
            limit: LimitId(u64::MAX),
            window: WindowIx(29_922_622),
            updates: vec![update; rows],
        };
        let actor = Actor {
            node: "ap-southeast-1/node-01".parse().unwrap(),
            epoch: Epoch(1_795_357_987_000),
        };
        Message::Counts(Batch {
            deltas: vec![Delta {
                actor,
                groups: vec![group],
            }],
        })
    }

    #[test]
    fn the_format_of_today_is_read_tomorrow() {
        // A golden vector: if this fails, the format has changed and VERSION must change with it.
        let bytes = encode(&counts(1));
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let want = "010201\
                    1661702d736f757468656173742d312f6e6f64652d3031b8a1b39da034\
                    01ffffffffffffffffff01beaaa20e\
                    01ffffffffffffffffe0d403c0cf2490bf05c801";
        assert_eq!(hex, want.replace(' ', ""));
        assert_eq!(decode(&bytes), Ok(counts(1)));
    }

    #[test]
    fn a_full_piece_fits_a_datagram() {
        let Message::Counts(batch) = counts(500) else {
            unreachable!()
        };
        for piece in batch.pieces(DATAGRAM_MAX - 8) {
            let len = encode(&Message::Counts(piece)).len();
            assert!(len <= DATAGRAM_MAX, "{len}");
        }
    }

    #[test]
    fn other_versions_are_told_apart_from_noise() {
        assert_eq!(decode(&[2, 0]), Err(Undecodable::TooNew { found: 2 }));
        assert_eq!(decode(&[0, 0]), Err(Undecodable::Malformed));
        assert_eq!(decode(&[]), Err(Undecodable::Malformed));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(first) = bytes.first_mut() {
                *first = VERSION;
            }
            let _ignored = decode(&bytes);
        }
    }
}
