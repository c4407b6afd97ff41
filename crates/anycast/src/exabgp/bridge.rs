//! The process that ExaBGP starts: it passes lines between ExaBGP's pipes and a Unix socket.
//!
//! One caller at a time: an answer belongs to whoever asked. What ExaBGP says while nobody listens
//! is dropped. It ends with ExaBGP.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// The longest line either side may say.
const LINE_MAX: u64 = 64 * 1_024;
/// A caller who says nothing for so long is hung up on: others wait.
const IDLE: Duration = Duration::from_secs(5);
/// Owner and group may call.
const MODE: u32 = 0o660;

/// Passes lines between ExaBGP (`input`, `output`) and callers at `socket`, until ExaBGP ends.
///
/// # Errors
/// The socket cannot be made, or ExaBGP's pipes broke.
pub async fn bridge(
    socket: &Path,
    started: &str,
    input: impl AsyncRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(socket)?;
    std::fs::set_permissions(socket, PermissionsExt::from_mode(MODE))?;
    let mut input = Lines::new(input);
    loop {
        tokio::select! {
            caller = listener.accept() => {
                let (caller, _) = caller?;
                if !serve(caller, started, &mut input, &mut output).await? {
                    return Ok(());
                }
            }
            line = input.next() => if line?.is_none() {
                return Ok(());
            },
        }
    }
}

/// Serves one caller. Whether ExaBGP is still there.
async fn serve(
    caller: UnixStream,
    started: &str,
    input: &mut Lines<impl AsyncRead + Unpin>,
    output: &mut (impl AsyncWrite + Unpin),
) -> io::Result<bool> {
    let (read, mut write) = caller.into_split();
    let mut asks = Lines::new(read);
    if write
        .write_all(format!("{started}\n").as_bytes())
        .await
        .is_err()
    {
        return Ok(true);
    }
    loop {
        tokio::select! {
            // What ExaBGP said before belongs to nobody any more: it is passed on first, and a
            // caller reads it before it asks.
            line = input.next() => {
                let Some(line) = line? else { return Ok(false) };
                if write.write_all(&line).await.is_err() {
                    return Ok(true);
                }
            }
            line = asks.next() => {
                let Ok(Some(line)) = line else { return Ok(true) };
                output.write_all(&line).await?;
                output.flush().await?;
            }
            () = tokio::time::sleep(IDLE) => return Ok(true),
        }
    }
}

/// Lines of bounded length, read so that giving up in the middle loses nothing.
struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    fn new(reader: R) -> Self {
        Self {
            reader: BufReader::new(reader),
            line: Vec::new(),
        }
    }

    async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let left = LINE_MAX.saturating_sub(self.line.len() as u64);
        let mut rest = (&mut self.reader).take(left);
        rest.read_until(b'\n', &mut self.line).await?;
        match self.line.last() {
            Some(b'\n') => Ok(Some(std::mem::take(&mut self.line))),
            _ if self.line.len() as u64 >= LINE_MAX => {
                Err(io::Error::other("a line is longer than 64 KiB"))
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn callers_are_served_one_after_the_other_until_exabgp_ends() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let socket = folder.path().join("x.sock");
        let (mut to_bridge, input) = tokio::io::duplex(1_024);
        let (output, from_bridge) = tokio::io::duplex(1_024);
        let path = socket.clone();
        let running = tokio::spawn(async move { bridge(&path, "now", input, output).await });
        let mut exabgp = Lines::new(from_bridge);
        for round in 0..2 {
            let caller = loop {
                match UnixStream::connect(&socket).await {
                    Ok(caller) => break caller,
                    Err(_) => tokio::task::yield_now().await,
                }
            };
            let (read, mut write) = caller.into_split();
            let mut answers = Lines::new(read);
            assert_eq!(answers.next().await.unwrap().unwrap(), b"now\n");
            write.write_all(b"version\n").await.unwrap();
            assert_eq!(
                exabgp.next().await.unwrap().unwrap(),
                b"version\n",
                "{round}"
            );
            to_bridge.write_all(b"exabgp 4\ndone\n").await.unwrap();
            assert_eq!(answers.next().await.unwrap().unwrap(), b"exabgp 4\n");
            assert_eq!(answers.next().await.unwrap().unwrap(), b"done\n");
        }
        drop(to_bridge);
        running.await.unwrap().unwrap();
        assert!(UnixStream::connect(&socket).await.is_err());
    }
}
