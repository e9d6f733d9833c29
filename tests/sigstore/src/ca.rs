//! The certificate authority, and the log of certificates that signs SCTs.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType,
    SerialNumber, SigningKey as _, date_time_ymd,
};

use crate::{
    Ask, LOGGED_AT,
    der::{inner, tlv},
    hash_of, log_id,
};

/// A certificate that can sign others, and those between it and the trust root.
pub struct Ca {
    params: CertificateParams,
    key: KeyPair,
    pub(crate) certificate: Certificate,
    pub(crate) below: Vec<Vec<u8>>,
}

impl Ca {
    fn named(name: &str, is_ca: IsCa) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.serial_number = Some(SerialNumber::from(7));
        (params.not_before, params.not_after) =
            (date_time_ymd(2025, 1, 1), date_time_ymd(2045, 1, 1));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
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
    #[must_use]
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
    pub(crate) fn issue(&self, ask: &Ask, key: &KeyPair, ct: &KeyPair) -> Vec<u8> {
        let by = if ask.self_signed { key } else { &self.key };
        let issuer = Issuer::from_params(&self.params, by);
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.serial_number = Some(SerialNumber::from(42));
        params.not_before = date_time_ymd(2026, 1, 2);
        params.not_after = params.not_before + std::time::Duration::from_mins(10);
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
        let list = sct(ct, by, inner(before.der()));
        let oid = [1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];
        let list = CustomExtension::from_oid_content(&oid, tlv(0x04, &list));
        params.custom_extensions.push(list);
        let logged = params.signed_by(key, &issuer).expect("certificate");
        logged.der().to_vec()
    }
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
