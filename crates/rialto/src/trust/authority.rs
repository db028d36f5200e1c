//! An authority for some names and no others, and the one certificate that it signs.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CidrSubnet, DnType, Error,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints,
};

/// How long a certificate is good. Clients refuse those that are good for longer than 398 days.
const DAYS: i64 = 397;

/// This machine's own names.
const OWN: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// As PEM.
pub struct Made {
    /// The authority's certificate.
    pub authority: String,
    /// The server's.
    pub certificate: String,
    /// The server's key.
    pub key: String,
}

/// Makes an authority, has it sign a certificate for these names, and forgets its key.
///
/// # Errors
/// What the library says, which nothing here leads to.
pub fn make(hosts: &[&str], now: Timestamp) -> Result<Made, Error> {
    let today = now.to_zoned(TimeZone::UTC).date();
    // Yesterday, for clients whose clock is behind.
    let days =
        [today.saturating_sub(jiff::Span::new().days(1)), today + jiff::Span::new().days(DAYS - 1)];
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "Rialto, on this machine only");
    valid(&mut params, days);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let names = hosts.iter().chain(&OWN[..1]).map(|&it| GeneralSubtree::DnsName(it.to_owned()));
    // Addresses are free unless they are constrained as well.
    let addresses = [
        GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8)),
        GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(1_u128.to_be_bytes(), 128)),
    ];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: names.chain(addresses).collect(),
        excluded_subtrees: Vec::new(),
    });
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

    let names = hosts.iter().chain(&OWN).map(|&name| name.to_owned());
    let mut params = CertificateParams::new(names.collect::<Vec<_>>())?;
    params.distinguished_name.push(DnType::CommonName, "Rialto");
    valid(&mut params, days);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &authority)?;
    Ok(Made {
        authority: authority.pem(),
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}

fn valid(params: &mut CertificateParams, days: [Date; 2]) {
    let [begins, ends] =
        days.map(|day| rcgen::date_time_ymd(day.year().into(), day.month() as u8, day.day() as u8));
    (params.not_before, params.not_after) = (begins, ends);
}
