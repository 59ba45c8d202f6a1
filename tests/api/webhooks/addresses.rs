//! Server-side request forgery: the addresses that a webhook may not name, in every way to write them.

use std::net::{Ipv4Addr, Ipv6Addr};

use local::Options;
use serde_json::json;
use shared::webhook;

use tests::{receiver::SECRET, stage::Stage};

/// Networks that are not the public internet.
const SPECIAL: [&str; 16] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
];
/// IPv6 addresses that are not, without those that embed one of IPv4.
const SPECIAL_V6: [&str; 24] = [
    "::",
    "::1",
    "::2",
    "100::1",
    "64:ff9b:1::1",
    "2001::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:1ff::1",
    "2001:db8::1",
    "2001:db8:ffff::1",
    "2002:7f00:1::1",
    "2002:808:808::",
    "3fff::1",
    "3fff:fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fdff::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
];

/// The first, the last and another address of a network, and the two beside it.
fn edges(network: &str) -> ([u32; 3], [u32; 2]) {
    let (address, bits) = network.split_once('/').unwrap();
    let first: u32 = address.parse::<Ipv4Addr>().unwrap().to_bits();
    let size = 1_u64 << (32 - bits.parse::<u32>().unwrap());
    let last = u32::try_from(u64::from(first) + size - 1).unwrap();
    (
        [first, last, first + u32::try_from(size / 2).unwrap() % (last - first + 1)],
        [first.wrapping_sub(1), last.wrapping_add(1)],
    )
}

/// The ways to write an address of IPv4 in a URL.
fn written(bits: u32) -> Vec<String> {
    let [a, b, c, d] = bits.to_be_bytes();
    let mapped = Ipv4Addr::from(bits).to_ipv6_mapped();
    let nat64 = Ipv6Addr::from_bits((0x64_ff9b_u128 << 96) | u128::from(bits));
    vec![
        format!("{a}.{b}.{c}.{d}"),
        format!("{a}.{b}.{c}.{d}."),
        bits.to_string(),
        format!("{bits:#x}"),
        format!("0{a:o}.{b}.{c}.{d}"),
        format!("{a}.{}", bits & 0x00ff_ffff),
        format!("[{mapped}]"),
        format!("[{nat64}]"),
    ]
}

#[tokio::test]
async fn no_way_to_write_a_private_address_makes_it_a_webhook() {
    let stage = Stage::with(Options { webhooks: webhook::Settings::default(), ..Options::default() }).await;
    let path = format!("/chatbots/{}", stage.chatbot().await);
    let set = async |host: &str| {
        let body = json!({ "webhook": { "url": format!("https://{host}/hook"), "secret": SECRET } });
        stage.admin().patch(&path, body).await
    };
    let private = |bits: u32| {
        SPECIAL.iter().any(|network| {
            let ([first, last, _], _) = edges(network);
            (first..=last).contains(&bits)
        })
    };
    let inside = SPECIAL.iter().flat_map(|network| edges(network).0).flat_map(written);
    let mut refused: Vec<String> = inside.chain(SPECIAL_V6.map(|address| format!("[{address}]"))).collect();
    refused.sort();
    refused.dedup();
    for host in &refused {
        assert_eq!(set(host).await.invalid(), "webhook.url: must point to a public address", "{host}");
    }
    let beside = SPECIAL.iter().flat_map(|network| edges(network).1).filter(|bits| !private(*bits));
    let accepted: Vec<String> = beside.flat_map(|bits| written(bits).into_iter().take(3)).collect();
    for host in &accepted {
        set(host).await.expect(200);
    }
    println!("{} webhook addresses refused, {} accepted", refused.len(), accepted.len());
    assert!(refused.len() >= 285, "{}", refused.len());
    assert!(accepted.len() >= 60, "{}", accepted.len());
}
