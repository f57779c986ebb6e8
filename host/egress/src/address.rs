//! Which addresses are the public internet. Everything else (this machine, its networks, the metadata services of clouds)
//! is reached only where somebody lists it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// IPv4 blocks that are not the public internet: the IANA registry of special-purpose addresses, multicast, and one address
/// that is public by number only, the metadata and control service of Azure.
const SPECIAL_V4: [(Ipv4Addr, u8); 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 31, 196, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The only IPv6 block with public addresses, and what of it is special. Tunnels (Teredo, 6to4) end at IPv4 addresses that
/// nobody here could check.
const GLOBAL_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
const SPECIAL_V6: [(Ipv6Addr, u8); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];
/// IPv4 behind a translator: the last four bytes are what is reached.
const TRANSLATED_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// True if an address is public, or in a network that is listed.
pub fn may_reach(address: IpAddr, listed: &[IpNet]) -> bool {
    let address = address.to_canonical();
    is_public(address) || listed.iter().any(|network| network.contains(&address))
}

/// True for an address of the public internet.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|block| holds_v4(*block, address)),
        IpAddr::V6(address) if holds_v6(TRANSLATED_V6, address) => is_public(IpAddr::V4(last_four(address))),
        IpAddr::V6(address) => {
            holds_v6(GLOBAL_V6, address) && !SPECIAL_V6.iter().any(|block| holds_v6(*block, address))
        }
    }
}

fn holds_v4((start, bits): (Ipv4Addr, u8), address: Ipv4Addr) -> bool {
    (start.to_bits() ^ address.to_bits()) >> (32 - bits) == 0
}

fn holds_v6((start, bits): (Ipv6Addr, u8), address: Ipv6Addr) -> bool {
    (start.to_bits() ^ address.to_bits()) >> (128 - bits) == 0
}

fn last_four(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_of_every_block() {
        for (inside, before, after) in [
            ("0.0.0.0 0.255.255.255", "", "1.0.0.0"),
            ("10.0.0.0 10.255.255.255", "9.255.255.255", "11.0.0.0"),
            ("100.64.0.0 100.100.100.200 100.127.255.255", "100.63.255.255", "100.128.0.0"),
            ("127.0.0.1 127.255.255.255", "126.255.255.255", "128.0.0.0"),
            ("168.63.129.16", "168.63.129.15", "168.63.129.17"),
            ("169.254.0.0 169.254.169.254 169.254.255.255", "169.253.255.255", "169.255.0.0"),
            ("172.16.0.0 172.31.255.255", "172.15.255.255", "172.32.0.0"),
            ("192.0.0.192 192.0.2.1", "191.255.255.255", "192.0.1.0"),
            ("192.168.0.0 192.168.255.255", "192.167.255.255", "192.169.0.0"),
            ("198.18.0.0 198.19.255.255", "198.17.255.255", "198.20.0.0"),
            ("198.51.100.7 203.0.113.7", "198.51.99.255", "203.0.114.0"),
            ("224.0.0.1 240.0.0.1 255.255.255.255", "223.255.255.255", ""),
            (":: ::1 ::127.0.0.1 100::1 1fff::1", "", "2000::1"),
            ("2001::1 2001:1ff:: 2001:db8::1 2002:7f00:1::", "2001:200::1", "2003::1"),
            ("3fff::1 3fff:fff::1 4000::1 5f00::1", "3ffe::1", "3fff:1000::1"),
            ("fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1", "", ""),
            ("::ffff:127.0.0.1 ::ffff:10.1.2.3", "::ffff:1.1.1.1", "::ffff:8.8.8.8"),
            ("64:ff9b::7f00:1 64:ff9b::a01:203 64:ff9b:1::1", "64:ff9b::101:101", "64:ff9b::808:808"),
        ] {
            for address in inside.split(' ') {
                assert!(!is_public(address.parse().unwrap()), "{address}");
            }
            for address in [before, after].into_iter().filter(|address| !address.is_empty()) {
                assert!(is_public(address.parse().unwrap()), "{address}");
            }
        }
    }

    #[test]
    fn a_listed_network_is_reached_in_either_spelling() {
        let listed: Vec<IpNet> = vec!["127.0.0.0/30".parse().unwrap(), "fd00::/8".parse().unwrap()];
        for address in ["127.0.0.1", "::ffff:127.0.0.2", "fd00::1", "1.1.1.1"] {
            assert!(may_reach(address.parse().unwrap(), &listed), "{address}");
        }
        for address in ["127.0.0.4", "::1", "fe80::1"] {
            assert!(!may_reach(address.parse().unwrap(), &listed), "{address}");
        }
    }
}
