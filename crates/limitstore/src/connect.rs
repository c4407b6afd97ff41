//! Where Redis is, how to log in, and connections to it.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use redis::aio::MultiplexedConnection;
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, FromRedisValue,
    IntoConnectionInfo, RedisConnectionInfo, RedisResult, ScriptInvocation, TlsCertificates,
    TlsMode,
};
use tidegate_limit::RedisSpec;
use tidegate_model::Secret;

/// Why a Redis cannot be used as it is described.
#[derive(Debug, thiserror::Error)]
pub enum BadStore {
    /// A file cannot be read.
    #[error("{0} cannot be read: {1}")]
    File(PathBuf, std::io::Error),
    /// The file of the password holds nothing.
    #[error("{0} holds no password")]
    Empty(PathBuf),
    /// The client does not take it.
    #[error("the Redis of limits cannot be used: {0}")]
    Client(#[from] redis::RedisError),
}

/// A Redis, with all that is needed to connect to it.
pub struct Target {
    pub(crate) spec: RedisSpec,
    password: Option<Secret>,
    ca: Option<Vec<u8>>,
    client: Kind,
}

enum Kind {
    Single(Box<Client>),
    Cluster(Box<ClusterClient>),
}

/// A connection. Clones share it.
#[derive(Clone)]
pub(crate) enum Link {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("spec", &self.spec)
            .finish_non_exhaustive()
    }
}

impl Target {
    /// Reads the files that the spec names, `resolve`d.
    ///
    /// # Errors
    /// [`BadStore`].
    pub fn load(spec: RedisSpec, resolve: impl Fn(&Path) -> PathBuf) -> Result<Self, BadStore> {
        let read = |path: &PathBuf| {
            let path = resolve(path);
            match fs::read(&path) {
                Ok(bytes) => Ok((path, bytes)),
                Err(error) => Err(BadStore::File(path, error)),
            }
        };
        let ca = spec.tls_ca.as_ref().map(read).transpose()?;
        let ca = ca.map(|(_, pem)| pem);
        let password = match spec.password_file.as_ref().map(read).transpose()? {
            None => None,
            Some((path, bytes)) => {
                let text = String::from_utf8(bytes).unwrap_or_default();
                if text.trim().is_empty() {
                    return Err(BadStore::Empty(path));
                }
                Some(Secret::new(text.trim().to_owned()))
            }
        };
        let client = client(&spec, password.as_ref(), ca.clone())?;
        Ok(Self {
            spec,
            password,
            ca,
            client,
        })
    }

    /// Whether a store for `other` would be the same.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let secret = |target: &Self| target.password.as_ref().map(|p| p.reveal().to_owned());
        self.spec == other.spec && self.ca == other.ca && secret(self) == secret(other)
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> RedisResult<Link> {
        match &self.client {
            Kind::Single(client) => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(self.spec.connect_timeout.get()))
                    .set_response_timeout(Some(self.spec.command_timeout.get()));
                let link = client.get_multiplexed_async_connection_with_config(&config);
                link.await.map(Link::Single)
            }
            Kind::Cluster(client) => client.get_async_connection().await.map(Link::Cluster),
        }
    }
}

fn client(
    spec: &RedisSpec,
    password: Option<&Secret>,
    ca: Option<Vec<u8>>,
) -> Result<Kind, BadStore> {
    let nodes = spec.nodes.iter().map(|node| info(spec, node, password));
    let mut nodes = nodes.collect::<RedisResult<Vec<ConnectionInfo>>>()?;
    let certificates = TlsCertificates {
        client_tls: None,
        root_cert: ca,
    };
    if spec.cluster {
        let builder = ClusterClient::builder(nodes)
            .connection_timeout(spec.connect_timeout.get())
            .response_timeout(spec.command_timeout.get())
            // Redirections are followed; how often something is tried is for us to say.
            .retries(REDIRECTIONS);
        let builder = logged_in(builder, spec, password);
        let builder = match spec.tls {
            true => builder.tls(TlsMode::Secure).certs(certificates),
            false => builder,
        };
        return Ok(Kind::Cluster(Box::new(builder.build()?)));
    }
    let first = nodes.swap_remove(0);
    let client = match spec.tls {
        true => Client::build_with_tls(first, certificates)?,
        false => Client::open(first)?,
    };
    Ok(Kind::Single(Box::new(client)))
}

/// A slot may just be moving to another node.
const REDIRECTIONS: u32 = 2;

fn logged_in(
    builder: ClusterClientBuilder,
    spec: &RedisSpec,
    password: Option<&Secret>,
) -> ClusterClientBuilder {
    let builder = match password {
        Some(password) => builder.password(password.reveal()),
        None => builder,
    };
    match &spec.user {
        Some(user) => builder.username(user),
        None => builder,
    }
}

fn info(spec: &RedisSpec, node: &str, password: Option<&Secret>) -> RedisResult<ConnectionInfo> {
    // The configuration's check has seen that it is host:port.
    let (host, port) = node.rsplit_once(':').unwrap_or((node, "6379"));
    let host = host.trim_matches(['[', ']']).to_owned();
    let port = port.parse().unwrap_or(6_379);
    let addr = match spec.tls {
        false => ConnectionAddr::Tcp(host, port),
        true => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        },
    };
    let mut settings = RedisConnectionInfo::default();
    if let Some(user) = &spec.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = password {
        settings = settings.set_password(password.reveal());
    }
    Ok(addr.into_connection_info()?.set_redis_settings(settings))
}

impl Link {
    /// Calls the script.
    pub(crate) async fn call<T: FromRedisValue>(
        &mut self,
        call: &ScriptInvocation<'_>,
    ) -> RedisResult<T> {
        match self {
            Self::Single(link) => call.invoke_async(link).await,
            Self::Cluster(link) => call.invoke_async(link).await,
        }
    }

    /// Writes a key that soon goes again: a server that only reads, or has no room, is not well.
    pub(crate) async fn write(&mut self, key: &str) -> RedisResult<()> {
        let mut set = redis::cmd("SET");
        set.arg(key).arg(1).arg("PX").arg(KEPT_MS);
        match self {
            Self::Single(link) => set.query_async(link).await,
            Self::Cluster(link) => set.query_async(link).await,
        }
    }
}

const KEPT_MS: u32 = 1_000;
