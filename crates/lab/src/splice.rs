//! Moves bytes between a client and a node, as far apart as they would be.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;

const CHUNK: usize = 16 * 1_024;
/// Chunks under way in one direction at most: about what a fast line holds.
const UNDER_WAY: usize = 64;

/// Moves bytes both ways until both sides are done, or one breaks.
pub(crate) async fn splice(
    mut client: TcpStream,
    mut node: TcpStream,
    one_way: Duration,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    node.set_nodelay(true)?;
    if one_way.is_zero() {
        tokio::io::copy_bidirectional(&mut client, &mut node).await?;
        return Ok(());
    }
    let (client_read, client_write) = client.split();
    let (node_read, node_write) = node.split();
    tokio::try_join!(
        pump(client_read, node_write, one_way),
        pump(node_read, client_write, one_way)
    )?;
    Ok(())
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    one_way: Duration,
) -> io::Result<()> {
    let (sender, mut under_way) = mpsc::channel::<(Instant, Bytes)>(UNDER_WAY);
    let read = async move {
        loop {
            let mut chunk = BytesMut::with_capacity(CHUNK);
            if from.read_buf(&mut chunk).await? == 0 {
                return Ok::<_, io::Error>(());
            }
            if sender
                .send((Instant::now() + one_way, chunk.freeze()))
                .await
                .is_err()
            {
                return Ok(());
            }
        }
    };
    let write = async move {
        while let Some((due, chunk)) = under_way.recv().await {
            tokio::time::sleep_until(due).await;
            to.write_all(&chunk).await?;
        }
        tokio::time::sleep(one_way).await;
        to.shutdown().await
    };
    tokio::try_join!(read, write)?;
    Ok(())
}
