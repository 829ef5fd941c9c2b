//! Settings that are kept and used for many connections, checked by the caller: terms of the host's, trust, TLS.

use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::Uint8Array;
use napi::{Error, Result, Status};
use napi_derive::napi;

use crate::connect;
use crate::policy::{Class, Policy, Rule, unwrap_range};
use crate::tls;
use crate::tuning::KeepAlive;

/// What the host sets for connections.
#[napi(object)]
pub struct ConnectTermsSettings {
    /// What may be connected to, if not everything.
    pub allow: Option<Vec<NetworkRule>>,
    /// What may not.
    pub deny: Vec<NetworkRule>,
    /// Milliseconds for connecting and the handshake.
    pub timeout: Option<u32>,
    /// Milliseconds of silence before the kernel probes the peer; 0 leaves them to the system, none turns probes off.
    pub keep_alive: Option<u32>,
}

/// One entry of a network policy: a name, a range of addresses, or a class of them.
#[napi(object)]
pub struct NetworkRule {
    /// Lower case, without a final dot.
    pub host: Option<String>,
    /// The range, `address/length`.
    pub range: Option<String>,
    /// `local`, `private` or `public`.
    pub class: Option<String>,
    /// Of a name or a range; any, if there is none.
    pub port: Option<u16>,
}

impl TryFrom<NetworkRule> for Rule {
    type Error = Error;

    fn try_from(rule: NetworkRule) -> Result<Rule> {
        let port = rule.port;
        let parsed = match (rule.host, rule.range, rule.class.as_deref()) {
            (Some(name), None, None) => Some(Rule::Host { name, port }),
            (None, Some(range), None) => range.parse().ok().map(|range| Rule::Range {
                range: unwrap_range(range),
                port,
            }),
            (None, None, Some("local")) => Some(Rule::Class(Class::Local)),
            (None, None, Some("private")) => Some(Rule::Class(Class::Private)),
            (None, None, Some("public")) => Some(Rule::Class(Class::Public)),
            _ => None,
        };
        parsed.ok_or_else(|| Error::new(Status::InvalidArg, "not a rule of a network policy"))
    }
}

/// What the host sets for connections, to be kept and used for many.
#[napi]
pub struct ConnectTerms {
    pub(super) terms: Arc<connect::Terms>,
}

#[napi]
impl ConnectTerms {
    /// Takes the settings over.
    #[napi(constructor)]
    pub fn new(settings: ConnectTermsSettings) -> Result<Self> {
        let rules = |list: Vec<NetworkRule>| list.into_iter().map(Rule::try_from).collect::<Result<Vec<_>>>();
        let milliseconds = |count: u32| Duration::from_millis(count.into());
        Ok(ConnectTerms {
            terms: Arc::new(connect::Terms {
                policy: Policy {
                    allow: settings.allow.map(rules).transpose()?,
                    deny: rules(settings.deny)?,
                },
                timeout: settings.timeout.map(milliseconds),
                keep_alive: settings.keep_alive.map(|silence| KeepAlive::On {
                    idle: (silence > 0).then(|| milliseconds(silence)),
                    interval: None,
                    count: None,
                }),
            }),
        })
    }

    /// Whether a name is denied whatever its addresses are, so that it need not be looked up.
    #[napi]
    pub fn denies_name(&self, host: String, port: u16) -> bool {
        self.terms.policy.denies_name(&host, port)
    }
}

/// Certificates that may vouch for a server.
#[napi]
pub struct TrustStore {
    store: Arc<tls::TrustStore>,
}

#[napi]
impl TrustStore {
    /// Certificates in DER.
    #[napi(constructor)]
    pub fn new(certificates: Vec<Uint8Array>) -> Self {
        let store = tls::TrustStore::new(certificates.iter().map(|der| der.to_vec()));
        TrustStore { store: Arc::new(store) }
    }
}

/// The settings of a client configuration, checked by the caller.
#[napi(object)]
pub struct TlsContextSettings {
    /// The client's certificate chain in DER, leaf first.
    pub cert: Option<Vec<Uint8Array>>,
    /// Its private key, PKCS#8 DER.
    pub key: Option<Uint8Array>,
    /// Protocols to offer.
    pub alpn: Vec<Uint8Array>,
    /// False accepts any certificate.
    pub reject_unauthorized: bool,
    /// False leaves the name to the caller's own check.
    pub check_name: bool,
    /// Whether to send the server's name.
    pub sni: bool,
    /// Whether TLS 1.2 may be used.
    pub tls12: bool,
    /// Whether TLS 1.3 may be used.
    pub tls13: bool,
    /// The file to append the secrets of each session to.
    pub key_log_file: Option<String>,
}

/// A TLS client configuration, to be kept and used for many connections.
#[napi]
pub struct TlsContext {
    pub(super) context: Arc<tls::Context>,
}

#[napi]
impl TlsContext {
    /// Builds the configuration.
    #[napi(constructor)]
    pub fn new(trust: &TrustStore, settings: TlsContextSettings) -> Result<Self> {
        let version = |is_13| {
            if is_13 {
                tls::Version::Tls13
            } else {
                tls::Version::Tls12
            }
        };
        let bytes = |list: Vec<Uint8Array>| list.iter().map(|item| item.to_vec()).collect();
        let context = tls::Context::new(tls::Settings {
            trust: trust.store.clone(),
            credentials: settings
                .cert
                .zip(settings.key)
                .map(|(cert, key)| (bytes(cert), key.to_vec())),
            alpn: bytes(settings.alpn),
            reject_unauthorized: settings.reject_unauthorized,
            check_name: settings.check_name,
            sni: settings.sni,
            min_version: version(!settings.tls12),
            max_version: version(settings.tls13),
            key_log: settings.key_log_file.map(Into::into),
        });
        match context {
            Ok(context) => Ok(TlsContext {
                context: Arc::new(context),
            }),
            Err(failure) => Err(Error::new(Status::InvalidArg, failure.to_string())),
        }
    }
}
