//! A line that takes its time, in user space: two TAP devices in two namespaces, and a process that
//! carries frames from one to the other after a while. For kernels without `netem`, which are many.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Frames under way in one direction at most; more are dropped, as a line would.
const UNDER_WAY: usize = 16_384;
/// The longest frame: Ethernet's, with room for a tag.
const FRAME_MAX: usize = 1_600;

/// A line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Line {
    /// One end: namespace and device.
    pub a: (String, String),
    /// The other.
    pub b: (String, String),
    /// How long a frame takes.
    pub one_way_us: u64,
}

/// Carries frames until the process ends.
///
/// # Errors
/// If a device cannot be made or breaks.
#[cfg(target_os = "linux")]
pub fn carry(line: &Line) -> Result<(), String> {
    let open = |(space, device): &(String, String)| {
        open(space, device)
            .map(Arc::new)
            .map_err(|error| format!("the line's end {device} in {space} cannot be made: {error}"))
    };
    let (a, b) = (open(&line.a)?, open(&line.b)?);
    let one_way = Duration::from_micros(line.one_way_us);
    let mut threads = Vec::new();
    for (from, to) in [(&a, &b), (&b, &a)] {
        let (from, to) = (Arc::clone(from), Arc::clone(to));
        let (sender, frames) = mpsc::sync_channel(UNDER_WAY);
        threads.push(std::thread::spawn(move || take_in(&from, one_way, &sender)));
        threads.push(std::thread::spawn(move || give_out(&to, &frames)));
    }
    for thread in threads {
        // A panic there is a broken line.
        let _ended = thread.join();
    }
    Err("the line broke".to_owned())
}

/// Carries frames until the process ends.
///
/// # Errors
/// Always: it works on Linux only.
#[cfg(not(target_os = "linux"))]
pub fn carry(_line: &Line) -> Result<(), String> {
    Err("lines between namespaces work on Linux only".to_owned())
}

#[cfg(target_os = "linux")]
type Device = tun_rs::SyncDevice;

/// A device belongs to the namespace of the thread that makes it.
#[cfg(target_os = "linux")]
fn open(space: &str, device: &str) -> io::Result<Device> {
    let (space, device) = (space.to_owned(), device.to_owned());
    let making = std::thread::spawn(move || {
        super::enter(&space)?;
        let builder = tun_rs::DeviceBuilder::new().name(device);
        builder.layer(tun_rs::Layer::L2).build_sync()
    });
    making.join().map_err(|_| io::Error::other("it panicked"))?
}

#[cfg(target_os = "linux")]
#[expect(
    clippy::disallowed_methods,
    reason = "a thread of its own, for one frame after the other"
)]
fn take_in(from: &Device, one_way: Duration, frames: &SyncSender<(Instant, Vec<u8>)>) {
    let mut buffer = [0; FRAME_MAX];
    loop {
        match from.recv(&mut buffer) {
            Ok(length) => {
                let due = Instant::now() + one_way;
                // A full line drops.
                let _dropped = frames.try_send((due, buffer[..length].to_vec()));
            }
            // The device is down for now.
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

#[cfg(target_os = "linux")]
#[expect(
    clippy::disallowed_methods,
    reason = "a thread of its own, for one frame after the other"
)]
fn give_out(to: &Device, frames: &Receiver<(Instant, Vec<u8>)>) {
    for (due, frame) in frames {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        // A device that is down takes nothing.
        let _dropped = to.send(&frame);
    }
}
