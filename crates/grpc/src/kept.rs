//! A connection that is kept for the next call.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Mutex;

use crate::Connection;

/// At most one connection, made when it is needed: by one for all who need it.
#[derive(Debug, Default)]
pub struct Kept(Mutex<Option<Connection>>);

impl Kept {
    /// The connection that is there, if it is open.
    pub async fn open(&self) -> Option<Connection> {
        let kept = self.0.lock().await.clone();
        kept.filter(|kept| !kept.is_closed())
    }

    /// The connection, for which a stream is dialled if there is none.
    ///
    /// # Errors
    /// A sentence.
    pub async fn connected<S>(
        &self,
        dial: impl Future<Output = Result<S, String>>,
    ) -> Result<Connection, String>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut kept = self.0.lock().await;
        if let Some(open) = kept.as_ref().filter(|kept| !kept.is_closed()) {
            return Ok(open.clone());
        }
        let fresh = Connection::over(dial.await?).await;
        let fresh = fresh.map_err(|error| error.to_string())?;
        *kept = Some(fresh.clone());
        Ok(fresh)
    }

    /// Lets go of it.
    pub async fn hang_up(&self) {
        *self.0.lock().await = None;
    }
}
