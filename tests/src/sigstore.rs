//! A sigstore of the tests' own: certificate authority, certificate log and transparency log, with their
//! trust root, and what they make of a statement that somebody signs.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType,
    SerialNumber, SigningKey, date_time_ymd,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Predicate of what `cosign sign` signs.
pub const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";
/// Who signs, unless a test says otherwise.
pub const IDENTITY: &str = "https://ci.example/team/web/.ci/release.yaml@refs/heads/main";
/// Who vouches for it.
pub const ISSUER: &str = "https://token.ci.example";
/// 2026-01-02T00:05:00Z, five minutes into the ten minutes of a certificate.
pub const LOGGED_AT: i64 = 1_767_312_300;

/// The authorities. Each can be exchanged, for an attacker has some of his own.
#[derive(Clone)]
pub struct Sigstore {
    /// Certificate authority, as Fulcio.
    pub ca: Arc<Ca>,
    /// Log of certificates, which signs SCTs.
    pub ct: Arc<KeyPair>,
    /// Transparency log, as Rekor.
    pub log: Arc<KeyPair>,
}

/// A certificate that can sign others, and those between it and the trust root.
pub struct Ca {
    params: CertificateParams,
    key: KeyPair,
    certificate: Certificate,
    below: Vec<Vec<u8>>,
}

/// What is signed, by whom, when, and how well.
#[derive(Clone)]
pub struct Ask {
    /// Subject alternative name of the certificate.
    pub identity: String,
    /// OIDC issuer in the certificate.
    pub issuer: String,
    /// SHA-256 in hex that the statement names.
    pub digest: String,
    /// What the statement says of it.
    pub predicate: String,
    /// When the log took it, in seconds since 1970.
    pub logged_at: i64,
    /// Whether the certificate is for code signing.
    pub code_signing: bool,
    /// Whether the certificate has an SCT.
    pub sct: bool,
}

impl Ask {
    /// A signature of an image as it should be.
    pub fn of(digest: &str) -> Self {
        Self {
            identity: IDENTITY.into(),
            issuer: ISSUER.into(),
            digest: digest.trim_start_matches("sha256:").into(),
            predicate: SIGN.into(),
            logged_at: LOGGED_AT,
            code_signing: true,
            sct: true,
        }
    }
}

/// The in-toto statement of `cosign sign`, or of another predicate.
pub fn statement(digest: &str, predicate: &str) -> String {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": digest}}],
        "predicateType": predicate,
        "predicate": {},
    })
    .to_string()
}

/// The DSSE envelope of an in-toto statement.
pub fn envelope(key: &KeyPair, payload: &str) -> Value {
    let kind = "application/vnd.in-toto+json";
    let signed = format!("DSSEv1 {} {kind} {} {payload}", kind.len(), payload.len());
    let signature = key.sign(signed.as_bytes()).expect("signature");
    json!({
        "payload": STANDARD.encode(payload),
        "payloadType": kind,
        "signatures": [{"sig": STANDARD.encode(signature)}],
    })
}

impl Ca {
    fn named(name: &str, is_ca: IsCa) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.serial_number = Some(SerialNumber::from(7));
        (params.not_before, params.not_after) =
            (date_time_ymd(2025, 1, 1), date_time_ymd(2045, 1, 1));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.is_ca = is_ca;
        params
    }

    /// A root of that name.
    pub fn root(name: &str) -> Self {
        let params = Self::named(name, IsCa::Ca(BasicConstraints::Unconstrained));
        let key = KeyPair::generate().expect("key");
        let certificate = params.self_signed(&key).expect("certificate");
        Self {
            params,
            key,
            certificate,
            below: vec![],
        }
    }

    /// One below this, which the trust root does not name. It may lack what makes it an authority.
    pub fn intermediate(&self, is_ca: IsCa) -> Self {
        let params = Self::named("intermediate", is_ca);
        let key = KeyPair::generate().expect("key");
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(&key, &issuer).expect("certificate");
        Self {
            below: vec![certificate.der().to_vec()],
            params,
            key,
            certificate,
        }
    }

    /// A certificate for ten minutes, with the SCT of `ct` in it.
    fn issue(&self, ask: &Ask, key: &KeyPair, ct: &KeyPair) -> Vec<u8> {
        let issuer = Issuer::from_params(&self.params, &self.key);
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.serial_number = Some(SerialNumber::from(42));
        params.not_before = date_time_ymd(2026, 1, 2);
        params.not_after = params.not_before + std::time::Duration::from_secs(600);
        let identity = ask.identity.as_str().try_into().expect("identity");
        params.subject_alt_names = vec![SanType::URI(identity)];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if ask.code_signing {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        }
        let name = tlv(0x0c, ask.issuer.as_bytes());
        let oid = [1, 3, 6, 1, 4, 1, 57264, 1, 8];
        params.custom_extensions = vec![CustomExtension::from_oid_content(&oid, name)];
        let before = params.signed_by(key, &issuer).expect("certificate");
        if !ask.sct {
            return before.der().to_vec();
        }
        let list = sct(ct, &self.key, inner(before.der()));
        let oid = [1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];
        let list = CustomExtension::from_oid_content(&oid, tlv(0x04, &list));
        params.custom_extensions.push(list);
        let logged = params.signed_by(key, &issuer).expect("certificate");
        logged.der().to_vec()
    }
}

