//! Speaks to the local stand-in for the internet.

use std::net::SocketAddr;
use std::time::Duration;

use tidegate_steer::Plan;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::protocol::{Announcement, HOLD, LINE_MAX, PULSE, Routes};
use crate::{Speaker, Spoken};

const PAUSE: Duration = Duration::from_millis(200);

/// Announces this node to the local stand-in for the internet.
#[derive(Debug)]
pub struct Director {
    wanted: watch::Sender<bool>,
}

impl Director {
    /// Keeps a session with the stand-in at `addr`, for as long as the returned speaker lives.
    /// `said` hears what has come of it. Call it within the control runtime.
    pub fn start(
        addr: SocketAddr,
        announcement: Announcement,
        said: impl Fn(Spoken) + Send + Sync + 'static,
    ) -> Self {
        let (wanted, changes) = watch::channel(announcement.announce);
        tokio::spawn(keep_session(addr, announcement, changes, said));
        Self { wanted }
    }
}

impl Speaker for Director {
    fn apply(&self, plan: &Plan) {
        tracing::info!(plan = plan.number, announce = plan.announce, reason = %plan.reason, "Plan applied.");
        self.wanted.send_replace(plan.announce);
    }
}

async fn keep_session(
    addr: SocketAddr,
    mut announcement: Announcement,
    mut wanted: watch::Receiver<bool>,
    said: impl Fn(Spoken) + Send + Sync,
) {
    let mut complained = false;
    while wanted.has_changed().is_ok() {
        match TcpStream::connect(addr).await {
            Ok(stream) => {
                complained = false;
                session(stream, &mut announcement, &mut wanted, &said).await;
                // Whoever announced us is gone: nobody sends us clients, and we do not know who
                // else gets them.
                said(Spoken::Applied { announced: false });
                said(Spoken::Routes(None));
            }
            Err(error) if !complained => {
                complained = true;
                tracing::warn!(%addr, %error, "The director cannot be reached; trying on.");
            }
            Err(_) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// One session, until it breaks or nobody wants it any more.
async fn session(
    mut stream: TcpStream,
    announcement: &mut Announcement,
    wanted: &mut watch::Receiver<bool>,
    said: &(impl Fn(Spoken) + Send + Sync),
) {
    let (read, mut write) = stream.split();
    let mut read = BufReader::new(read);
    let mut line = Vec::new();
    let mut pulse = tokio::time::interval(PULSE);
    let mut heard = tokio::time::Instant::now();
    loop {
        // What was read so far stays in `line` when another branch is taken.
        let mut rest = (&mut read).take((LINE_MAX - line.len().min(LINE_MAX)) as u64);
        tokio::select! {
            changed = wanted.changed() => {
                if changed.is_err() {
                    return;
                }
                pulse.reset_immediately();
            }
            _ = pulse.tick() => {
                if heard.elapsed() > HOLD {
                    return;
                }
                announcement.announce = *wanted.borrow_and_update();
                let Ok(mut text) = serde_json::to_vec(&announcement) else { return };
                text.push(b'\n');
                if write.write_all(&text).await.is_err() {
                    return;
                }
                said(Spoken::Applied { announced: announcement.announce });
            }
            read = rest.read_until(b'\n', &mut line) => {
                if !read.is_ok_and(|n| n > 0) || line.last() != Some(&b'\n') {
                    return;
                }
                let Ok(routes) = serde_json::from_slice::<Routes>(&line) else { return };
                heard = tokio::time::Instant::now();
                said(Spoken::Routes(Some(routes.regions.into_iter().collect())));
                line.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tidegate_steer::Reason;
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_session_tells_hears_and_comes_back() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (sender, mut said) = mpsc::channel(64);
        let announcement = Announcement {
            node: "us/a".parse().unwrap(),
            announce: false,
            doors: BTreeMap::new(),
        };
        let say = move |spoken| sender.try_send(spoken).expect("the test listens");
        let director = Director::start(listener.local_addr().unwrap(), announcement, say);
        for round in 0..2 {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            director.apply(&Plan {
                number: 1,
                announce: true,
                reduced: false,
                reason: Reason::Fit,
            });
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).await.unwrap();
                if serde_json::from_str::<Announcement>(&line)
                    .unwrap()
                    .announce
                {
                    break;
                }
            }
            stream.write_all(b"{\"regions\":[\"us\"]}\n").await.unwrap();
            let regions = ["us".parse().unwrap()].into();
            loop {
                if said.recv().await.unwrap()
                    == Spoken::Routes(Some(std::collections::BTreeSet::clone(&regions)))
                {
                    break;
                }
            }
            drop(stream);
            while said.recv().await.unwrap() != Spoken::Routes(None) {}
            assert!(round < 2);
        }
    }
}
