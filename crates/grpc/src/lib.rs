//! Connections that gRPC is spoken over: HTTP/2 on a stream that somebody else has dialled, so that
//! names, certificates and time limits stay their affair.

mod connection;
mod kept;

pub use connection::Connection;
pub use kept::Kept;
