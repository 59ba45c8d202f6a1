//! A stack that was upgraded from the last release.

use serde_json::json;
use tests::lists::items;

use super::{Cloud, first::TITLE};

#[tokio::test]
async fn threads_from_before_the_upgrade_go_on() {
    let cloud = Cloud::get();
    let (customer, agent) = (cloud.customer(), cloud.agent());
    let pages = customer.pages("/threads?limit=5").await;
    let threads = items(&pages, "data");
    let earlier = threads.iter().find(|thread| thread["title"] == TITLE).expect("the thread is still there");
    assert_eq!((&earlier["status"], &earlier["metadata"]["order"]), (&json!("agent"), &json!("17")));
    let id = earlier["id"].as_str().unwrap();
    assert_eq!(customer.transcript(id).await, ["[escalated]", "[claimed]"]);
    agent.says(id, "We have upgraded.").await.expect(202);
    agent.releases(id, "bot").await.expect(200);
    let reply = customer.says(id, "Are you back?").await.expect(200);
    assert!(!reply.reply().is_empty());
}
