//! The certificates of one loan: an authority that signs two of them and is then forgotten.

use std::{net::Ipv4Addr, sync::Arc};

use jiff::{SignedDuration, Timestamp, tz::Offset};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::{NoServerSessionStorage, WebPkiClientVerifier},
};
use secrecy::SecretString;

use super::error::ProxyError;
use crate::api::connect::crypto_provider;

/// Where the proxy listens.
pub(super) const ADDRESS: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// A certificate is valid from at least a day before now until at least a day after. Only this machine's clock checks it.
const VALID: SignedDuration = SignedDuration::from_hours(24);

/// What the program needs to connect to the proxy.
pub(super) struct ClientFiles {
    /// PEM of the authority.
    pub(super) authority: String,
    /// PEM of the client's certificate.
    pub(super) certificate: String,
    /// PEM of its key.
    pub(super) key: SecretString,
}

/// Makes the certificates of one loan: gives the TLS of the proxy, and what the program needs.
///
/// # Errors
///
/// Fails when no key can be made, and if rustls has no cryptography provider.
pub(super) fn make() -> Result<(ServerConfig, ClientFiles), ProxyError> {
    let failed = |error: rcgen::Error| ProxyError::Certificate(error.into());
    let mut authority = params("secure-scan loan");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().map_err(failed)?;
    let root = authority.self_signed(&key).map_err(failed)?;
    let issuer = Issuer::new(authority, key);
    let signed = |params: CertificateParams| {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?;
        Ok((certificate, key))
    };
    let mut server = params("secure-scan proxy");
    server.subject_alt_names = vec![SanType::IpAddress(ADDRESS.into())];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let (server, server_key) = signed(server).map_err(failed)?;
    let mut client = params("secure-scan program");
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let (client, client_key) = signed(client).map_err(failed)?;
    let key = PrivatePkcs8KeyDer::from(server_key.serialize_der());
    let config = config(root.der(), server.der().clone(), key.into())?;
    let files = ClientFiles {
        authority: root.pem(),
        certificate: client.pem(),
        key: SecretString::from(client_key.serialize_pem()),
    };
    Ok((config, files))
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    params.distinguished_name = subject;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let now = Timestamp::now();
    let day = |time: Timestamp| {
        let date = Offset::UTC.to_datetime(time).date();
        let [month, day] = [date.month(), date.day()].map(|n| u8::try_from(n).unwrap_or(1));
        date_time_ymd(date.year().into(), month, day)
    };
    params.not_before = day(now.saturating_sub(VALID).unwrap_or(now));
    params.not_after = day(now.saturating_add(VALID * 2).unwrap_or(now));
    params
}

/// Takes only clients that `root` signed. Every connection proves it anew.
fn config(
    root: &CertificateDer<'static>,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, ProxyError> {
    let failed = |error: rustls::Error| ProxyError::Certificate(error.into());
    let builder = crypto_provider::server().ok_or(ProxyError::NoCryptoProvider)?;
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).map_err(failed)?;
    let provider = Arc::clone(builder.crypto_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let clients = clients
        .build()
        .map_err(|error| ProxyError::Certificate(error.into()))?;
    let mut config = builder
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![certificate], key)
        .map_err(failed)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}
