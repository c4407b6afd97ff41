//! An issuer of tokens: keys made at test time, and a server that publishes them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A key to sign tokens with.
#[derive(Debug)]
pub enum SigningKey {
    /// For RS256.
    Rsa(Box<RsaKeyPair>),
    /// For EdDSA.
    Ed25519(Ed25519KeyPair),
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl SigningKey {
    /// A fresh RSA key of 2048 bits.
    ///
    /// # Panics
    /// If none can be made.
    #[must_use]
    pub fn rsa() -> Self {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        Self::Rsa(Box::new(key))
    }

    /// A fresh Ed25519 key.
    ///
    /// # Panics
    /// If none can be made.
    #[must_use]
    pub fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().expect("a key"))
    }

    /// What is published of it.
    #[must_use]
    pub fn jwk(&self, kid: &str) -> String {
        match self {
            // PKCS #1: nine bytes of DER before a modulus of 2048 bits; the exponent is 65537.
            Self::Rsa(key) => {
                let n = b64(&key.public_key().as_ref()[9..265]);
                format!(r#"{{"kty":"RSA","kid":"{kid}","use":"sig","n":"{n}","e":"AQAB"}}"#)
            }
            Self::Ed25519(key) => {
                let x = b64(key.public_key());
                format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"{x}"}}"#)
            }
        }
    }

    /// A token of these claims, and the time at which it expires, in seconds from now.
    ///
    /// # Panics
    /// If it cannot be signed.
    #[must_use]
    pub fn token(&self, kid: &str, claims: &str, expires_in: i64) -> String {
        let alg = match self {
            Self::Rsa(_) => "RS256",
            Self::Ed25519(_) => "EdDSA",
        };
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970");
        let expires = now.as_secs() as i64 + expires_in;
        let head = b64(format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"JWT"}}"#));
        let message = format!("{head}.{}", b64(format!(r#"{{{claims},"exp":{expires}}}"#)));
        let signature = match self {
            Self::Ed25519(key) => key.sign(message.as_bytes()).as_ref().to_vec(),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                let random = SystemRandom::new();
                key.sign(
                    &RSA_PKCS1_SHA256,
                    &random,
                    message.as_bytes(),
                    &mut signature,
                )
                .expect("a signature");
                signature
            }
        };
        format!("{message}.{}", b64(signature))
    }
}

/// A server that publishes keys. It ends with the test's runtime.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// Where it listens, and its name.
    pub addr: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    keys: Vec<String>,
    down: bool,
    fetches: usize,
}

impl Issuer {
    /// Starts an issuer without keys.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let issuer = Self {
            addr,
            state: Arc::default(),
        };
        let serving = issuer.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        issuer
    }

    /// What its tokens say in `iss`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("http://{}", self.addr)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes these keys and no others.
    pub fn publish(&self, keys: &[String]) {
        self.state().keys = keys.to_vec();
    }

    /// Answers nobody any longer, or again.
    pub fn set_down(&self, down: bool) {
        self.state().down = down;
    }

    /// How often its keys were asked for, answered or not.
    #[must_use]
    pub fn fetches(&self) -> usize {
        self.state().fetches
    }

    async fn serve(self, mut stream: TcpStream) -> Option<()> {
        let mut buffer = Vec::new();
        while !buffer.windows(4).any(|four| four == b"\r\n\r\n") {
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        }
        let body = self.answer(&String::from_utf8_lossy(&buffer))?;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.ok()?;
        stream.write_all(body.as_bytes()).await.ok()
    }

    fn answer(&self, head: &str) -> Option<String> {
        let name = self.name();
        let mut state = self.state();
        let asks_for_keys = head.starts_with("GET /keys ");
        state.fetches += usize::from(asks_for_keys);
        if state.down {
            return None;
        }
        Some(if asks_for_keys {
            format!(r#"{{"keys":[{}]}}"#, state.keys.join(","))
        } else {
            format!(r#"{{"issuer":"{name}","jwks_uri":"{name}/keys"}}"#)
        })
    }
}
