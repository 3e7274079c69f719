//! Addresses that the hub must not fetch from because somebody told it to (security model 2, threat H4).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address must not be contacted for others; `None` when it may. Asked after the name is resolved, and of the address
/// that is really connected to.
pub fn objection(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => objection_v4(address),
        IpAddr::V6(address) => match embedded(address) {
            Some(inner) => objection_v4(inner),
            None => objection_v6(address),
        },
    }
}

fn objection_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = address.octets();
    if address.is_loopback() {
        Some("a loopback address")
    } else if address.is_link_local() {
        Some("a link-local address, where clouds keep their metadata")
    } else if address.is_private() || (a == 100 && (64..128).contains(&b)) {
        Some("a private address")
    } else if a == 0
        || a >= 224
        || address.is_documentation()
        || matches!([a, b, c], [192, 0, 0] | [198, 18 | 19, _])
    {
        Some("a reserved address")
    } else {
        None
    }
}

fn objection_v6(address: Ipv6Addr) -> Option<&'static str> {
    let first = address.segments()[0];
    if address.is_loopback() {
        Some("a loopback address")
    } else if first & 0xffc0 == 0xfe80 {
        Some("a link-local address")
    } else if first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfec0 {
        Some("a private address")
    } else if first & 0xe000 != 0x2000 || (first == 0x2001 && matches!(address.segments()[1], 0 | 0xdb8)) {
        Some("a reserved address")
    } else {
        None
    }
}

/// The old address inside a new one: mapped, translated, or tunnelled.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let pair = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(pair(high, low)),
        [0x2002, high, low, ..] => Some(pair(high, low)),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(pair(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h4_only_public_addresses_are_fetched_from() {
        for text in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "192.0.0.8",
            "240.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "fec0::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "::7f00:1",
            "2001:db8::1",
        ] {
            assert!(objection(text.parse().unwrap()).is_some(), "{text}");
        }
        for text in [
            "93.184.216.34",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:93.184.216.34",
        ] {
            assert_eq!(objection(text.parse().unwrap()), None, "{text}");
        }
    }
}
