//! Servers that say one thing, and names that mean what a test says.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cardea_egress::{Egress, Limits, Resolve};
use futures_util::future::BoxFuture;
use ipnet::{IpNet, Ipv4Net};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// 127.0.0.0/8
pub(crate) const LOOPBACK: IpNet = IpNet::V4(Ipv4Net::new_assert(std::net::Ipv4Addr::new(127, 0, 0, 0), 8));

/// Answers every request with the same bytes.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) connections: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) async fn start(host: &str, answer: &str) -> Self {
        Self::start_at(host, 0, answer).await
    }

    pub(crate) async fn start_at(host: &str, port: u16, answer: &str) -> Self {
        let listener = TcpListener::bind((host, port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let (count, answer) = (Arc::clone(&connections), Arc::<str>::from(answer));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let answer = Arc::clone(&answer);
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                        if stream.write_all(answer.as_bytes()).await.is_err() || answer.contains("close") {
                            break;
                        }
                    }
                });
            }
        });
        Self { port, connections }
    }
}

/// Answers question after question; the last answer is repeated.
#[derive(Default)]
pub(crate) struct Answers {
    pub(crate) asked: AtomicUsize,
    answers: Mutex<Vec<Vec<IpAddr>>>,
}

impl Answers {
    pub(crate) fn of(answers: &[&[&str]]) -> Self {
        let answers = answers.iter().rev().map(|answer| answer.iter().map(|ip| ip.parse().unwrap()).collect());
        Self { asked: AtomicUsize::new(0), answers: Mutex::new(answers.collect()) }
    }

    pub(crate) fn always(answer: &[&str]) -> Self {
        Self::of(&[answer])
    }
}

impl Resolve for Answers {
    fn resolve(&self, _: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop() } else { answers.last().cloned() };
        Box::pin(std::future::ready(answer.ok_or_else(|| io::Error::other("no such name"))))
    }
}

pub(crate) fn egress(answers: &Arc<Answers>) -> Egress {
    egress_within(answers, Limits::default())
}

pub(crate) fn egress_within(answers: &Arc<Answers>, limits: Limits) -> Egress {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    Egress::with(tls, Arc::clone(answers) as _, limits)
}
