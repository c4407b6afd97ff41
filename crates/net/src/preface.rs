//! The first bytes of a connection without TLS: they tell HTTP/2 from HTTP/1.1 (RFC 9113 section
//! 3.4).

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::Protocol;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads until it is clear what the client speaks. `None` if it left without a word.
pub(crate) async fn sniff<S: AsyncRead + Unpin>(
    stream: &mut S,
) -> io::Result<Option<(Protocol, Bytes)>> {
    let mut ahead = BytesMut::with_capacity(1_024);
    loop {
        if stream.read_buf(&mut ahead).await? == 0 {
            return Ok(None);
        }
        let shared = ahead.len().min(PREFACE.len());
        if ahead[..shared] != PREFACE[..shared] {
            return Ok(Some((Protocol::Http1, ahead.freeze())));
        }
        if shared == PREFACE.len() {
            return Ok(Some((Protocol::Http2, ahead.freeze())));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn the_preface_is_recognised_in_pieces() {
        for (pieces, want) in [
            (&["GET / HTTP/1.1\r\n"][..], Some(Protocol::Http1)),
            (
                &["PRI * HT", "TP/2.0\r\n\r\nSM\r\n", "\r\n"],
                Some(Protocol::Http2),
            ),
            (&["PRI * HT", "TP/1.1"], Some(Protocol::Http1)),
            (&["P", "OST"], Some(Protocol::Http1)),
            (&[], None),
        ] {
            let (mut ours, mut theirs) = tokio::io::duplex(64);
            let write = async {
                for piece in pieces {
                    theirs.write_all(piece.as_bytes()).await.unwrap();
                    tokio::task::yield_now().await;
                }
                drop(theirs);
            };
            let (found, ()) = tokio::join!(sniff(&mut ours), write);
            let found = found.unwrap();
            assert_eq!(found.as_ref().map(|(protocol, _)| *protocol), want);
            let text: String = pieces.concat();
            assert!(found.is_none_or(|(_, ahead)| text.as_bytes().starts_with(&ahead)));
        }
    }
}
