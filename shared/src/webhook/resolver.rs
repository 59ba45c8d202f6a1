//! DNS resolution for webhooks. The client connects to the addresses that are checked here, and to no others.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;

use crate::domain::webhook::NetworkPolicy;

pub(super) struct Resolver(pub(super) NetworkPolicy);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name leads to an address that is not public")]
pub(super) struct NotPublic;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0;
        Box::pin(async move {
            // The port is a placeholder: the URL has one.
            let found = lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(checked(found, policy)?.into_iter()) as Addrs)
        })
    }
}

/// Returns all of the addresses or none: a name with public and private addresses is an attempt to get in.
fn checked(found: Vec<SocketAddr>, policy: NetworkPolicy) -> Result<Vec<SocketAddr>, NotPublic> {
    if found.iter().all(|address| policy.allows(address.ip())) { Ok(found) } else { Err(NotPublic) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_private_address_spoils_a_name() {
        let public: SocketAddr = "8.8.8.8:0".parse().unwrap();
        for private in ["10.0.0.1:0", "127.0.0.1:0", "[fd00:ec2::254]:0", "[::ffff:169.254.169.254]:0"] {
            let private = private.parse().unwrap();
            assert_eq!(checked(vec![public, private], NetworkPolicy::Public), Err(NotPublic));
            assert_eq!(checked(vec![public, private], NetworkPolicy::Anywhere), Ok(vec![public, private]));
        }
        assert_eq!(checked(vec![public, public], NetworkPolicy::Public), Ok(vec![public, public]));
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_refused() {
        let resolved = Resolver(NetworkPolicy::Public).resolve("localhost".parse().unwrap()).await;
        assert!(resolved.err().unwrap().is::<NotPublic>());
    }
}
