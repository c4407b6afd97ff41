//! Orders to the process that holds a world together: one line each, over a socket in the data
//! folder.

use std::io;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

/// The longest order.
const LINE_MAX: usize = 1_024;

/// An order and where its answer goes.
pub(crate) type Order = (String, oneshot::Sender<String>);

/// The socket that orders come in by. It is removed when this is dropped.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
}

fn socket(data: &Path) -> PathBuf {
    data.join("world.sock")
}

impl Control {
    /// Listens for orders.
    ///
    /// # Errors
    /// If the socket cannot be made.
    pub fn listen(data: &Path) -> io::Result<(Self, mpsc::Receiver<Order>)> {
        let path = socket(data);
        // A socket of a world that ended without saying goodbye.
        let _absent = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path)?;
        let (sender, receiver) = mpsc::channel(16);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sender = sender.clone();
                // Whoever asks may leave before the answer.
                tokio::spawn(async move { take(stream, sender).await.unwrap_or_default() });
            }
        });
        Ok((Self { path }, receiver))
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _absent = std::fs::remove_file(&self.path);
    }
}

async fn take(stream: UnixStream, orders: mpsc::Sender<Order>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    tokio::io::AsyncReadExt::take(&mut stream, LINE_MAX as u64)
        .read_line(&mut line)
        .await?;
    let (sender, answer) = oneshot::channel();
    if orders.send((line.trim().to_owned(), sender)).await.is_ok()
        && let Ok(answer) = answer.await
    {
        stream.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

/// Gives an order and returns the answer.
///
/// # Errors
/// If no world runs in this data folder.
pub async fn ask(data: &Path, order: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket(data)).await?;
    stream.write_all(format!("{order}\n").as_bytes()).await?;
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await?;
    Ok(answer)
}
