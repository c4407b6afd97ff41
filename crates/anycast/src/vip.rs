//! Addresses that live as long as the process.
//!
//! The node opens a TUN device and puts the anycast addresses on it. When the process dies, however
//! it dies, the kernel removes the device, and BIRD's `protocol direct` withdraws the route with
//! it. No packet goes through the device: the addresses on it are local.

use std::net::IpAddr;

/// Why a device cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum VipError {
    /// The system refused.
    #[error(
        "the device `{device}` for the anycast address cannot be made: {why} (it needs /dev/net/tun and CAP_NET_ADMIN; \
         without `anycast.bird.device` a watchdog alone withdraws a dead node)"
    )]
    Refused {
        /// Which device.
        device: String,
        /// Why not.
        why: String,
    },
    /// Not Linux.
    #[error("`anycast.bird.device` works on Linux only")]
    NotLinux,
}

/// A device with the anycast addresses. They go when this is dropped or the process ends.
pub struct Vip {
    #[cfg(target_os = "linux")]
    _device: tun_rs::SyncDevice,
}

impl std::fmt::Debug for Vip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vip")
    }
}

impl Vip {
    /// Makes the device and puts `addresses` on it.
    ///
    /// # Errors
    /// [`VipError`].
    #[cfg(target_os = "linux")]
    pub fn open(device: &str, addresses: &[IpAddr]) -> Result<Self, VipError> {
        let refused = |why: std::io::Error| VipError::Refused {
            device: device.to_owned(),
            why: why.to_string(),
        };
        let made = tun_rs::DeviceBuilder::new()
            .name(device)
            .build_sync()
            .map_err(refused)?;
        for address in addresses {
            match address {
                IpAddr::V4(v4) => made.add_address_v4(*v4, 32).map_err(refused)?,
                IpAddr::V6(v6) => made.add_address_v6(*v6, 128).map_err(refused)?,
            }
        }
        Ok(Self { _device: made })
    }

    /// Makes the device and puts `addresses` on it.
    ///
    /// # Errors
    /// Always, on this system.
    #[cfg(not(target_os = "linux"))]
    pub fn open(_device: &str, _addresses: &[IpAddr]) -> Result<Self, VipError> {
        Err(VipError::NotLinux)
    }
}