impl Default for Sigstore {
    fn default() -> Self {
        Self {
            ca: Arc::new(Ca::root("fulcio")),
            ct: Arc::new(KeyPair::generate().expect("key")),
            log: Arc::new(KeyPair::generate().expect("key")),
        }
    }
}

impl Sigstore {
    /// The trust root that names these authorities.
    pub fn trusted_root(&self) -> Value {
        let log = |key: &KeyPair| {
            json!([{
                "baseUrl": "https://log.example",
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": STANDARD.encode(key.subject_public_key_info()),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": {"start": "2025-01-01T00:00:00Z"},
                },
                "logId": {"keyId": STANDARD.encode(log_id(key))},
            }])
        };
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": log(&self.log),
            "ctlogs": log(&self.ct),
            "certificateAuthorities": [{
                "uri": "https://ca.example",
                "certChain": {"certificates": [
                    {"rawBytes": STANDARD.encode(self.ca.certificate.der())},
                ]},
                "validFor": {"start": "2025-01-01T00:00:00Z"},
            }],
        })
    }

    /// A bundle of format 0.3, or 0.2 where there are certificates between the signer's and the trust root.
    pub fn bundle(&self, ask: &Ask) -> Value {
        let key = KeyPair::generate().expect("key");
        let leaf = self.ca.issue(ask, &key, &self.ct);
        let envelope = envelope(&key, &statement(&ask.digest, &ask.predicate));
        let entry = self.entry(&envelope, &leaf, ask.logged_at);
        let raw = |der: &[u8]| json!({"rawBytes": STANDARD.encode(der)});
        let (version, name, certificates) = if self.ca.below.is_empty() {
            (".v0.3+json", "certificate", raw(&leaf))
        } else {
            let mut chain = vec![raw(&leaf)];
            chain.extend(self.ca.below.iter().map(|der| raw(der)));
            let chain = json!({"certificates": chain});
            ("+json;version=0.2", "x509CertificateChain", chain)
        };
        json!({
            "mediaType": format!("application/vnd.dev.sigstore.bundle{version}"),
            "verificationMaterial": {name: certificates, "tlogEntries": [entry]},
            "dsseEnvelope": envelope,
        })
    }

    /// What the log has of an envelope: the fourth of five entries.
    fn entry(&self, envelope: &Value, leaf: &[u8], logged_at: i64) -> Value {
        let (index, size) = (3, 5);
        let payload = envelope["payload"].as_str().expect("payload");
        let payload = STANDARD.decode(payload).expect("payload");
        let hash =
            |data: &[u8]| json!({"algorithm": "sha256", "value": hex(&Sha256::digest(data))});
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            STANDARD.encode(leaf)
        );
        let body = json!({
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": hash(envelope.to_string().as_bytes()),
                "payloadHash": hash(&payload),
                "signatures": [{
                    "signature": envelope["signatures"][0]["sig"],
                    "verifier": STANDARD.encode(pem),
                }],
            },
        })
        .to_string();
        let mut leaves: Vec<Hash> = (0..size).map(|n: u8| hash_of(&[&[0], &[n]])).collect();
        leaves[index] = hash_of(&[&[0], body.as_bytes()]);
        let root = root(&leaves);
        let id = log_id(&self.log);
        let body = STANDARD.encode(body);
        // RFC 8785: keys in their order.
        let promise = format!(
            r#"{{"body":"{body}","integratedTime":{logged_at},"logID":"{}","logIndex":{index}}}"#,
            hex(&id)
        );
        let promise = self.log.sign(promise.as_bytes()).expect("signature");
        let head = format!("log.example\n{size}\n{}\n", STANDARD.encode(root));
        let mut note = id[..4].to_vec();
        note.extend(self.log.sign(head.as_bytes()).expect("signature"));
        let path: Vec<String> = path(index, &leaves)
            .iter()
            .map(|h| STANDARD.encode(h))
            .collect();
        json!({
            "logIndex": index.to_string(),
            "logId": {"keyId": STANDARD.encode(id)},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": logged_at.to_string(),
            "inclusionPromise": {"signedEntryTimestamp": STANDARD.encode(promise)},
            "inclusionProof": {
                "logIndex": index.to_string(),
                "rootHash": STANDARD.encode(root),
                "treeSize": size.to_string(),
                "hashes": path,
                "checkpoint": {"envelope": format!("{head}\n— log.example {}\n", STANDARD.encode(note))},
            },
            "canonicalizedBody": body,
        })
    }
}

