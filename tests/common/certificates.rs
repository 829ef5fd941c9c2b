//! Certificate authorities, made during the run.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// The name that the certificates of most tests are for.
pub const NAME: &str = "server.test";

/// A certificate chain and the key of its leaf.
#[derive(Clone)]
pub struct Identity {
    /// DER, leaf first.
    pub chain: Vec<Vec<u8>>,
    /// PKCS#8 DER.
    pub key: Vec<u8>,
}

impl Identity {
    /// A certificate that vouches for itself.
    pub fn self_signed(params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Identity {
            chain: vec![certificate.der().to_vec()],
            key: key.serialize_der(),
        }
    }

    /// The certificate itself.
    pub fn leaf(&self) -> Vec<u8> {
        self.chain[0].clone()
    }
}

/// Signs the certificates of others.
pub struct Authority {
    certificate: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// One that vouches for itself.
    pub fn root() -> Self {
        Authority::called("Test Root")
    }

    /// One with this name that vouches for itself.
    pub fn called(name: &str) -> Self {
        Authority::with(authority(name))
    }

    /// One as `params` describe it, that vouches for itself.
    pub fn with(params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().to_vec();
        let issuer = Issuer::new(params, key);
        Authority { certificate, issuer }
    }

    /// One that this one vouches for.
    pub fn intermediate(&self) -> Self {
        self.vouch_for(authority("Test Intermediate"))
    }

    /// One as `params` describe it, that this one vouches for.
    pub fn vouch_for(&self, params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        let issuer = Issuer::new(params, key);
        Authority { certificate, issuer }
    }

    /// Its own certificate, DER.
    pub fn certificate(&self) -> Vec<u8> {
        self.certificate.clone()
    }

    /// A certificate as `params` describe it; the chain is the leaf alone.
    pub fn issue(&self, params: CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            chain: vec![certificate.der().to_vec()],
            key: key.serialize_der(),
        }
    }

    /// The ordinary certificate of a server called [`NAME`].
    pub fn server(&self) -> Identity {
        self.issue(named(NAME))
    }
}

/// A leaf with this name as its alternative name.
pub fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "leaf");
    params
}

/// What `openssl req -x509 -subj /CN=...` makes: an authority, and no alternative name.
pub fn common_name_only(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// What `openssl req -x509 -addext subjectAltName=...` makes.
pub fn authority_named(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// An authority of this name, without anything special about it.
pub fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
