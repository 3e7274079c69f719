//! Hosts: their normal form, and what kind of place an address leads to (threat H4).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

/// What kind of place an IP address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostClass {
    /// Routed on the internet.
    Public,
    /// This machine or a private network.
    Private,
    /// Link-local (cloud metadata), multicast, unspecified, reserved: never a repository.
    Forbidden,
}

impl HostClass {
    /// Classifies an address; IPv4 inside IPv6 counts as what it stands for.
    pub fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => of_v4(ip),
            IpAddr::V6(ip) => embedded_v4(ip).map_or_else(|| of_v6(ip), of_v4),
        }
    }
}

fn of_v4(ip: Ipv4Addr) -> HostClass {
    let [first, second, ..] = ip.octets();
    let shared = first == 100 && (64..128).contains(&second);
    let benchmark = first == 198 && (18..20).contains(&second);
    if first == 0 || first >= 224 || ip.is_link_local() {
        HostClass::Forbidden
    } else if ip.is_loopback() || ip.is_private() || shared || benchmark {
        HostClass::Private
    } else {
        HostClass::Public
    }
}

fn of_v6(ip: Ipv6Addr) -> HostClass {
    // fd00:ec2::254 is the metadata service of one large cloud, inside the range of private networks.
    let metadata = ip == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    if ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local() || metadata {
        HostClass::Forbidden
    } else if ip.is_loopback() || ip.is_unique_local() || ip.segments()[0] & 0xffc0 == 0xfec0 {
        HostClass::Private
    } else {
        HostClass::Public
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped, translated (64:ff9b::/96), 6to4.
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = ip.segments();
    let join = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(join(high, low)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => ip.to_ipv4_mapped(),
    }
}

/// The IP address a normalised host spells, if it spells one.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Whether a name stands for this machine whatever a resolver says.
pub(super) fn is_this_machine(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host == "localhost" || host.ends_with(".localhost")
}

/// Normal form of a host of an `ssh` or `git` address: lower case, numbers spelled the usual way (`0x7f.1` is 127.0.0.1).
pub(super) fn normalise(host: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let bracketed = host.starts_with('[') && host.ends_with(']');
    if host.starts_with('-') {
        return Err("its host begins with a dash and could be taken for an option".to_owned());
    }
    if host.is_empty() || (!bracketed && !host.chars().all(plain)) {
        return Err("its host is not a host name".to_owned());
    }
    let as_url =
        Url::parse(&format!("http://{host}/")).map_err(|error| format!("its host is not valid: {error}"))?;
    Ok(as_url.host_str().unwrap_or_default().to_owned())
}