type Hash = [u8; 32];

fn hash_of(parts: &[&[u8]]) -> Hash {
    Sha256::digest(parts.concat()).into()
}

fn log_id(key: &KeyPair) -> Hash {
    hash_of(&[&key.subject_public_key_info()])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Where RFC 6962, section 2.1, cuts a tree of more than one leaf.
fn cut(leaves: &[Hash]) -> usize {
    leaves.len().next_power_of_two() / 2
}

fn root(leaves: &[Hash]) -> Hash {
    if let [leaf] = leaves {
        return *leaf;
    }
    let (left, right) = leaves.split_at(cut(leaves));
    hash_of(&[&[1], &root(left), &root(right)])
}

fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return vec![];
    }
    let at = cut(leaves);
    let (left, right) = leaves.split_at(at);
    let (mut below, beside) = if index < at {
        (path(index, left), root(right))
    } else {
        (path(index - at, right), root(left))
    };
    below.push(beside);
    below
}

/// DER: tag, length, value.
fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("short");
    let mut der = match length {
        0..=127 => vec![tag, value.len().to_le_bytes()[0]],
        _ => [&[tag, 0x82][..], &length.to_be_bytes()].concat(),
    };
    der.extend(value);
    der
}

/// The first element of a DER sequence: of a certificate, what is signed of it.
fn inner(der: &[u8]) -> &[u8] {
    let header = |der: &[u8]| match der[1] {
        length @ 0..=127 => (2, usize::from(length)),
        long => {
            let end = 2 + usize::from(long & 127);
            (
                end,
                der[2..end].iter().fold(0, |n, b| n << 8 | usize::from(*b)),
            )
        }
    };
    let inside = &der[header(der).0..];
    let (start, length) = header(inside);
    &inside[..start + length]
}

/// The list of one SCT over a certificate that has none yet (RFC 6962, section 3.2).
fn sct(ct: &KeyPair, ca: &KeyPair, certificate: &[u8]) -> Vec<u8> {
    let at = u64::try_from(LOGGED_AT * 1000).expect("time").to_be_bytes();
    let length = u32::try_from(certificate.len())
        .expect("short")
        .to_be_bytes();
    let issuer = hash_of(&[&ca.subject_public_key_info()]);
    let signed = [
        &[0, 0][..],
        &at,
        &[0, 1],
        &issuer,
        &length[1..],
        certificate,
        &[0, 0],
    ]
    .concat();
    let signature = ct.sign(&signed).expect("signature");
    let sized = |bytes: Vec<u8>| {
        let length = u16::try_from(bytes.len()).expect("short").to_be_bytes();
        [&length[..], &bytes].concat()
    };
    // SHA-256 with ECDSA.
    let sct = [&[0][..], &log_id(ct), &at, &[0, 0, 4, 3], &sized(signature)].concat();
    sized(sized(sct))
}
