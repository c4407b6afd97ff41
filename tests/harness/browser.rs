//! A client that behaves as a browser does: it keeps cookies, follows redirects and fills in forms.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Redirects followed at most.
const STEPS_MAX: usize = 16;

/// What a browser shows.
#[derive(Clone, Debug)]
pub struct Page {
    /// Where it is.
    pub url: String,
    /// The status.
    pub status: u16,
    /// Headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub body: String,
}

impl Page {
    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(given, _)| given == name);
        found.next().map_or("", |(_, value)| value)
    }

    /// What the page's input of this name holds.
    #[must_use]
    pub fn input(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("name=\"{name}\" value=\""))?;
        Some(rest.split_once('"')?.0)
    }
}

/// A browser.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    /// Where hosts are; an address is itself.
    pub hosts: BTreeMap<String, SocketAddr>,
    /// Cookies by host and name.
    pub jar: BTreeMap<(String, String), String>,
}

impl Browser {
    /// A browser that finds this host here.
    #[must_use]
    pub fn new(host: &str, addr: SocketAddr) -> Self {
        let hosts = BTreeMap::from([(host.to_owned(), addr)]);
        let jar = BTreeMap::new();
        Self { hosts, jar }
    }

    /// Opens a page, wherever that leads.
    ///
    /// # Panics
    /// If somebody does not answer, or sends it round in circles.
    pub async fn open(&mut self, url: &str) -> Page {
        let page = self.step("GET", url, &[], "").await;
        self.follow(page).await
    }

    /// Sends a form, and goes where that leads.
    ///
    /// # Panics
    /// As [`Browser::open`].
    pub async fn submit(&mut self, url: &str, form: &str) -> Page {
        let page = self.step("POST", url, &[], form).await;
        self.follow(page).await
    }

    async fn follow(&mut self, mut page: Page) -> Page {
        for _ in 0..STEPS_MAX {
            if !(300..400).contains(&page.status) {
                return page;
            }
            let location = page.header("location");
            let next = match location.starts_with('/') {
                true => format!("{}{location}", site(&page.url)),
                false => location.to_owned(),
            };
            page = self.step("GET", &next, &[], "").await;
        }
        panic!("in circles: {page:?}");
    }

    /// One request, as a page that is opened sends it unless `headers` say otherwise.
    ///
    /// # Panics
    /// If there is no answer.
    pub async fn step(
        &mut self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        form: &str,
    ) -> Page {
        let uri: Uri = url.parse().expect("a URL");
        let authority = uri.authority().expect("an authority").as_str();
        let host = uri.host().expect("a host").to_owned();
        let addr = self.hosts.get(&host).copied();
        let addr = addr.unwrap_or_else(|| authority.parse().expect("an address"));
        let stream = TcpStream::connect(addr).await.expect("a connection");
        let (mut sender, conn) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
        tokio::spawn(conn);
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header("host", authority);
        let as_page = [
            ("accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let said = if headers.is_empty() {
            &as_page
        } else {
            headers
        };
        for (name, value) in said {
            request = request.header(*name, *value);
        }
        let cookies = self.jar.iter().filter(|((at, _), _)| *at == host);
        let cookies = cookies.map(|((_, name), value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        if !cookies.is_empty() {
            request = request.header("cookie", cookies);
        }
        let body: Full<Bytes> = Full::from(Bytes::from(form.to_owned()));
        let request = request.body(body).expect("a request");
        let response = sender.send_request(request).await.expect("an answer");
        let status = response.status().as_u16();
        let value = |value: &hyper::header::HeaderValue| {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        let headers: Vec<(String, String)> = response
            .headers()
            .iter()
            .map(|(name, v)| (name.to_string(), value(v)))
            .collect();
        for (_, field) in headers.iter().filter(|(name, _)| name == "set-cookie") {
            self.keep(&host, field);
        }
        let body = response.into_body().collect().await.expect("a body");
        Page {
            url: url.to_owned(),
            status,
            headers,
            body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        }
    }

    fn keep(&mut self, host: &str, field: &str) {
        let (pair, attributes) = field.split_once(';').unwrap_or((field, ""));
        let (name, value) = pair.split_once('=').expect("a cookie");
        let at = (host.to_owned(), name.to_owned());
        let attributes = attributes.to_ascii_lowercase();
        let gone = attributes.contains("max-age=0") || attributes.contains("1970");
        match gone || value.is_empty() {
            true => self.jar.remove(&at),
            false => self.jar.insert(at, value.to_owned()),
        };
    }
}

/// Scheme, host and port of a URL.
fn site(url: &str) -> String {
    url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/")
}
